"""One register opened for one run: the rows of any persons, in their order, from as many segments as there are.

Cost follows the persons, not the register: each segment is asked for the persons in its range of ids only. With a
filter, their codes are walked first, and other columns are read for the rows that pass alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from linkage.errors import EventsRejected
from linkage_core.asked_ids import AskedIds, asked_ids, find_persons
from linkage_core.events import (
    Int64s,
    NumberHistory,
    PersonEvents,
    Population,
    RegisterPartition,
    Touched,
    days_of,
)
from linkage_core.kernels.hashed_id_join import count_rows, expand_rows, merge_by_day
from linkage_core.register_columns import RegisterColumn, UInt32s, register_column, wanted_texts

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Which rows a run needs.

    Args:
        column: a column of codes, of texts, or of lists of codes; rows where it is null are dropped.
        wants: whether a row with this code, as it is stored, is needed. Lists are kept where any code is.
    """

    column: str
    wants: Callable[[str], bool]


class RegisterView:
    """A register's segments with one type and one numbering of codes a column; may be asked by several threads.

    Args:
        partitions: segments of one register, oldest delivery first; columns may differ (a missing one is null).
        columns: the columns to read, besides the date; None for all. Names the register lacks are left out.
        history: changed numbers; rows stored under any number a person ever had are hers.
        keep: the rows that matter; None for all.

    Raises:
        EventsRejected: segments disagree about a column's type or the date.
    """

    def __init__(
        self,
        partitions: Sequence[RegisterPartition],
        *,
        columns: Sequence[str] | None = None,
        history: NumberHistory | None = None,
        keep: RowFilter | None = None,
    ) -> None:
        self._segments = list(partitions)
        self._history = history
        self._date_column = _date_column(self._segments)
        batches = [segment.rows for segment in self._segments]
        names = dict.fromkeys(name for batch in reversed(batches) for name in batch.schema.names)
        wanted = set(names) if columns is None else {*columns, self._date_column}
        self._columns = {name: register_column(name, batches) for name in names if name in wanted}
        self._keep = keep

    def events(self, population: Population, *, threads: int = 1) -> PersonEvents:
        """Rows of each person of the population, by date and then in the order of delivery.

        Args:
            population: persons, ascending by hashed id.
            threads: segments searched at once; one where the caller's own threads ask for blocks of persons.

        Raises:
            EventsRejected: a segment is damaged.
        """
        asked = asked_ids(population, self._history)
        with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
            picked = list(pool.map(lambda segment: self._pick(asked, segment), self._segments))
        found = np.zeros(population.persons, np.bool_)
        for one in picked:
            found[one.found] = True
        order, offsets = self._order(picked, persons=population.persons)
        rows = [one.rows for one in picked]
        columns = [column.gather(rows, order) for column in self._columns.values()]
        fields = [
            column.field.with_type(array.type) for column, array in zip(self._columns.values(), columns, strict=True)
        ]
        return PersonEvents(
            offsets=offsets,
            rows=pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields)),
            found=found,
            touched=self._touched(picked),
        )

    def _pick(self, asked: AskedIds, segment: RegisterPartition) -> _Picked:
        here = asked.within(segment)
        places = find_persons(segment, here.high, here.low)
        offsets = segment.offsets.astype(np.uint32, copy=False)
        counts = count_rows(places, offsets, segment.rows.num_rows)
        rows = expand_rows(places, counts, offsets)
        hits = np.flatnonzero(counts)
        person, lengths = here.person[hits], counts[hits]
        found, looked_at = person, len(rows)
        if self._keep is not None:
            kept = _passes(segment.rows, rows, self._keep)
            owner = np.repeat(np.arange(len(lengths)), lengths)[kept]
            lengths = np.bincount(owner, minlength=len(lengths)).astype(np.int64)
            rows = rows[kept]
            person, lengths = person[lengths > 0], lengths[lengths > 0]
        return _Picked(person, lengths, rows, found, looked_at, len(here.high))

    def _order(self, picked: Sequence[_Picked], *, persons: int) -> tuple[Int64s | None, Int64s]:
        """Order that brings the picked rows to the population's order (None where they stand in it), and offsets."""
        person = np.concatenate([np.empty(0, np.int64), *(one.person for one in picked)])
        lengths = np.concatenate([np.empty(0, np.int64), *(one.lengths for one in picked)])
        counts = np.zeros(persons, np.int64)
        np.add.at(counts, person, lengths)
        offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        if (person[1:] > person[:-1]).all():
            return None, offsets
        ends = np.cumsum(lengths)
        by_person = np.argsort(person, kind="stable")
        slices_of_person = np.concatenate(([0], np.cumsum(np.bincount(person, minlength=persons)))).astype(np.int64)
        if self._date_column is None:
            days = np.zeros(int(lengths.sum()), np.int32)
        else:
            days = days_of(self._columns[self._date_column].gather([one.rows for one in picked], None))
        return merge_by_day(days, (ends - lengths)[by_person], ends[by_person], slices_of_person), offsets

    def _touched(self, picked: Sequence[_Picked]) -> Touched:
        return Touched(
            segments=sum(one.asked > 0 for one in picked),
            persons=sum(len(one.found) for one in picked),
            rows=sum(one.looked_at for one in picked),
            bytes=sum(
                _bytes_read(one, segment, self._columns, number, self._keep)
                for number, (one, segment) in enumerate(zip(picked, self._segments, strict=True))
            ),
        )


@dataclass(frozen=True, slots=True)
class _Picked:
    """Rows of one segment, slice after slice: the person and the number of rows of each; and what it cost.

    `found` are the persons with any row, before the filter; `looked_at` their rows; `asked` the ids looked up.
    """

    person: Int64s
    lengths: Int64s
    rows: UInt32s
    found: Int64s
    looked_at: int
    asked: int


def _bytes_read(
    picked: _Picked, segment: RegisterPartition, columns: dict[str, RegisterColumn], number: int, keep: RowFilter | None
) -> int:
    widths = [_width(column.parts[number]) for column in columns.values()]
    walked = _width(segment.rows.column(keep.column)) if keep and keep.column in segment.rows.schema.names else 0
    return 20 * picked.asked + 8 * len(picked.found) + int(len(picked.rows) * sum(widths) + picked.looked_at * walked)


def _width(part: pa.Array | None) -> float:
    """Bytes a row of a column, without its dictionary."""
    if part is None or len(part) == 0:
        return 0.0
    return float((part.indices if pa.types.is_dictionary(part.type) else part).nbytes) / len(part)


def _passes(rows: pa.RecordBatch, numbers: UInt32s, keep: RowFilter) -> Bools:
    if keep.column not in rows.schema.names:
        return np.zeros(len(numbers), np.bool_)
    column = rows.column(keep.column).take(pa.array(numbers))
    lengths = None
    if pa.types.is_list(column.type):
        lengths = np.asarray(pc.list_value_length(column).fill_null(0))
        column = column.flatten()
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    table = np.append(wanted_texts(column.dictionary, keep.wants), 0).astype(np.bool_)
    passes: Bools = table[np.asarray(column.indices.cast(pa.int64()).fill_null(len(table) - 1))]
    if lengths is None:
        return passes
    passing: Bools = np.bincount(np.repeat(np.arange(len(lengths)), lengths)[passes], minlength=len(lengths)) > 0
    return passing


def _date_column(segments: Sequence[RegisterPartition]) -> str | None:
    names = {segment.date_column for segment in segments}
    if len(names) > 1:
        raise EventsRejected("segments of one register are sorted by different date columns.", mend="Compact it.")
    return names.pop() if names else None
