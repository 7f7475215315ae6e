"""One register opened for one run: the rows of any persons, in their order, from as many segments as there are.

Cost follows the persons, not the register: each segment is asked for the persons in its range of ids only. With a
filter, their codes are walked first, and other columns are read for the rows that pass alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from linkage.errors import EventsRejected
from linkage_core.asked_ids import AskedIds, asked_ids, find_rows
from linkage_core.events import (
    Int64s,
    NumberHistory,
    PersonEvents,
    Population,
    RegisterPartition,
    Touched,
    days_of,
)
from linkage_core.kernels.hashed_id_join import merge_by_day
from linkage_core.kernels.row_offsets import offsets_of_counts
from linkage_core.persons_at_least import persons_at_least
from linkage_core.register_columns import register_column
from linkage_core.row_filter import RowFilter
from linkage_core.row_selection import AnySelection, RowSelection
from linkage_core.segment_rows import SegmentRows

BYTES_ASKED = 20
"""Of the directory and the keys, for an id that is looked up."""
BYTES_FOUND = 8
"""Of the offsets, for a person who is found."""


class RegisterView:
    """A register's segments with one type and one numbering of codes a column; may be asked by several threads.

    Args:
        partitions: segments of one register, oldest delivery first; columns may differ (a missing one is null).
        columns: the columns to read, besides the date; None for all. Names the register lacks are left out.
        history: changed numbers; rows stored under any number a person ever had are hers.
        keep: the rows that matter: those of one filter, or of any of several; None for all.

    Raises:
        EventsRejected: segments disagree about a column's type or the date.
    """

    def __init__(
        self,
        partitions: Sequence[RegisterPartition],
        *,
        columns: Sequence[str] | None = None,
        history: NumberHistory | None = None,
        keep: RowFilter | Sequence[RowFilter] | None = None,
    ) -> None:
        self._segments = list(partitions)
        self._history = history
        self._date_column = _date_column(self._segments)
        batches = [segment.rows for segment in self._segments]
        names = dict.fromkeys(name for batch in reversed(batches) for name in batch.schema.names)
        wanted = set(names) if columns is None else {*columns, self._date_column}
        self._columns = {name: register_column(name, batches) for name in names if name in wanted}
        self._selection: RowSelection | AnySelection | None = None
        if keep is not None:
            filters = [keep] if isinstance(keep, RowFilter) else keep
            selections = [RowSelection(one, batches, known=self._columns.get(one.column)) for one in filters]
            self._selection = selections[0] if len(selections) == 1 else AnySelection(selections)

    @property
    def segments(self) -> Sequence[RegisterPartition]:
        """The segments, oldest delivery first."""
        return self._segments

    @property
    def history(self) -> NumberHistory | None:
        """Changed numbers."""
        return self._history

    @property
    def rows_a_person(self) -> float:
        """Rows of a person whom the register knows, on average and before the filter; rather too many than too few."""
        persons = persons_at_least(self._segments)
        rows: int = sum(segment.rows.num_rows for segment in self._segments)
        return rows / max(persons, 1)

    def events(self, population: Population, *, threads: int = 1) -> PersonEvents:
        """Rows of each person of the population, by date and then in the order of delivery.

        Args:
            population: persons, ascending by hashed id.
            threads: segments searched at once; one where the caller's own threads ask for blocks of persons.

        Raises:
            EventsRejected: a segment is damaged.
        """
        asked = asked_ids(population, self._history)
        segments = range(len(self._segments))
        if threads > 1 and len(segments) > 1:
            with ThreadPoolExecutor(max_workers=threads) as pool:
                picked = list(pool.map(lambda number: self._pick(asked, number), segments))
        else:
            picked = [self._pick(asked, number) for number in segments]
        found = np.zeros(population.persons, np.bool_)
        for one in picked:
            found[one.person] = True
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
            kept_codes=self._selection.kept_codes if isinstance(self._selection, RowSelection) else None,
        )

    def _pick(self, asked: AskedIds, number: int) -> _Picked:
        segment = self._segments[number]
        here = asked.within(segment)
        starts, counts, found = find_rows(segment, here.high, here.low)
        person, every = here.person, SegmentRows(starts, counts)
        if found < len(counts):
            hits = np.flatnonzero(counts)
            person = hits + person.start if isinstance(person, slice) else person[hits]
            every = SegmentRows(starts[hits], counts[hits])
        # Who has no row that is wanted stays, with none: leaving her out would cost more than she does.
        rows = every if self._selection is None else self._selection.of(number, every)
        return _Picked(person, rows, asked=len(counts), found=found, looked_at=len(every))

    def _order(self, picked: Sequence[_Picked], *, persons: int) -> tuple[Int64s | None, Int64s]:
        """Order that brings the picked rows to the population's order (None where they stand in it), and offsets."""
        if len(picked) == 1 and isinstance(picked[0].person, slice):
            offsets = np.empty(persons + 1, np.int64)
            offsets_of_counts(picked[0].rows.counts, picked[0].person.start, offsets)
            return None, offsets
        offsets = np.zeros(persons + 1, np.int64)
        person = np.concatenate([np.empty(0, np.int64), *(one.positions for one in picked)])
        lengths = np.concatenate([np.empty(0, np.int64), *(one.rows.counts for one in picked)])
        if (person[1:] > person[:-1]).all():
            offsets[1:][person] = lengths
            return None, np.cumsum(offsets, out=offsets)
        np.add.at(offsets[1:], person, lengths)
        np.cumsum(offsets, out=offsets)
        ends = np.cumsum(lengths)
        by_person = np.argsort(person, kind="stable")
        slices_of_person = np.concatenate(([0], np.cumsum(np.bincount(person, minlength=persons)))).astype(np.int64)
        if self._date_column is None:
            days = np.zeros(int(lengths.sum()), np.int32)
        else:
            days = days_of(self._columns[self._date_column].gather([one.rows for one in picked], None))
        return merge_by_day(days, (ends - lengths)[by_person], ends[by_person], slices_of_person), offsets

    def _touched(self, picked: Sequence[_Picked]) -> Touched:
        read = 0.0
        for number, one in enumerate(picked):
            parts = [column.parts[number] for column in self._columns.values()]
            read += len(one.rows) * sum(part.bytes_per_row for part in parts if part is not None)
            read += one.asked * BYTES_ASKED + one.found * BYTES_FOUND
            if self._selection is not None:
                read += one.looked_at * self._selection.bytes_per_row(number)
        return Touched(
            segments=sum(one.asked > 0 for one in picked),
            persons=sum(one.found for one in picked),
            rows=sum(one.looked_at for one in picked),
            bytes=round(read),
        )


@dataclass(frozen=True, slots=True)
class _Picked:
    """Rows of one segment, and what finding them cost.

    Args:
        person: whose each run of `rows` is: positions, or one slice of them.
        rows: the rows that are wanted.
        asked: number of ids looked up.
        found: ids with any row, wanted or not.
        looked_at: number of their rows.
    """

    person: Int64s | slice
    rows: SegmentRows
    asked: int
    found: int
    looked_at: int

    @property
    def positions(self) -> Int64s:
        """int64, one a run of `rows`."""
        if isinstance(self.person, slice):
            return np.arange(self.person.start, self.person.stop, dtype=np.int64)
        return self.person


def _date_column(segments: Sequence[RegisterPartition]) -> str | None:
    names = {segment.date_column for segment in segments}
    if len(names) > 1:
        raise EventsRejected("segments of one register are sorted by different date columns.", mend="Compact it.")
    return names.pop() if names else None
