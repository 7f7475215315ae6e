"""Counts one block of persons: from their values to what the block adds to a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from linkage_core.count_rows import RowCounts, RowQuestion, row_levels
from linkage_core.events import Population
from linkage_core.grids import CountingPlan, Grid
from linkage_core.indicators.values import NO_ROWS, OK, Bools, Int32s, Int64s, Measure, PersonValues, UInt8s
from linkage_core.kernels.count_persons import add_fractions, add_values, count_persons
from linkage_core.partial_counts import PartialCounts, UsedLevels
from linkage_core.points import Point, person_columns, point_of, sum_columns, values_by_point
from linkage_core.set_relations import POPULATION, family

FRACTION_SCALE = 1_000_000
"""A mean of fractions is a sum of whole millionths, so that sums of parts are sums of wholes to the last digit."""


def count_block(values: Sequence[PersonValues], *, population: Population, plan: CountingPlan) -> PartialCounts:
    """Count the persons of a block in every grid, and by the row variables of each crossing.

    Args:
        values: as `evaluate` returns them, for this block.
        population: the block.
        plan: made for the whole population.
    """
    points = values_by_point(values)
    named = [point_of(point) for point in points]
    levels = {name: rule.levels(population) for name, rule in plan.rules.items()}
    counting = _Counting(plan, levels, population.persons, named, row_levels(values))
    for point, own_values in zip(named, points, strict=True):
        counting.count_point(point, own_values)
    counting.count_rows()
    for point, own_values in zip(named, points, strict=True):
        counting.count_reasons(point, own_values)
    return PartialCounts(
        points=tuple(named),
        persons=tuple(counting.persons),
        sums=tuple(counting.sums),
        persons_by_row=counting.by_row.persons,
        sums_by_row=counting.by_row.sums,
        levels=counting.by_row.levels,
        reasons=counting.reasons,
        families={name: family(sets) for name, sets in counting.families.items()},
        met={pair: _met(levels, plan.grid(pair)) for pair in plan.strangers()},
    )


def _met(levels: Mapping[str, Int32s], pair: Grid) -> Int64s:
    one, two = (levels[name].astype(np.int64) for name in pair.strata)
    return np.unique(one * pair.sizes[1] + two)


@dataclass
class _PersonSet:
    """A set of persons: one mask a period, and its counts by grid once they are known."""

    masks: tuple[Bools, ...]
    mark: int
    columns: dict[int, Int64s] = field(default_factory=dict)

    @cached_property
    def bits(self) -> UInt8s:
        return np.concatenate([np.packbits(mask) for mask in self.masks])

    def everyone(self) -> Bools:
        """Who is in it in any period."""
        return _union(self.masks)


@dataclass
class _Reasons:
    """Reasons of persons, once for all values that have the same."""

    value: PersonValues
    mark: int
    masks: dict[str, UInt8s] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def has_value(self) -> Bools:
        # Comparing bytes is far cheaper than looking each of them up.
        places = [place for place, reason in enumerate(self.value.reasons) if reason in (OK, NO_ROWS)]
        return _union([self.value.reason == place for place in places])

    def bits(self, reason: str) -> UInt8s:
        if reason not in self.masks:
            place = self.value.reasons.index(reason) if reason in self.value.reasons else 255
            self.masks[reason] = np.packbits(self.value.reason == place)
        return self.masks[reason]

    def persons(self, reason: str) -> int:
        if reason not in self.counts:
            self.counts[reason] = _ones(self.bits(reason))
        return self.counts[reason]


class _Counting:
    """The counts of a block while they grow."""

    def __init__(
        self,
        plan: CountingPlan,
        levels: Mapping[str, Int32s],
        persons: int,
        points: Sequence[Point],
        row_levels: dict[str, UsedLevels],
    ) -> None:
        self._plan, self._levels, self._size = plan, levels, persons
        self._cells = {grid.strata: grid.cell_of(levels, persons=persons) for grid in plan.grids}
        self._person_columns, self._sum_columns = person_columns(points), sum_columns(points)
        self._marks = 0
        self._reasons_by_object: dict[int, _Reasons] = {}
        self._reasons_by_content: dict[tuple[tuple[str, ...], int], list[_Reasons]] = {}
        self._denominators: dict[tuple[int, ...], _PersonSet] = {}
        self._contributors: dict[tuple[object, ...], _PersonSet] = {}
        counts, sums = _width(self._person_columns, first=1), _width(self._sum_columns, first=0)
        self.persons = [np.zeros((counts, grid.cells), np.int64) for grid in plan.grids]
        self.sums = [np.zeros((sums, grid.cells), np.int64) for grid in plan.grids]
        self.by_row = RowCounts(row_levels)
        self._row_questions: dict[tuple[str, ...], list[RowQuestion]] = {}
        self.reasons: dict[str, int] = {}
        self.families: dict[str, dict[str, tuple[int, UInt8s]]] = {}
        everybody = self._set([np.ones(persons, np.bool_)])
        self._remember("", POPULATION, everybody)
        self._count_columns(everybody, slice(0, 1))

    def count_point(self, point: Point, values: Sequence[PersonValues]) -> None:
        """Count one parameter point of one indicator: its sets, its sums, and both by row variables."""
        denominator = self._denominator(point, values)
        self._remember("/".join(point.periods), point.denominator, denominator)
        self._count_columns(denominator, self._person_columns[point.denominator])
        counted = denominator
        if point.counted:
            counted = self._numerator(point, values, denominator)
            self._remember(point.indicator, point.counted, counted)
            self._count_columns(counted, self._person_columns[point.counted])
        # Days at risk are those of the whole denominator, an amount that of its contributors.
        among = denominator if point.measure is Measure.YES_NO else counted
        if point.added:
            self._add_columns(point, values, among)
        axes = [(crossing.strata, row) for crossing in self._plan.crossings for row in point.row_axes(crossing) if row]
        for strata, row in dict.fromkeys(axes):
            questions = self._row_questions.setdefault(strata, [])
            questions.extend(_row_questions(point, values, row, counted=counted, among=among))
        # A level that no crossing asks for of this indicator is one all the same, if another is split by it.
        for row in {*point.rows} - {row for _, row in axes}:
            self.by_row.use(values, row)

    def count_rows(self) -> None:
        """Count by row variables what the points ask for: those that share rows together."""
        for strata, questions in self._row_questions.items():
            grid = self._plan.grid(strata)
            cell = self._cells[strata] if strata in self._cells else grid.cell_of(self._levels, persons=self._size)
            self.by_row.count(strata, questions, cell, cells=grid.cells)

    def count_reasons(self, point: Point, values: Sequence[PersonValues]) -> None:
        """Count why persons have no value, or a 0 for lack of rows, over everybody only."""
        known = list({id(one): one for one in map(self._reasons_of, values)}.values())
        for reason in point.reasons:
            if len(known) == 1:
                mark = -(known[0].mark * 256 + known[0].value.reasons.index(reason) + 1)
                bits, persons = known[0].bits(reason), known[0].persons(reason)
            else:
                mark, bits = self._next_mark(), np.bitwise_or.reduce([one.bits(reason) for one in known])
                persons = _ones(bits)
            self.families[""][point.reason(reason)] = (mark, bits)
            self.reasons[point.reason(reason)] = persons

    def _denominator(self, point: Point, values: Sequence[PersonValues]) -> _PersonSet:
        known = [self._reasons_of(value) for value in values]
        place = (bool(point.periods), *(one.mark for one in known))
        if place not in self._denominators:
            masks = {one.mark: one.has_value() for one in known}
            self._denominators[place] = self._set([masks[one.mark] for one in known])
        return self._denominators[place]

    def _numerator(self, point: Point, values: Sequence[PersonValues], denominator: _PersonSet) -> _PersonSet:
        """Amounts of the same rows hold the same objects: their contributors are one set."""
        pairs = list(zip(values, denominator.masks, strict=True))
        if point.measure is Measure.YES_NO or any(value.contributes is None for value in values):
            return self._set([_says_yes(point, value, mask) for value, mask in pairs])
        place = (bool(point.periods), *((id(value.contributes), id(mask)) for value, mask in pairs))
        if place not in self._contributors:
            self._contributors[place] = self._set([_says_yes(point, value, mask) for value, mask in pairs])
        return self._contributors[place]

    def _reasons_of(self, value: PersonValues) -> _Reasons:
        """The reasons of a value; values often share them, as objects or by content."""
        known = self._reasons_by_object.get(id(value.reason))
        if known is not None and known.value.reasons == value.reasons:
            return known
        whole_words = len(value.reason) // 8 * 8
        digest = int(np.bitwise_xor.reduce(value.reason[:whole_words].view(np.uint64), initial=np.uint64(0)))
        alike = self._reasons_by_content.setdefault((value.reasons, digest), [])
        known = next((one for one in alike if np.array_equal(one.value.reason, value.reason)), None)
        if known is None:
            known = _Reasons(value, self._next_mark())
            alike.append(known)
        self._reasons_by_object[id(value.reason)] = known
        return known

    def _count_columns(self, persons: _PersonSet, columns: slice) -> None:
        for number, grid in enumerate(self._plan.grids):
            if number not in persons.columns:
                persons.columns[number] = self._count(persons, grid, columns.stop - columns.start)
            self.persons[number][columns] = persons.columns[number]

    def _count(self, persons: _PersonSet, grid: Grid, columns: int) -> Int64s:
        counts = np.zeros((columns, grid.cells), np.int64)
        masks = list(persons.masks)
        if columns > len(masks):
            masks.append(persons.everyone())
        first: dict[int, int] = {}
        for column, mask in enumerate(masks[:columns]):
            known = first.setdefault(id(mask), column)
            if known < column:
                counts[column] = counts[known]
            else:
                count_persons(self._cells[grid.strata], mask.view(np.uint8), counts[column])
        return counts

    def _add_columns(self, point: Point, values: Sequence[PersonValues], among: _PersonSet) -> None:
        columns = self._sum_columns[point.added]
        for grid, sums in zip(self._plan.grids, self.sums, strict=True):
            cell = self._cells[grid.strata]
            for column, value, mask in zip(sums[columns], values, among.masks, strict=True):
                _add(point, value, cell, mask.view(np.uint8), column)

    def _set(self, masks: Sequence[Bools]) -> _PersonSet:
        return _PersonSet(tuple(masks), self._next_mark())

    def _remember(self, family_name: str, name: str, persons: _PersonSet) -> None:
        self.families.setdefault(family_name, {})[name] = (persons.mark, persons.bits)

    def _next_mark(self) -> int:
        self._marks += 1
        return self._marks


def _ones(bits: UInt8s) -> int:
    return int(np.bitwise_count(bits).sum())


def _width(columns: Mapping[str, slice], *, first: int) -> int:
    return max((part.stop for part in columns.values()), default=first)


def _union(masks: Sequence[Bools]) -> Bools:
    different = list({id(mask): mask for mask in masks}.values())
    return different[0] if len(different) == 1 else np.asarray(np.logical_or.reduce(different), np.bool_)


def _says_yes(point: Point, value: PersonValues, has_value: Bools) -> Bools:
    if point.measure is Measure.YES_NO:
        return np.asarray(has_value & (value.value > 0), np.bool_)
    return has_value & (value.contributes if value.contributes is not None else value.value != 0)


def _add(point: Point, value: PersonValues, cell: Int32s, among: UInt8s, sums: Int64s) -> None:
    if point.measure is Measure.FRACTION:
        of = np.ones(len(cell), np.int64) if value.of is None else np.asarray(value.of, np.int64)
        add_fractions(cell, among, np.asarray(value.value, np.int64), of, sums, scale=FRACTION_SCALE)
    elif point.measure is Measure.AMOUNT:
        add_values(cell, among, np.asarray(value.value, np.int64), sums)
    elif value.person_days is not None:
        add_values(cell, among, value.person_days, sums)


def _row_questions(
    point: Point, values: Sequence[PersonValues], row: str, *, counted: _PersonSet, among: _PersonSet
) -> list[RowQuestion]:
    if point.counted and point.added and counted is among:
        return [RowQuestion(values, row, among.masks, point.counted, point.added)]
    questions = []
    if point.counted:
        questions.append(RowQuestion(values, row, counted.masks, point.counted, ""))
    if point.added:
        questions.append(RowQuestion(values, row, among.masks, "", point.added))
    return questions
