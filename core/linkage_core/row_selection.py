"""Which rows of persons a run needs: codes are tested, each distinct one once, before any other column is read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from linkage_core.kernels.hashed_id_join import list_rows
from linkage_core.register_columns import RegisterColumn, check_codes, dictionary_of, register_column
from linkage_core.row_filter import RowFilter
from linkage_core.segment_rows import SegmentColumn, SegmentRows, UInt8s

Bools = npt.NDArray[np.bool_]


class AnySelection:
    """Rows that any of several filters keeps, each told by a column of its own.

    Args:
        selections: over the same segments.
    """

    def __init__(self, selections: Sequence[RowSelection]) -> None:
        self._selections = selections

    def of(self, number: int, rows: SegmentRows) -> SegmentRows:
        """Those of a segment's rows that any filter wants; runs stay, also empty ones."""
        kept = [selection.of(number, rows).numbers for selection in self._selections]
        listed = np.unique(np.concatenate(kept))
        # Runs may stand in any order, and two of them may be one: rows are found again from their run.
        first = np.searchsorted(listed, rows.starts, side="left").astype(np.uint32)
        ends = np.searchsorted(listed, rows.starts.astype(np.int64) + rows.counts, side="left")
        counts = (ends - first).astype(np.uint32)
        return SegmentRows(rows.starts, counts, listed[list_rows(first, counts)])

    def bytes_per_row(self, number: int) -> float:
        """Bytes read to test a row of a segment."""
        return sum(selection.bytes_per_row(number) for selection in self._selections)


class RowSelection:
    """A row filter laid over the segments of a register.

    Args:
        keep: the filter; a list of codes passes where any of its codes does.
        batches: the segments' rows, oldest first; none of a segment that lacks the column is wanted.
        known: the filter's column over these segments, where it was opened already.

    `kept_codes` says which codes the rows have that it wants, as `PersonEvents` does; None where it cannot be told.
    """

    def __init__(
        self, keep: RowFilter, batches: Sequence[pa.RecordBatch], *, known: RegisterColumn | None = None
    ) -> None:
        self._keep = keep
        self._parts: tuple[SegmentColumn | None, ...] = (None,) * len(batches)
        self._tables: list[UInt8s | None] = [None] * len(batches)
        self.kept_codes: tuple[str, UInt8s] | None = None
        if not any(keep.column in batch.schema.names for batch in batches):
            return
        column = known or register_column(keep.column, batches)
        self._parts = column.parts
        shared = None if column.texts is None else keep.wanted(column.texts)
        for number, (part, codes) in enumerate(zip(column.parts, column.codes, strict=True)):
            texts = None if part is None else dictionary_of(part.array)
            if texts is None:
                continue
            own = keep.wanted(texts) if shared is None or codes is None else shared[codes[:-1]]
            self._tables[number] = np.append(own, np.uint8(0))
        if shared is not None and pa.types.is_dictionary(column.field.type):
            self.kept_codes = keep.column, shared

    def of(self, number: int, rows: SegmentRows) -> SegmentRows:
        """Those of a segment's rows that are wanted; runs stay, also empty ones."""
        part = self._parts[number]
        if part is None:
            return SegmentRows(rows.starts, np.zeros_like(rows.counts), rows.numbers[:0])
        table = self._tables[number]
        if table is not None and part.is_coded:
            return part.select(table, rows)
        passes = self._passes(part.taken(rows), table, part.field.name)
        ends = np.concatenate(([0], np.cumsum(passes)))[np.cumsum(rows.counts, dtype=np.int64)]
        return SegmentRows(rows.starts, np.diff(ends, prepend=0).astype(np.uint32), rows.numbers[passes])

    def bytes_per_row(self, number: int) -> float:
        """Bytes read to test a row of a segment."""
        part = self._parts[number]
        return 0.0 if part is None else part.bytes_per_row

    def _passes(self, column: pa.Array, table: UInt8s | None, name: str) -> Bools:
        """For each row of a column of texts, or of lists of codes or texts, whether it is wanted."""
        if pa.types.is_list(column.type):
            check_codes(column, name)
            lengths = np.asarray(pc.list_value_length(column).fill_null(0))
            within = self._passes(column.flatten(), table, name)
            passing = np.repeat(np.arange(len(lengths)), lengths)[within]
            return np.asarray(np.bincount(passing, minlength=len(lengths)) > 0)
        coded = column if pa.types.is_dictionary(column.type) else column.cast(pa.string()).dictionary_encode()
        if table is None:
            table = np.append(self._keep.wanted(coded.dictionary), np.uint8(0))
        codes = np.asarray(coded.indices.cast(pa.int64()).fill_null(len(table) - 1), np.int64)
        return table[codes].astype(np.bool_)
