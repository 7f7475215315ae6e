"""Rows chosen in one segment, and a column as it lies there: buffers that kernels read in place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage.errors import EventsRejected
from linkage_core.kernels.gather_rows import gather_listed, gather_runs, gather_validity, renumber
from linkage_core.kernels.hashed_id_join import list_rows, select_rows
from linkage_core.narrow_columns import base_of

UInt8s = npt.NDArray[np.uint8]
UInt32s = npt.NDArray[np.uint32]
Int32s = npt.NDArray[np.int32]
Numbers = npt.NDArray[Any]


@dataclass(frozen=True)
class SegmentRows:
    """Rows of a segment, person after person.

    Args:
        starts, counts: uint32, the run of rows of each person; every row of the run unless `listed`.
        listed: uint32, the rows a filter kept of the runs; None where it kept all.
        tested: the column that the filter tested, and int32, the codes of the listed rows in it.
    """

    starts: UInt32s
    counts: UInt32s
    listed: UInt32s | None = None
    tested: tuple[SegmentColumn, Int32s] | None = None

    def __len__(self) -> int:
        return self._rows

    @cached_property
    def numbers(self) -> UInt32s:
        """uint32, the row numbers."""
        return list_rows(self.starts, self.counts) if self.listed is None else self.listed

    @cached_property
    def _rows(self) -> int:
        return int(self.counts.sum(dtype=np.int64)) if self.listed is None else len(self.listed)


class SegmentColumn:
    """A column of a segment, in its narrow type."""

    def __init__(self, array: pa.Array, field: pa.Field) -> None:
        self.array = array
        self.field = field
        self.is_coded = pa.types.is_dictionary(array.type)
        self._numbers = array.indices if self.is_coded else array
        self._base = base_of(field)
        self._validity: UInt8s | None = None
        if array.null_count and self._numbers.buffers()[0] is not None:
            self._validity = np.frombuffer(self._numbers.buffers()[0], np.uint8)

    def with_own_texts(self) -> SegmentColumn:
        """The column with its dictionary copied: facts are kept about it, which must not keep a mapped file open."""
        if not self.is_coded:
            return self
        texts = self.array.dictionary.take(pa.array(np.arange(len(self.array.dictionary))))
        return SegmentColumn(pa.DictionaryArray.from_arrays(self.array.indices, texts, safe=False), self.field)

    @property
    def has_nulls(self) -> bool:
        """Whether any row is null."""
        return self._validity is not None

    @cached_property
    def bytes_per_row(self) -> float:
        """Bytes of a row, without the dictionary."""
        return float(self._numbers.nbytes) / max(1, len(self.array))

    @cached_property
    def _values(self) -> Numbers:
        """The buffer as integers of its width; a slice starts at its own first row."""
        kind = self._numbers.type
        width = kind.bit_width // 8
        unsigned = self.is_coded or (pa.types.is_unsigned_integer(kind) and width < 8)
        values = self._numbers.buffers()[1]
        if values is None:
            return np.empty(0, np.dtype(f"{'u' if unsigned else 'i'}{width}"))
        return np.frombuffer(
            values, np.dtype(f"{'u' if unsigned else 'i'}{width}"), len(self.array), self._numbers.offset * width
        )

    def select(self, wanted: UInt8s, rows: SegmentRows) -> SegmentRows:
        """The rows of whole runs whose code is wanted; runs stay, also empty ones. See `select_rows`."""
        listed, counts, codes = select_rows(
            self._values, self._validity, self._numbers.offset, wanted, rows.starts, rows.counts
        )
        return SegmentRows(rows.starts, counts, listed, (self, codes))

    def values_into(self, out: Numbers, rows: SegmentRows) -> int:
        """Write the logical values of `rows`, anything where they are null; returns a number no stored one is above."""
        if rows.listed is None:
            return gather_runs(self._values, self._base, rows.starts, rows.counts, out)
        return gather_listed(self._values, self._base, rows.listed, out)

    def codes_into(self, out: Int32s, rows: SegmentRows, table: Int32s, *, keeps: bool) -> None:
        """Write the codes of `rows` as `table` numbers them; anything where they are null.

        Args:
            keeps: the table leaves every code as it is.

        Raises:
            EventsRejected: a code has no text.
        """
        if rows.tested is not None and rows.tested[0] is self:
            # They were read to be tested, and only codes with a text pass.
            out[:] = rows.tested[1]
            if keeps:
                return
        elif self.values_into(out, rows) < len(table) - 1 and keeps:
            return
        possible = renumber(out, table, out)
        if not possible and (self._validity is None or (out[self._filled(rows)] == table[-1]).any()):
            raise EventsRejected(f"column {self.field.name!r}: a code has no text; the segment is damaged.")

    def taken(self, rows: SegmentRows) -> pa.Array:
        """These rows, of a column that no kernel reads.

        Raises:
            EventsRejected: a list or a text lies outside its values.
        """
        if not _lie_within(self.array, rows.numbers):
            raise EventsRejected(f"column {self.field.name!r}: an offset leads outside; the segment is damaged.")
        return self.array.take(pa.array(rows.numbers))

    def validity_into(self, out: UInt8s, rows: SegmentRows) -> None:
        """Write 1 for each row that has a value, else 0."""
        if self._validity is None:
            out[:] = 1
        else:
            gather_validity(self._validity, self._numbers.offset, rows.numbers, out)

    def _filled(self, rows: SegmentRows) -> npt.NDArray[np.bool_]:
        filled = np.empty(len(rows), np.uint8)
        self.validity_into(filled, rows)
        return filled.astype(np.bool_)


def _lie_within(array: pa.Array, rows: UInt32s) -> bool:
    """Whether the lists and texts of these rows lie inside their values: Arrow follows a damaged offset anywhere."""
    kind = array.type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    is_large = pa.types.is_large_list(kind) or pa.types.is_large_string(kind) or pa.types.is_large_binary(kind)
    is_text = pa.types.is_string(kind) or pa.types.is_binary(kind) or (is_large and not is_list)
    if not (is_list or is_text) or not len(rows):
        return True
    _, buffer, *behind = array.buffers()
    width = 8 if is_large else 4
    offsets = np.frombuffer(buffer, np.dtype(f"i{width}"), len(array) + 1, array.offset * width)
    starts, ends = offsets[rows], offsets[1:][rows]
    length = len(array.values) if is_list else 0 if behind[0] is None else behind[0].size
    if (starts < 0).any() or (ends < starts).any() or (ends > length).any():
        return False
    if not is_list or pa.types.is_primitive(array.values.type) or pa.types.is_dictionary(array.values.type):
        return True
    return _lie_within(array.values, list_rows(starts.astype(np.uint32), (ends - starts).astype(np.uint32)))
