"""Counts one block of persons by the row variables of each crossing: all indicators of the same rows in one pass."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from linkage_core.indicators.values import Bools, Int32s, Int64s, PersonValues, RowEntries, RowValues
from linkage_core.indicators.window_sums import (
    MEASURES_AT_ONCE,
    WEIGHTS_AT_ONCE,
    LevelMeasure,
    LevelSums,
    SummedByLevel,
    bits_by_window,
)
from linkage_core.kernels.count_levels import count_levels
from linkage_core.partial_counts import RowKey, UsedLevels
from linkage_core.person_sets import PersonSets


@dataclass(frozen=True, slots=True)
class RowQuestion:
    """Whom to count by a row variable, and what to add up of them.

    Args:
        values: of one parameter point, one a period.
        among: sets of persons, one for each of the values.
        sets: that these are.
        counted, added: names of the set and of the sum; "" for none.
    """

    values: Sequence[PersonValues]
    row: str
    among: Sequence[int]
    sets: PersonSets
    counted: str
    added: str

    @property
    def rows(self) -> list[RowValues | None]:
        """The values by the row variable."""
        return [value.rows.get(self.row) for value in self.values]


@dataclass
class RowCounts:
    """Counts by row variables while they grow.

    Args:
        levels: by row variable.
        persons: int64, cells x (periods + 1) x levels, the last period being all of them.
        sums: int64, cells x periods x levels.
    """

    levels: dict[str, UsedLevels]
    persons: dict[RowKey, Int64s] = field(default_factory=dict)
    sums: dict[RowKey, Int64s] = field(default_factory=dict)

    def count(self, strata: tuple[str, ...], questions: Sequence[RowQuestion], cell: Int32s, *, cells: int) -> None:
        """Count by one crossing of strata: straight from the rows where values are still to be added up."""
        together: dict[tuple[str, int], list[RowQuestion]] = {}
        for question in questions:
            source = _source(question, self.levels[question.row])
            if source is None:
                self._count_entries(strata, question, cell, cells=cells)
            else:
                together.setdefault((question.row, id(source)), []).append(question)
        for group in together.values():
            self._count_rows(strata, group, cell, cells=cells)

    def over_levels(self, added: str, strata: tuple[str, ...], rows: Collection[str]) -> Int64s | None:
        """int64, periods x cells: a sum over all levels, if it is counted by any of some row variables.

        Args:
            rows: row variables of which every row has one level.
        """
        found = (self.sums[added, strata, row] for row in rows if (added, strata, row) in self.sums)
        by_level = next(found, None)
        return None if by_level is None else np.asarray(by_level.sum(axis=2).T, np.int64)

    def use(self, values: Sequence[PersonValues], row: str) -> None:
        """Note the levels of values that are not counted by them."""
        for value in values:
            self.levels[row].used[_entries(value.rows.get(row), self.levels[row]).level] = 1

    def _count_rows(
        self, strata: tuple[str, ...], questions: Sequence[RowQuestion], cell: Int32s, *, cells: int
    ) -> None:
        row, source = questions[0].row, _summed(questions[0])[0].source
        alike: dict[tuple[int, ...], list[RowQuestion]] = {}
        for question in questions:
            key = (_positive(question), *question.among, *map(id, _counted(question)))
            alike.setdefault(key, []).append(question)
        for here in _batches([part for group in alike.values() for part in _parts(group)]):
            tally = source.count([measure for measure, _ in here], cell, self.levels[row].used, cells=cells)
            column = 0
            for _, group in here:
                for question in group:
                    if question.counted:
                        self.persons[question.counted, strata, row] = tally[..., column]
                for number, question in enumerate(_adding(group), start=1):
                    self.sums[question.added, strata, row] = tally[:, :-1, :, column + number]
                column += 1 + len(_adding(group))

    def _count_entries(self, strata: tuple[str, ...], question: RowQuestion, cell: Int32s, *, cells: int) -> None:
        levels = self.levels[question.row]
        entries = [_entries(rows, levels) for rows in question.rows]
        counts = np.zeros((cells, len(entries) + 1, len(levels.names)), np.int64)
        sums = np.zeros((cells, len(entries), len(levels.names)), np.int64) if question.added else None
        count_levels(
            [part.person for part in entries],
            [part.level for part in entries],
            [part.value for part in entries] if question.added else None,
            [question.sets.mask(one).view(np.uint8) for one in question.among],
            cell,
            levels.used,
            counts,
            sums,
        )
        if question.counted:
            self.persons[question.counted, strata, question.row] = counts
        if sums is not None:
            self.sums[question.added, strata, question.row] = sums


def row_levels(values: Sequence[PersonValues]) -> dict[str, UsedLevels]:
    """Levels of each row variable, none of them used yet."""
    listed: dict[str, dict[int, tuple[str, ...]]] = {}
    for value in values:
        for name, rows in value.rows.items():
            # Values share one long tuple more often than not: it is told by its identity before its names are read.
            listed.setdefault(name, {})[id(rows.levels)] = rows.levels
    found = {}
    for name, lists in listed.items():
        one, *others = lists.values()
        names = tuple(dict.fromkeys(level for levels in (one, *others) for level in levels)) if others else one
        found[name] = UsedLevels(names, np.zeros(len(names), np.uint8))
    return found


def _source(question: RowQuestion, levels: UsedLevels) -> LevelSums | None:
    """What the values are added up from, if it can be counted as it is: its windows are the values', in order."""
    rows = question.rows
    if not all(isinstance(part, SummedByLevel) for part in rows):
        return None
    summed = _summed(question)
    source = summed[0].source
    fits = (
        [part.window for part in summed] == list(range(source.windows.count))
        and all(part.source is source and part.weight == summed[0].weight for part in summed)
        and not (summed[0].as_persons and question.added)
        and source.names == levels.names
    )
    return source if fits else None


def _summed(question: RowQuestion) -> list[SummedByLevel]:
    return cast(list[SummedByLevel], question.rows)


def _positive(question: RowQuestion) -> int:
    first = _summed(question)[0]
    return first.weight if first.as_persons else -1


def _counted(question: RowQuestion) -> list[Bools]:
    return [part.reasons.counted for part in _summed(question)]


def _adding(group: Sequence[RowQuestion]) -> list[RowQuestion]:
    return [question for question in group if question.added]


def _parts(group: Sequence[RowQuestion]) -> Iterator[tuple[LevelMeasure, Sequence[RowQuestion]]]:
    """Measures of so few weights that a kernel takes them, and what each answers."""
    for first in range(0, len(group), WEIGHTS_AT_ONCE):
        part = group[first : first + WEIGHTS_AT_ONCE]
        yield _measure(part), part


def _batches(
    parts: Sequence[tuple[LevelMeasure, Sequence[RowQuestion]]],
) -> list[list[tuple[LevelMeasure, Sequence[RowQuestion]]]]:
    """Measures that a kernel takes together: few of them, and of few weights."""
    batches: list[list[tuple[LevelMeasure, Sequence[RowQuestion]]]] = []
    weights: set[int] = set()
    for part in parts:
        own = part[0].weights
        if not batches or len(batches[-1]) == MEASURES_AT_ONCE or len(weights | own) > WEIGHTS_AT_ONCE:
            batches.append([])
            weights = set()
        batches[-1].append(part)
        weights |= own
    return batches


def _measure(group: Sequence[RowQuestion]) -> LevelMeasure:
    added = tuple(_summed(question)[0].weight for question in _adding(group))
    first, positive = group[0], _positive(group[0])
    everybody = all(part.reasons.everybody for part in _summed(first))
    # Who contributes to an amount is everybody counted who has rows.
    with_rows = everybody and positive < 0 and all(value.summed is not None for value in first.values)
    among = None if with_rows else np.ascontiguousarray(first.sets.bits[list(first.among)].T)
    return LevelMeasure(positive, added, among, None if everybody else bits_by_window(_counted(first)))


def _entries(split: RowValues | None, levels: UsedLevels) -> RowEntries:
    if split is None:
        return RowEntries(
            levels.names, np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int64), partitions_rows=True
        )
    rows = split.entries()
    if rows.levels is levels.names or rows.levels == levels.names:
        return rows
    place = UsedLevels(rows.levels, levels.used).places(levels.names).astype(np.int32)
    level = place[rows.level] if len(place) else rows.level
    return RowEntries(levels.names, rows.person, level, rows.value, rows.partitions_rows)
