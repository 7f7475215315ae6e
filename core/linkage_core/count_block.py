"""Counts one block of persons: from their values to what the block adds to a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from linkage_core.class_counts import count_classes
from linkage_core.count_rows import RowCounts, RowQuestion, row_levels
from linkage_core.counted_persons import block_persons
from linkage_core.events import Population
from linkage_core.grids import CountingPlan, Grid
from linkage_core.indicators.values import Int32s, Int64s, Measure, PersonValues, Summed
from linkage_core.inhabitant_counts import count_among_inhabitants
from linkage_core.inhabitant_plan import InhabitantPlan
from linkage_core.kernels.count_persons import add_fractions, add_values, count_sets
from linkage_core.layout import Layout, layout_of
from linkage_core.partial_counts import PartialCounts
from linkage_core.person_sets import EVERYBODY, PersonSets, UInt64s
from linkage_core.point_sets import PointSets, sets_of_points
from linkage_core.points import Point
from linkage_core.rounded_ratios import rounded_ratios
from linkage_core.set_relations import POPULATION, family

FRACTION_SCALE = 1_000_000
"""A mean of fractions is a sum of whole millionths, so that sums of parts are sums of wholes to the last digit."""

CELLS_MARKED = 1 << 20
"""Pairs of levels are marked in so many cells at most; among more, those that occur are sorted."""


def count_block(
    values: Sequence[PersonValues],
    *,
    population: Population,
    plan: CountingPlan,
    layout: Layout | None = None,
    inhabitants: InhabitantPlan | None = None,
    keep_persons: bool = False,
) -> PartialCounts:
    """Count the persons of a block in every grid, and by the row variables of each crossing.

    Args:
        values: as `evaluate` returns them, for this block.
        population: the block.
        plan: made for the whole population.
        layout: of the run, as another block of it had it; worked out anew where it is not given.
        inhabitants: how persons are counted among inhabitants, where rates are asked for.
        keep_persons: remember who was counted where.
    """
    layout = layout or layout_of(values)
    sets = PersonSets(population.persons)
    levels = {name: rule.levels(population) for name, rule in plan.rules.items()}
    block = _Block(layout, values, sets, sets_of_points(layout, values, sets), plan, levels)
    rows = _rows(block)
    columns = _columns(layout, rows, sets)
    by_row = _count_rows(block)
    return PartialCounts(
        layout=layout,
        incomplete=tuple(any(values[place].incomplete for place in places) for places in layout.places),
        persons=tuple(_count(block, columns, grid) for grid in plan.grids),
        sums=tuple(_add(block, grid, by_row) for grid in plan.grids),
        persons_by_row=by_row.persons,
        sums_by_row=by_row.sums,
        levels=by_row.levels,
        reasons={
            name: int(sets.persons[which])
            for point, own in zip(layout.points, block.by_point, strict=True)
            for name, which in zip(point.reason_sets, own.reasons, strict=True)
        },
        families={name: family(own, [rows[one] for one in own], sets) for name, own in layout.families.items()},
        met={pair: _met(levels, plan.grid(pair)) for pair in plan.strangers()},
        among_inhabitants=count_among_inhabitants(values, population=population, plan=inhabitants)
        if inhabitants is not None
        else {},
        rows_told=tuple(values[one.value].rows_told[one.place].counts for one in layout.rows_told),
        by_class=count_classes(values, [(block.cell_of(grid), grid.cells) for grid in plan.grids]),
        counted=(block_persons(sets, columns, levels),) if keep_persons else (),
    )


CELLS_CROSSED = 1 << 14
"""Amounts of rows are added up in so many cells at most, if grids are their margins."""


@dataclass
class _Block:
    """All that a block is counted from; and sums of all amounts of a source, by whose they are and strata."""

    layout: Layout
    values: Sequence[PersonValues]
    sets: PersonSets
    by_point: Sequence[PointSets]
    plan: CountingPlan
    levels: Mapping[str, Int32s]
    summed: dict[tuple[int, tuple[int, ...], tuple[str, ...]], Int64s] = field(default_factory=dict)
    _cells: dict[tuple[str, ...], Int32s] = field(default_factory=dict)

    def cell_of(self, grid: Grid) -> Int32s:
        """int32, one a person: her cell of a grid."""
        if grid.strata not in self._cells:
            self._cells[grid.strata] = grid.cell_of(self.levels, persons=self.sets.everybody)
        return self._cells[grid.strata]

    @cached_property
    def crossed(self) -> Grid:
        """All grids crossed with each other: they are its margins."""
        return self.plan.grid(tuple(dict.fromkeys(name for grid in self.plan.grids for name in grid.strata)))

    def points(self) -> Iterator[tuple[Point, list[PersonValues], PointSets]]:
        """Each point with its values and sets."""
        for point, places, own in zip(self.layout.points, self.layout.places, self.by_point, strict=True):
            yield point, [self.values[place] for place in places], own


def _rows(block: _Block) -> dict[str, tuple[int, ...]]:
    """The sets of each name, one a period."""
    rows: dict[str, tuple[int, ...]] = {POPULATION: (EVERYBODY,)}
    for point, own in zip(block.layout.points, block.by_point, strict=True):
        rows[point.denominator] = own.denominator
        if point.counted:
            rows[point.counted] = own.counted
        rows.update((name, (which,)) for name, which in zip(point.reason_sets, own.reasons, strict=True))
    return rows


def _columns(layout: Layout, rows: Mapping[str, tuple[int, ...]], sets: PersonSets) -> Int64s:
    """int64, one a column of counts: its set."""
    columns: list[int] = []
    for name, place in layout.person_columns.items():
        own = rows[name]
        columns += own
        if place.stop - place.start > len(own):
            columns.append(sets.union(own))
    return np.array(columns, np.int64)


def _count(block: _Block, columns: Int64s, grid: Grid) -> Int64s:
    counts = np.zeros((len(columns), grid.cells), np.int64)
    count_sets(block.sets.bits, block.sets.persons, columns, block.cell_of(grid), counts)
    return counts


def _add(block: _Block, grid: Grid, by_row: RowCounts) -> Int64s:
    places = block.layout.sum_columns
    sums = np.zeros((max((part.stop for part in places.values()), default=0), grid.cells), np.int64)
    for point, values, own in block.points():
        if point.added:
            columns, among = sums[places[point.added]], own.among(point.measure)
            if (summed := _summed(point, values)) is not None:
                one_level_a_row = [row for row in point.rows if row not in point.overlapping]
                by_level = by_row.over_levels(point.added, grid.strata, one_level_a_row)
                # By the levels of rows if that is done already, else straight from the rows.
                columns[:] = _add_summed(block, summed, among, grid) if by_level is None else by_level
                continue
            for column, value, which in zip(columns, values, among, strict=True):
                _add_column(point, value, block.sets.bits[which], block.cell_of(grid), column)
        if point.at_risk:
            for column, value, which in zip(sums[places[point.at_risk]], values, own.denominator, strict=True):
                assert value.person_days is not None
                add_values(block.sets.bits[which], value.person_days, block.cell_of(grid), column)
    return sums


def _summed(point: Point, values: Sequence[PersonValues]) -> Summed | None:
    """What a point's amounts can be added up from by cell: its windows are the values', in order."""
    summed = [value.summed for value in values if value.summed is not None]
    if point.measure is not Measure.AMOUNT or len(summed) < len(values):
        return None
    first = summed[0]
    fits = len(summed) == first.source.windows and all(
        one.source is first.source and one.weight == first.weight and one.window == window
        for window, one in enumerate(summed)
    )
    return first if fits else None


def _add_summed(block: _Block, summed: Summed, among: Sequence[int], grid: Grid) -> Int64s:
    """int64, windows x cells: rows are gone through once for all grids, where few cells cross them."""
    crossed = block.crossed if block.crossed.cells <= CELLS_CROSSED else grid
    key = (id(summed.source), tuple(among), crossed.strata)
    if key not in block.summed:
        bits = block.sets.bits[list(among)]
        block.summed[key] = summed.source.by_cell(bits, block.cell_of(crossed), cells=crossed.cells)
    return crossed.margin(block.summed[key][summed.weight], grid)


def _add_column(point: Point, value: PersonValues, among: UInt64s, cell: Int32s, sums: Int64s) -> None:
    if point.measure is Measure.FRACTION:
        of = value.of if value.of is not None else np.ones(len(cell), np.int32)
        if value.decimals is None:
            add_fractions(among, value.value, of, cell, sums, scale=FRACTION_SCALE)
            return
        rounded = np.zeros_like(sums)
        add_fractions(among, value.value, of, cell, rounded, scale=10**value.decimals)
        sums += rounded * (FRACTION_SCALE // 10**value.decimals)
    elif point.measure is Measure.AMOUNT and value.decimals is not None:
        add_values(among, rounded_ratios(value.value, decimals=value.decimals), cell, sums)
    elif point.measure is Measure.AMOUNT:
        add_values(among, value.value, cell, sums)
    elif value.person_days is not None:
        add_values(among, value.person_days, cell, sums)


def _count_rows(block: _Block) -> RowCounts:
    """Count by row variables what the points ask for: those that share rows together."""
    counts = RowCounts(row_levels(block.values))
    asked: dict[tuple[str, ...], list[RowQuestion]] = {}
    for point, values, own in block.points():
        axes = [(crossing.strata, row) for crossing in block.plan.crossings for row in point.row_axes(crossing) if row]
        for strata, row in dict.fromkeys(axes):
            asked.setdefault(strata, []).extend(_row_questions(point, values, row, own, block.sets))
        # A level that no crossing asks for of this indicator is one all the same, if another is split by it.
        for row in {*point.rows} - {row for _, row in axes}:
            counts.use(values, row)
    for strata, questions in asked.items():
        grid = block.plan.grid(strata)
        counts.count(strata, questions, block.cell_of(grid), cells=grid.cells)
    return counts


def _row_questions(
    point: Point, values: Sequence[PersonValues], row: str, own: PointSets, sets: PersonSets
) -> list[RowQuestion]:
    among = own.among(point.measure)
    if point.counted and point.added and point.measure is not Measure.YES_NO:
        return [RowQuestion(values, row, among, sets, point.counted, point.added)]
    questions = []
    if point.counted:
        questions.append(RowQuestion(values, row, own.counted, sets, point.counted, ""))
    if point.added:
        questions.append(RowQuestion(values, row, among, sets, "", point.added))
    return questions


def _met(levels: Mapping[str, Int32s], pair: Grid) -> Int64s:
    one, two = (levels[name] for name in pair.strata)
    if pair.cells > CELLS_MARKED:
        return np.unique(one.astype(np.int64) * pair.sizes[1] + two)
    met = np.zeros(pair.cells, np.bool_)
    met[one * np.int32(pair.sizes[1]) + two] = True
    return np.flatnonzero(met)
