"""Writes rows of a register's segments anew: merged into fewer, without hidden persons, or under other ids.

Segments are sorted by id. So the rows of a range of ids lie side by side in each of them, and a register is rewritten
range by range: in bounded memory, nothing spilled, and each finished range stays finished when the rest is killed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage_core.dictionaries import concatenate, is_code_list, narrow_codes
from linkage_core.events import Int64s, RegisterPartition, UInt64s, days_of, join_ids, split_ids
from linkage_core.kernels.hashed_id_sort import sort_order
from linkage_core.narrow_columns import logical_schema, widen
from linkage_server.registers.manifest import Segment
from linkage_server.registers.segments import write_segment

BUCKETS = 1 << 16
# Of a row's stored bytes, what is held at once at most: wide columns beside what was gathered so far.
COPIES_WHILE_MERGING = 6
SORT_BYTES_PER_ROW = 64

MapIds = Callable[[pa.FixedSizeBinaryArray], pa.FixedSizeBinaryArray]


@dataclass(frozen=True, slots=True)
class PersonSlice:
    """Persons [first, last) of a partition, with all their rows."""

    partition: RegisterPartition
    first: int
    last: int

    @property
    def rows(self) -> int:
        """Rows, hidden ones too."""
        offsets = self.partition.offsets
        return int(offsets[self.last]) - int(offsets[self.first])


def rows_that_fit(partitions: Sequence[RegisterPartition], memory_bytes: int) -> int:
    """How many rows can be merged at once."""
    rows = sum(partition.rows.num_rows for partition in partitions)
    stored = sum(partition.rows.nbytes for partition in partitions) / max(1, rows)
    return max(1, int(memory_bytes / (stored * COPIES_WHILE_MERGING + SORT_BYTES_PER_ROW)))


def ranges_of_ids(partitions: Sequence[RegisterPartition], *, most_rows: int) -> list[list[PersonSlice]]:
    """The partitions cut at the same ids, by at most about `most_rows` rows; ascending, partitions in their order."""
    edges = np.arange(1, BUCKETS, dtype=np.uint64) << np.uint64(48)
    starts = [
        np.concatenate(([0], np.searchsorted(partition.keys_hi, edges), [partition.persons])).astype(np.int64)
        for partition in partitions
    ]
    rows = np.zeros(BUCKETS + 1, np.int64)
    for partition, places in zip(partitions, starts, strict=True):
        rows += partition.offsets[places].astype(np.int64)
    ranges = []
    first = 0
    while first < BUCKETS:
        last = max(first + 1, int(np.searchsorted(rows, rows[first] + most_rows, side="right")) - 1)
        slices = [
            PersonSlice(partition, int(places[first]), int(places[last]))
            for partition, places in zip(partitions, starts, strict=True)
            if places[first] < places[last]
        ]
        if slices:
            ranges.append(slices)
        first = last
    return ranges


def newest_schema(partitions: Sequence[RegisterPartition]) -> pa.Schema:
    """Every column that any partition has, as readers see it, by its newest definition."""
    fields: dict[str, pa.Field] = {}
    for partition in reversed(partitions):
        for field in logical_schema(partition.rows.schema):
            fields.setdefault(field.name, field)
    return pa.schema(list(fields.values()))


def write_merged(
    slices: Sequence[PersonSlice], folder: Path, *, schema: pa.Schema, map_ids: MapIds | None = None
) -> Segment | None:
    """Write the rows of the slices as one segment, sorted by (id, date, order of delivery).

    Args:
        slices: of partitions of one register, oldest delivery first.
        folder: exists, empty.
        schema: the columns, see `newest_schema`; what a partition lacks is null.
        map_ids: changes whose the rows are.

    Returns:
        None where no row is left, for all are hidden; nothing is written then.
    """
    high, low, kept = _owners(slices, map_ids)
    if not len(high):
        return None
    date_column = slices[0].partition.date_column
    if date_column is None:
        days = np.zeros(len(high), np.int32)
    else:
        days = days_of(_column(slices, kept, schema.field(date_column)))
    order = sort_order(high, low, days)
    places = pa.array(order)
    columns = [alphabetical(_column(slices, kept, field).take(places)) for field in schema]
    fields = [field.with_type(column.type) for field, column in zip(schema, columns, strict=True)]
    rows = pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))
    return write_segment(folder, high=high[order], low=low[order], days=days[order], rows=rows)


def alphabetical(column: pa.Array) -> pa.Array:
    """A column of codes with only the texts its rows use, in alphabetical order; other columns as they are.

    Equal rows then give equal bytes, and no text of a person who was left out stays behind.
    """
    if is_code_list(column.type):
        lengths = pc.list_value_length(column).fill_null(0)
        offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
        mask = column.is_null() if column.null_count else None
        return pa.ListArray.from_arrays(pa.array(offsets), alphabetical(column.flatten()), mask=mask)
    if not pa.types.is_dictionary(column.type):
        return column
    texts, indices = column.dictionary, column.indices
    used = np.flatnonzero(np.bincount(indices.drop_null().to_numpy(), minlength=len(texts)))
    present = texts.take(pa.array(used))
    order = pc.array_sort_indices(present)
    codes = np.zeros(max(1, len(texts)), np.uint32)
    codes[used[order.to_numpy()]] = np.arange(len(used), dtype=np.uint32)
    return narrow_codes(pa.array(codes).take(indices), present.take(order))


def _owners(slices: Sequence[PersonSlice], map_ids: MapIds | None) -> tuple[UInt64s, UInt64s, list[Int64s | None]]:
    """Words of the id of every row that is kept, and of each slice the rows that are kept (None: all)."""
    highs, lows, kept = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)], []
    for part in slices:
        persons = slice(part.first, part.last)
        high, low = part.partition.keys_hi[persons], part.partition.keys_lo[persons]
        if map_ids is not None:
            high, low = split_ids(map_ids(join_ids(high, low)))
        ends = part.partition.offsets[part.first : part.last + 1].astype(np.int64)
        counts = ends[1:] - ends[:-1]
        seen = _seen(part)
        kept.append(None if seen is None else np.flatnonzero(np.repeat(seen, counts)))
        if seen is not None:
            counts = counts * seen
        highs.append(np.repeat(high, counts))
        lows.append(np.repeat(low, counts))
    return np.concatenate(highs), np.concatenate(lows), kept


def _seen(part: PersonSlice) -> np.ndarray[tuple[int], np.dtype[np.bool_]] | None:
    """Of each person of the slice, whether her rows may be seen; None where all may."""
    hidden = part.partition.hidden
    if hidden is None:
        return None
    inside = hidden[(hidden >= part.first) & (hidden < part.last)] - part.first
    if not len(inside):
        return None
    seen = np.ones(part.last - part.first, np.bool_)
    seen[inside] = False
    return seen


def _column(slices: Sequence[PersonSlice], kept: Sequence[Int64s | None], field: pa.Field) -> pa.Array:
    pieces = []
    for part, rows in zip(slices, kept, strict=True):
        batch = part.partition.rows
        if field.name not in batch.schema.names:
            pieces.append(pa.nulls(part.rows if rows is None else len(rows), field.type))
            continue
        column = batch.column(field.name).slice(int(part.partition.offsets[part.first]), part.rows)
        if rows is not None:
            column = column.take(pa.array(rows))
        column = widen(column, batch.schema.field(field.name))
        pieces.append(column if column.type == field.type else column.cast(field.type))
    return concatenate(pieces)
