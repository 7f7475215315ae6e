"""Takes rows in, in bounded memory, and turns them into segments that nobody sees until a manifest names them."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa

from linkage.errors import EventsRejected, StateConflict
from linkage_core.events import Int32s, days_of, split_ids
from linkage_core.kernels.hashed_id_sort import sort_order
from linkage_server.registers.code_book import books_for
from linkage_server.registers.manifest import Segment
from linkage_server.registers.segments import write_segment
from linkage_server.registers.spill import HIGH, LOW, SpilledRuns, one_batch
from linkage_server.storage.files import disk_refusals, fsync_folder

DEFAULT_MEMORY_BYTES = 1 << 30
# While a group of rows becomes a segment it is held three times: mapped runs, one batch, gathered.
COPIES_WHILE_SORTING = 3
SORT_BYTES_PER_ROW = 64


class LoadSession:
    """Rows of one delivery on their way into a register; `RegisterStore.begin_load` makes it and publishes it.

    Args:
        folder: the register's folder; its write lock is held.
        date_column: sorts the rows of a person; None for a register without dates.
        memory_bytes: how much may be held at once, about; more is spilled to disk.
    """

    def __init__(self, folder: Path, *, date_column: str | None, memory_bytes: int) -> None:
        self._folder = folder
        self._date_column = date_column
        self._memory_bytes = memory_bytes
        self._working = folder / "loading" / secrets.token_hex(8)
        with disk_refusals():
            self._working.mkdir(parents=True)
        self._runs = SpilledRuns(self._working)
        self._schema: pa.Schema | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_bytes = 0
        self.rows = 0

    def add(self, hashed_ids: pa.FixedSizeBinaryArray, rows: pa.RecordBatch) -> None:
        """Take rows in, in the order of delivery.

        Args:
            hashed_ids: whose each row is; no nulls.
            rows: the same columns in each call; texts plain or with a dictionary.

        Raises:
            EventsRejected: columns differ from the first call, an id is null, or the lengths differ.
            StorageFull: no room to spill.
        """
        self._check(hashed_ids, rows)
        high, low = split_ids(hashed_ids)
        encoded = [
            self._books[field.name].encode(column) if field.name in self._books else column
            for field, column in zip(rows.schema, rows.columns, strict=True)
        ]
        names = [HIGH, LOW, *rows.schema.names]
        batch = pa.RecordBatch.from_arrays([pa.array(high), pa.array(low), *encoded], names=names)
        self._waiting.append(batch)
        self._waiting_bytes += batch.nbytes
        self.rows += batch.num_rows
        if self._waiting_bytes * COPIES_WHILE_SORTING > self._memory_bytes:
            self._spill()

    def write_segments(self) -> tuple[Segment, ...]:
        """Sort everything taken in and write it as segments, by ascending range of ids; still named by no manifest.

        Raises:
            StorageFull: no room; what was written goes with the session.
        """
        if self._waiting and (self._runs or self._too_large(self._waiting_bytes, self.rows)):
            self._spill()
        if self._runs:
            bytes_per_row = self._runs.bytes / self._runs.rows * COPIES_WHILE_SORTING + SORT_BYTES_PER_ROW
            groups = self._runs.groups(most_rows=max(1, int(self._memory_bytes / bytes_per_row)))
        else:
            groups = iter([one_batch(self._waiting)] if self.rows else [])
        with disk_refusals():
            (self._folder / "segments").mkdir(exist_ok=True)
            segments = tuple(self._write(group) for group in groups)
            fsync_folder(self._folder / "segments")
        return segments

    def close(self) -> None:
        """Remove runs and half-written segments."""
        self._waiting.clear()
        shutil.rmtree(self._working, ignore_errors=True)

    def _check(self, hashed_ids: pa.FixedSizeBinaryArray, rows: pa.RecordBatch) -> None:
        if not self._working.exists():
            raise StateConflict("this load has ended; no more rows can be added.", mend="Begin a new load.")
        if len(hashed_ids) != rows.num_rows:
            raise EventsRejected("a load needs one hashed id a row.")
        if self._schema is None:
            if self._date_column is not None and self._date_column not in rows.schema.names:
                raise EventsRejected(f"the rows have no column {self._date_column!r} to sort by.")
            self._schema = rows.schema
            self._books = books_for(rows.schema)
        if not rows.schema.equals(self._schema):
            raise EventsRejected("the columns differ from those of the rows before.", mend="Load them separately.")

    def _too_large(self, size: int, rows: int) -> bool:
        return size * COPIES_WHILE_SORTING + rows * SORT_BYTES_PER_ROW > self._memory_bytes

    def _spill(self) -> None:
        with disk_refusals():
            self._runs.write(one_batch(self._waiting))
        self._waiting.clear()
        self._waiting_bytes = 0

    def _write(self, group: pa.RecordBatch) -> Segment:
        high, low = group.column(HIGH).to_numpy(), group.column(LOW).to_numpy()
        days = self._days(group)
        order = sort_order(high, low, days)
        prepared = self._working / f"segment-{secrets.token_hex(8)}"
        prepared.mkdir()
        segment = write_segment(
            prepared, high=high[order], low=low[order], days=days[order], rows=self._rows(group, pa.array(order))
        )
        fsync_folder(prepared)
        final = self._folder / "segments" / segment.segment_id
        # The same rows may be there already, under another snapshot: segments are named by their content.
        if not final.exists():
            prepared.rename(final)
        return segment

    def _days(self, group: pa.RecordBatch) -> Int32s:
        if self._date_column is None:
            return np.zeros(group.num_rows, np.int32)
        return days_of(group.column(self._date_column))

    def _rows(self, group: pa.RecordBatch, order: pa.Array) -> pa.RecordBatch:
        """The group's rows in `order`, with texts as narrow codes."""
        assert self._schema is not None
        columns = [
            self._column(name, column, order)
            for name, column in zip(group.schema.names[2:], group.columns[2:], strict=True)
        ]
        fields = [field.with_type(column.type) for field, column in zip(self._schema, columns, strict=True)]
        return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))

    def _column(self, name: str, column: pa.Array, order: pa.Array) -> pa.Array:
        if name not in self._books:
            return _in_order(column, order)
        if pa.types.is_list(column.type):
            return self._books[name].decode(_in_order(column, order))
        # Narrow first: rows are fetched from all over the column, and a column of two bytes a row fits the cache.
        return _in_order(self._books[name].decode(column), order)


def _in_order(column: pa.Array, places: pa.Array) -> pa.Array:
    """The rows of a column in another order; one that holds nothing, as many do, is in every order already."""
    return column if column.null_count == len(column) else column.take(places)
