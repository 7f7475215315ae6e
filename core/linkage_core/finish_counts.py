"""From what all blocks add up to, to the `CountedTable`: names of equal sets, margins, and what nobody has left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import combinations
from operator import itemgetter

import numpy as np

from linkage.errors import EventsRejected
from linkage.released_table import NOT_RECORDED
from linkage_core.count_block import FRACTION_SCALE
from linkage_core.counted_table import (
    CountedTable,
    Dimension,
    Line,
    Meeting,
    PersonCube,
    RowParts,
    Split,
    Statistic,
    SumCube,
    SumThreshold,
)
from linkage_core.grids import CountingPlan, Crossing, with_margins
from linkage_core.indicators.values import NO_ROWS, Int64s, Measure
from linkage_core.nestings import nestings_of
from linkage_core.partial_counts import PartialCounts, UsedLevels
from linkage_core.points import STATISTICS, Point
from linkage_core.set_relations import POPULATION


def finish(counts: PartialCounts, plan: CountingPlan) -> CountedTable:
    """The table of all persons.

    Args:
        counts: all blocks, merged.
        plan: that they were counted by.

    Raises:
        EventsRejected: no indicator has values by a row variable of a crossing.
    """
    table = _Table(counts, plan)
    points = table.points()
    axes: dict[str | None, list[tuple[_Named, str | None]]] = {}
    for crossing in plan.crossings:
        if crossing.row is not None and crossing.row not in counts.levels:
            raise EventsRejected(
                f"no indicator has values by the row variable {crossing.row!r}, only by: "
                f"{', '.join(sorted(counts.levels)) or 'none'}.",
                mend="Name it when the indicators are evaluated, or leave it out of `by`.",
            )
        cells = table.cells_of(crossing)
        table.put_population(cells)
        if crossing.row not in axes:
            axes[crossing.row] = [(point, row) for point in points for row in point.point.row_axes(crossing)]
        for point, row in axes[crossing.row]:
            table.put_point(point, cells, row)
    for point in points:
        table.put_splits(point)
        table.put_reasons(point.point)
    return table.table()


@dataclass(frozen=True, slots=True)
class _Axes:
    """The axes of a cube: strata, a period and a row axis; any may be absent."""

    period: Dimension | None
    row: Dimension | None
    dimensions: tuple[Dimension, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class _Cells:
    """One crossing: columns of counts and sums over its strata, with margins."""

    strata: tuple[str, ...]
    dimensions: tuple[Dimension, ...]
    persons: Int64s
    sums: Int64s
    _axes: dict[tuple[str, str], _Axes] = field(default_factory=dict)

    def axes(self, period: Dimension | None, row: Dimension | None) -> _Axes:
        """The strata with a period and a row axis behind them."""
        key = (period.name if period else "", row.name if row else "")
        if key not in self._axes:
            dimensions = (*self.dimensions, *(axis for axis in (period, row) if axis is not None))
            self._axes[key] = _Axes(period, row, dimensions, tuple(axis.name for axis in dimensions))
        return self._axes[key]


@dataclass(frozen=True, slots=True)
class _Named:
    """A point with what its cubes and lines have over every crossing.

    Args:
        denominator: its name in the table.
        period: the axis of its periods; None without.
        places: positions of its periods on that axis, and of their total.
        lines: its lines, but for their dimensions.
    """

    point: Point
    denominator: str
    period: Dimension | None
    places: list[int]
    lines: tuple[Callable[[tuple[str, ...]], Line], ...]


class _Table:
    """The table while it is put together; cubes and lines once each."""

    def __init__(self, counts: PartialCounts, plan: CountingPlan) -> None:
        self._counts, self._plan = counts, plan
        self._person_columns, self._sum_columns = counts.layout.person_columns, counts.layout.sum_columns
        unheard = {name for name, persons in counts.reasons.items() if not persons}
        # Denominators and reasons of everybody bear the name of the first set that equals them; numerators their own.
        of_everybody = {"", *("/".join(point.periods) for point in counts.layout.points)}
        self._shared = {name: counts.families[name].shared_names(unheard) for name in of_everybody}
        self._rows = {name: _row_axis(name, levels) for name, levels in counts.levels.items()}
        self._periods: dict[str, Dimension] = {}
        for name in {point.dimension for point in counts.layout.points if point.dimension}:
            labels = {label for point in counts.layout.points if point.dimension == name for label in point.periods}
            self._periods[name] = Dimension(name, tuple(sorted(labels)), True)
        self._person_cubes: dict[tuple[str, tuple[str, ...]], PersonCube] = {}
        self._sum_cubes: dict[tuple[str, tuple[str, ...]], SumCube] = {}
        self._lines: list[Line] = []
        self._put: set[tuple[str, tuple[str, ...]]] = set()
        self._splits: dict[Split, None] = {}
        self._reasons: dict[tuple[str, str, str], None] = {}

    def points(self) -> list[_Named]:
        """The points of the layout, in order."""
        layout = self._counts.layout
        return [self._named(*one) for one in zip(layout.points, self._counts.incomplete, strict=True)]

    def _named(self, point: Point, incomplete: bool) -> _Named:
        denominator, period = self._denominator(point), self._periods.get(point.dimension)
        places = [] if period is None else [*map(period.levels.index, point.periods), len(period.levels)]
        statistics = dict.fromkeys(STATISTICS[name] for name in point.statistics)
        lines = tuple(_line(point, statistic, denominator, incomplete) for statistic in statistics)
        return _Named(point, denominator, period, places, lines)

    def cells_of(self, crossing: Crossing) -> _Cells:
        """Counts and sums over the strata of a crossing."""
        number = self._plan.grid_with(crossing.strata)
        assert number is not None
        grid = self._plan.grids[number]
        return _Cells(
            crossing.strata,
            tuple(self._dimensions[name] for name in crossing.strata),
            grid.crossing(self._counts.persons[number], crossing.strata, self._known),
            grid.crossing(self._counts.sums[number], crossing.strata, self._known),
        )

    def put_population(self, cells: _Cells) -> None:
        """Put in everybody over one crossing."""
        axes = cells.axes(None, None)
        self._person_cubes.setdefault(
            (POPULATION, axes.names), PersonCube(POPULATION, axes.dimensions, cells.persons[0])
        )

    def put_point(self, named: _Named, cells: _Cells, row: str | None) -> None:
        """Put in the sets and sums of one point over one crossing, and the lines that print them, once."""
        axes, point = cells.axes(named.period, self._rows[row][0] if row is not None else None), named.point
        if (point.name, axes.names) in self._put:
            return
        self._put.add((point.name, axes.names))
        self._put_set(named.denominator, named, cells, axes, columns=point.denominator, by_row=False)
        if point.statistics:
            self._put_numbers(named, cells, axes)
        self._lines += [line(axes.names) for line in named.lines]

    def _put_numbers(self, named: _Named, cells: _Cells, axes: _Axes) -> None:
        """Put in what the statistics of a point are formed from besides its denominator."""
        point = named.point
        if point.measure is Measure.FRACTION:
            self._put_sums(named, cells, axes, point.added, scale=FRACTION_SCALE, contributors=named.denominator)
            return
        self._put_set(point.counted, named, cells, axes, columns=point.counted, by_row=True)
        if point.measure is Measure.AMOUNT:
            self._put_sums(named, cells, axes, point.added, scale=point.scale, contributors=point.counted)
            if point.at_risk:
                self._put_sums(named, cells, axes, point.at_risk, scale=1, contributors=named.denominator)
        elif point.added:
            self._put_sums(named, cells, axes, point.added, scale=1, contributors=named.denominator)

    def put_splits(self, named: _Named) -> None:
        """Put in which sets of a point fall apart into which, whatever they are crossed with."""
        point, denominator = named.point, named.denominator
        if point.periods:
            self._splits[Split(POPULATION, (denominator, f"{POPULATION} without {denominator}"))] = None
        if point.counted and point.parts:
            self._splits[Split(point.counted, tuple(f"{part}/yes" for part in point.parts))] = None
        if point.counted and point.measure is Measure.AMOUNT:
            self._splits[Split(denominator, (point.counted, f"{denominator} without {point.counted}"))] = None

    def put_reasons(self, point: Point) -> None:
        """Put in why persons have no value, or a 0 for lack of rows, over everybody only.

        Of persons by reason it is not told: it would add up to what is told of all.
        """
        if point.is_by_reason:
            return
        for reason, name in zip(point.reasons, point.reason_sets, strict=True):
            if persons := self._counts.reasons[name]:
                key = self._shared[""][name]
                if (key, ()) not in self._person_cubes:
                    self._person_cubes[key, ()] = PersonCube(key, (), np.array(persons, np.int64))
                self._reasons[point.name, reason, key] = None

    def _put_set(self, key: str, named: _Named, cells: _Cells, axes: _Axes, *, columns: str, by_row: bool) -> None:
        place = (key, axes.names)
        if place in self._person_cubes:
            return
        own = self._person_columns[columns]
        total = cells.persons[own.stop - 1]
        if axes.period is not None:
            total = np.zeros((*total.shape, len(axes.period.levels) + 1), np.int64)
            total[..., named.places] = np.moveaxis(cells.persons[own], 0, -1)
        if axes.row is not None:
            whole = np.zeros((*total.shape, len(axes.row.levels) + 1), np.int64)
            whole[..., -1] = total
            if by_row:
                by_level = self._by_level(
                    self._counts.persons_by_row[columns, cells.strata, axes.row.name], cells, axes
                )
                if axes.period is not None:
                    whole[..., named.places, :-1] = by_level
                else:
                    whole[..., :-1] = by_level[..., -1, :]
            else:
                # A set that is not split by rows (a denominator) stands whole under every level.
                whole[..., :-1] = total[..., None]
            total = whole
        self._person_cubes[place] = PersonCube(key, axes.dimensions, total)

    def _put_sums(self, named: _Named, cells: _Cells, axes: _Axes, key: str, *, scale: int, contributors: str) -> None:
        place = (key, axes.names)
        if place in self._sum_cubes:
            return
        # Persons may stand under several periods and levels; an amount stands under one, unless a row has several.
        several = axes.row is not None and axes.row.name in named.point.overlapping
        own = (replace(axis, multi_response=several and axis is axes.row) for axis in (axes.period, axes.row) if axis)
        columns = np.moveaxis(cells.sums[self._sum_columns[key]], 0, -1)
        if axes.row is not None:
            by_row = self._counts.sums_by_row[key, cells.strata, axes.row.name]
            columns = np.concatenate((self._by_level(by_row, cells, axes), columns[..., None]), axis=-1)
            columns = np.moveaxis(columns, -1, 0)
        total = columns.sum(axis=-1)
        if axes.period is not None:
            whole = np.zeros((*total.shape, len(axes.period.levels) + 1), np.int64)
            whole[..., named.places[:-1]] = columns
            whole[..., -1] = total
            total = whole
        if axes.row is not None:
            total = np.ascontiguousarray(np.moveaxis(total, 0, -1))
        self._sum_cubes[place] = SumCube(key, (*cells.dimensions, *own), total, scale, contributors)

    def _by_level(self, counts: Int64s, cells: _Cells, axes: _Axes) -> Int64s:
        """Counts by period and level: over the strata with margins, levels in their order."""
        assert axes.row is not None
        grid = self._plan.grid(cells.strata)
        # Taking is several times as fast as an index behind `...`, which puts its axis first and back again.
        own = np.take(counts, self._rows[axes.row.name][1], axis=-1)
        cube = own.reshape(*grid.sizes, *counts.shape[1:2], -1)
        return with_margins(cube, [name in self._known for name in cells.strata], first=0)

    @cached_property
    def _by_stratum(self) -> dict[str, Int64s]:
        """Persons by level, `unknown` last."""
        found = {}
        for name in self._plan.rules:
            number = self._plan.grid_with([name])
            assert number is not None
            found[name] = self._plan.grids[number].crossing(self._counts.persons[number][:1], [name], ())[0, :-1]
        return found

    @cached_property
    def _known(self) -> set[str]:
        """Strata in which nobody is `unknown`."""
        return {name for name, persons in self._by_stratum.items() if not persons[-1]}

    @cached_property
    def _dimensions(self) -> dict[str, Dimension]:
        found = {}
        for name, rule in self._plan.rules.items():
            levels = rule.dimension.levels
            found[name] = replace(rule.dimension, levels=levels[:-1] if name in self._known else levels)
        return found

    def table(self) -> CountedTable:
        """All that was put in."""
        meetings = self._meetings()
        sets = [split for name in self._counts.families for split in self._splits_of(name)]
        return CountedTable(
            person_cubes=tuple(self._person_cubes.values()),
            sum_cubes=tuple(self._sum_cubes.values()),
            splits=tuple(dict.fromkeys([*sets, *self._splits, *self._shared_out(), *self._left_out()])),
            lines=tuple(self._lines),
            reasons=tuple(self._reasons),
            nestings=nestings_of(meetings, {axis.name: axis for axis in self._dimensions.values()}),
            meetings=meetings,
            thresholds=tuple(self._thresholds()),
            row_parts=tuple(
                RowParts(one.indicator, one.parameters, one.question, one.parts, *map(tuple, counts.tolist()))
                for one, counts in zip(self._counts.layout.rows_told, self._counts.rows_told, strict=True)
            ),
        )

    def _shared_out(self) -> list[Split]:
        """What points share out between them: who knows all but one of the parts knows the last."""
        known = {point.name: point for point in self._counts.layout.points}
        parts: dict[str, list[Point]] = {}
        for point in known.values():
            if point.part_of and point.counted:
                parts.setdefault(point.part_of, []).append(point)
        found = []
        for whole, own in parts.items():
            if whole not in known:
                found.append(Split(self._denominator(own[0]), tuple(part.counted for part in own)))
                continue
            sets = {
                known[whole].counted: tuple(part.counted for part in own),
                self._denominator(known[whole]): tuple(map(self._denominator, own)),
                known[whole].added: tuple(part.added for part in own),
            }
            # One of two parts may be everybody, and the other nobody.
            found += [Split(name, names) for name, names in sets.items() if name and name not in names]
        return found

    def _left_out(self) -> Iterator[Split]:
        """Who has no value has one reason: who knows all reasons but one knows the last."""
        for point in self._counts.layout.points:
            if point.periods or point.is_by_reason:
                continue
            sets = zip(point.reasons, point.reason_sets, strict=True)
            told = [name for reason, name in sets if reason != NO_ROWS and self._counts.reasons[name]]
            parts = (self._denominator(point), *(self._shared[""][name] for name in told))
            # Everybody may have a value, or everybody the same reason for none.
            if POPULATION not in parts:
                yield Split(POPULATION, parts)

    def _thresholds(self) -> Iterator[SumThreshold]:
        """Who reaches so much of each sum."""
        added = {point.name: point.added for point in self._counts.layout.points}
        for point in self._counts.layout.points:
            if point.threshold and point.counted and added.get(point.threshold.of):
                yield SumThreshold(added[point.threshold.of], point.counted, point.threshold.least)

    def _denominator(self, point: Point) -> str:
        return self._shared["/".join(point.periods)][point.denominator]

    def _splits_of(self, family: str) -> list[Split]:
        sets = self._counts.families[family]
        names = self._shared[family].values() if family in self._shared else sets.names
        return sets.splits(list(dict.fromkeys(names)))

    def _meetings(self) -> tuple[Meeting, ...]:
        # Two sets of age bands have one name; the later stands.
        strata = {self._dimensions[name].name: name for name in self._plan.rules}
        return tuple(self._meeting(one, other) for one, other in combinations(strata.values(), 2))

    def _meeting(self, one: str, other: str) -> Meeting:
        first, second = self._met(one, other)
        names, others = self._dimensions[one], self._dimensions[other]
        own = map(names.levels.__getitem__, first.tolist())
        return Meeting(
            names.name, others.name, tuple(zip(own, map(others.levels.__getitem__, second.tolist()), strict=True))
        )

    def _met(self, fine: str, coarse: str) -> tuple[Int64s, Int64s]:
        """Pairs of levels in which somebody is, ascending."""
        number = self._plan.grid_with([fine, coarse])
        if number is not None:
            grid = self._plan.grids[number]
            cube = grid.crossing(self._counts.persons[number][:1], [fine, coarse], ())[0, :-1, :-1]
            inner, outer = np.nonzero(cube)
            return inner, outer
        pair = (fine, coarse) if (fine, coarse) in self._counts.met else (coarse, fine)
        first, second = np.divmod(self._counts.met[pair], self._plan.grid(pair).sizes[1])
        if pair == (fine, coarse):
            return first, second
        order = np.lexsort((first, second))
        return second[order], first[order]


def _line(point: Point, statistic: Statistic, denominator: str, incomplete: bool) -> Callable[[tuple[str, ...]], Line]:
    is_yes_no = point.measure is Measure.YES_NO
    is_rate = statistic is Statistic.RATE_PER_1000_PERSON_YEARS
    has_interval = is_rate or (is_yes_no and statistic is not Statistic.PERSONS)
    interval = point.interval if has_interval else ""
    return partial(
        Line,
        point.indicator,
        point.parameters,
        statistic,
        numerator_key=point.counted if is_yes_no else "",
        denominator_key="" if statistic in (Statistic.PERSONS, Statistic.SUM) else denominator,
        sum_key="" if is_yes_no else point.added,
        person_time_key=(point.at_risk or point.added) if is_rate else "",
        interval="poisson" if is_rate and interval else interval,
        incomplete=incomplete,
    )


def _row_axis(name: str, levels: UsedLevels) -> tuple[Dimension, Int64s]:
    """A row variable's levels in display order, without those that no row has, and their places among all."""
    places = np.flatnonzero(levels.used).tolist()
    named = sorted(zip(map(levels.names.__getitem__, places), places, strict=True))
    last = [one for one in named if one[0] == NOT_RECORDED]
    if last:
        named = [one for one in named if one[0] != NOT_RECORDED] + last
    own = np.fromiter(map(itemgetter(1), named), np.int64, len(named))
    return Dimension(name, tuple(map(itemgetter(0), named)), True), own
