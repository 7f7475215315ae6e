"""Joins a population to a register: the rows of its persons, in its order, from as many segments as there are.

Cost follows the population, not the register: each segment is asked for the persons in its range of ids only, and only
their rows are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from linkage.errors import EventsRejected
from linkage_core.dictionaries import concatenate, is_code_list
from linkage_core.events import (
    Int64s,
    NumberHistory,
    PersonEvents,
    Population,
    RegisterPartition,
    UInt64s,
    days_of,
    split_ids,
)
from linkage_core.kernels.hashed_id_index import build_directory, probe_persons, walk_persons
from linkage_core.kernels.hashed_id_join import count_rows, expand_rows, merge_by_day
from linkage_core.number_history import ids_ever

# Measured with 3.3 million persons: the directory takes 38 ns a probe at 3 %, 10 ns at half of them and 7 ns at all;
# walking both lists takes 113, 12 and 4.5 ns.
WALK_FROM_SHARE = 0.7


def join_events(
    population: Population,
    partitions: Iterable[RegisterPartition],
    *,
    history: NumberHistory | None = None,
    threads: int = 1,
) -> PersonEvents:
    """Rows of each person of the population, by date and then in the order of delivery.

    Args:
        population: persons, ascending by hashed id.
        partitions: segments of one register, oldest delivery first; columns may differ (a missing one is null).
        history: changed numbers; rows stored under any number a person ever had are hers.
        threads: partitions searched and gathered at once; the result is the same for any number.

    Raises:
        EventsRejected: partitions disagree about a column's type or the date, or one is damaged.
    """
    asked = _asked_ids(population, history)
    segments = list(partitions)
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        slices = list(pool.map(lambda segment: _find_rows(asked, segment), segments))
    rows = _concatenate([found.rows for found in slices])
    order, offsets = _order_by_person(slices, rows, _date_column(segments), persons=population.persons)
    return PersonEvents(
        offsets=offsets,
        rows=rows if order is None else rows.take(pa.array(order)),
        found=np.diff(offsets) > 0,
    )


def find_persons(partition: RegisterPartition, high: UInt64s, low: UInt64s) -> Int64s:
    """Position of each ascending id among the partition's persons, -1 where it has none."""
    if len(high) >= WALK_FROM_SHARE * partition.persons:
        return walk_persons(partition.keys_hi, partition.keys_lo, high, low)
    directory = partition.directory
    if directory is None:
        directory = build_directory(partition.keys_hi, partition.keys_lo)
    return probe_persons(partition.keys_hi, partition.keys_lo, directory, high, low)


@dataclass(frozen=True, slots=True)
class _AskedIds:
    """Ids to look up, ascending, and whose they are: several for a person whose number changed."""

    high: UInt64s
    low: UInt64s
    person: Int64s


@dataclass(frozen=True, slots=True)
class _Slices:
    """Rows gathered from one segment, slice after slice: the person and the number of rows of each."""

    person: Int64s
    lengths: Int64s
    rows: pa.RecordBatch


def _asked_ids(population: Population, history: NumberHistory | None) -> _AskedIds:
    high, low = split_ids(population.hashed_ids)
    person = np.arange(population.persons, dtype=np.int64)
    if history is None or len(history.old) == 0:
        return _AskedIds(high, low, person)
    high, low, person = ids_ever(high, low, history)
    order = np.lexsort((person, low, high))
    return _AskedIds(high[order], low[order], person[order])


def _find_rows(asked: _AskedIds, segment: RegisterPartition) -> _Slices:
    # A segment covers a range of ids; only the probes inside it are looked up.
    if segment.persons:
        first = int(np.searchsorted(asked.high, segment.keys_hi[0], side="left"))
        last = int(np.searchsorted(asked.high, segment.keys_hi[-1], side="right"))
    else:
        first = last = 0
    places = find_persons(segment, asked.high[first:last], asked.low[first:last])
    offsets = segment.offsets.astype(np.uint32, copy=False)
    counts = count_rows(places, offsets, segment.rows.num_rows)
    numbers = expand_rows(places, counts, offsets)
    hits = np.flatnonzero(counts)
    return _Slices(asked.person[first:last][hits], counts[hits], segment.rows.take(pa.array(numbers)))


def _order_by_person(
    slices: Sequence[_Slices], rows: pa.RecordBatch, date_column: str | None, *, persons: int
) -> tuple[Int64s | None, Int64s]:
    """Order that brings the gathered rows to the population's order (None where they stand in it), and offsets."""
    person = np.concatenate([np.empty(0, np.int64), *(found.person for found in slices)])
    lengths = np.concatenate([np.empty(0, np.int64), *(found.lengths for found in slices)])
    counts = np.zeros(persons, np.int64)
    np.add.at(counts, person, lengths)
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    if (person[1:] > person[:-1]).all():
        return None, offsets
    ends = np.cumsum(lengths)
    by_person = np.argsort(person, kind="stable")
    slices_of_person = np.concatenate(([0], np.cumsum(np.bincount(person, minlength=persons)))).astype(np.int64)
    days = days_of(rows.column(date_column)) if date_column is not None else np.zeros(rows.num_rows, np.int32)
    order = merge_by_day(days, (ends - lengths)[by_person], ends[by_person], slices_of_person)
    return order, offsets


def _date_column(segments: Sequence[RegisterPartition]) -> str | None:
    names = {segment.date_column for segment in segments}
    if len(names) > 1:
        raise EventsRejected("segments of one register are sorted by different date columns.", mend="Compact it.")
    return names.pop() if names else None


def _concatenate(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """One batch with every column any segment has, newest type first; what a segment lacks is null."""
    if not batches:
        return pa.RecordBatch.from_pydict({})
    if len(batches) == 1:
        return batches[0]
    columns = {}
    for name in dict.fromkeys(name for batch in reversed(batches) for name in batch.schema.names):
        fields = [batch.schema.field(name) for batch in batches if name in batch.schema.names]
        columns[fields[-1]] = concatenate([_column(batch, name, fields[-1].type) for batch in batches])
    schema = pa.schema([field.with_type(column.type) for field, column in columns.items()])
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=schema)


def _column(batch: pa.RecordBatch, name: str, kind: pa.DataType) -> pa.Array:
    if name not in batch.schema.names:
        return pa.nulls(batch.num_rows, kind)
    column = batch.column(name)
    if _words(column.type) != _words(kind):
        raise EventsRejected(
            f"column {name!r} is {column.type} in an older segment and {kind} in a newer one.",
            mend="Load the older deliveries again under the newer definition.",
        )
    return column


def _words(kind: pa.DataType) -> pa.DataType:
    """A column's type but for the width of its codes, which differs from segment to segment."""
    if pa.types.is_dictionary(kind):
        return pa.dictionary(pa.uint32(), kind.value_type)
    if is_code_list(kind):
        return pa.list_(pa.dictionary(pa.uint32(), kind.value_type.value_type))
    return kind
