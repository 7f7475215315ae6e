"""Counts of one block of persons by class, and what all blocks give a table: cubes, ties, what is told of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from linkage.indicator_kinds import Indicator, Restart
from linkage_core.class_question import TimeToEvent, classed, shared_words
from linkage_core.class_table import ClassCounts, ClassKind, ClassSum, ClassTable, Ended, PersonClass
from linkage_core.counted_table import CountedTable, Dimension, PersonCube, Split
from linkage_core.grids import CountingPlan, Crossing
from linkage_core.indicators.run_context import joined
from linkage_core.indicators.values import Int32s, PersonValues
from linkage_core.partial_counts import PartialCounts
from linkage_core.points import Point


def count_classes(values: Sequence[PersonValues], cells: Sequence[tuple[Int32s, int]]) -> dict[str, ClassCounts]:
    """Persons of each value that has classes, by point.

    Args:
        cells: for each grid the cell of each person, and the number of cells.
    """
    found = {}
    for value in values:
        own = classed(value)
        if own is None:
            continue
        whose, classes = np.flatnonzero(value.has_value), len(own.classes)
        counts = (
            np.bincount(cell[whose].astype(np.int64) * classes + own.of[whose], minlength=size * classes)
            for cell, size in cells
        )
        by_grid = tuple(part.astype(np.int64).reshape(-1, classes) for part in counts)
        found[value.name] = ClassCounts(own.kind, own.classes, by_grid)
    return found


def with_classes(
    table: CountedTable, counts: PartialCounts, indicators: Iterable[Indicator], plan: CountingPlan
) -> CountedTable:
    """The table with counts by class, and with what an order tells of them.

    Args:
        table: of everything else.
        counts: of all blocks.
        indicators: those that are asked for.
    """
    if not counts.by_class:
        return table
    added = _Added(table, counts, plan, {indicator.id: indicator for indicator in indicators})
    crossings = [crossing for crossing in plan.crossings if crossing.row is None]
    cubes = {
        (cube.persons_key, tuple(axis.name for axis in cube.dimensions)): cube
        for point in added.points
        for crossing in crossings
        for cube in [added.cube(point, crossing)]
    }
    return replace(
        table,
        person_cubes=(*table.person_cubes, *cubes.values()),
        splits=tuple(dict.fromkeys([*table.splits, *added.parts()])),
        classes=tuple(dict.fromkeys(added.told(point, crossing) for point in added.points for crossing in crossings)),
        class_sums=tuple(dict.fromkeys(one for point in added.points for one in added.sums(point))),
    )


@dataclass
class _Added:
    """What is put into a table."""

    table: CountedTable
    counts: PartialCounts
    plan: CountingPlan
    indicators: Mapping[str, Indicator]

    def __post_init__(self) -> None:
        self.points = [point for point in self.counts.layout.points if point.name in self.counts.by_class]
        self._known = {point.name: point for point in self.counts.layout.points}
        self._strata = {axis.name: axis for cube in self.table.person_cubes for axis in cube.dimensions}
        unheard = {name for name, persons in self.counts.reasons.items() if not persons}
        self._shared = self.counts.families[""].shared_names(unheard)
        self._incomplete = dict(zip(self._known, self.counts.incomplete, strict=True))
        self._classes: dict[str, dict[PersonClass, None]] = {}
        for point in self.points:
            self._classes.setdefault(self._axis(point), {}).update(
                dict.fromkeys(self.counts.by_class[point.name].classes)
            )

    def cube(self, point: Point, crossing: Crossing) -> PersonCube:
        """Persons by class over a crossing, all margins with them."""
        number = self.plan.grid_with(crossing.strata)
        assert number is not None
        dimensions = tuple(self._strata[self.plan.rules[name].dimension.name] for name in crossing.strata)
        empty = [
            name
            for name, dimension in zip(crossing.strata, dimensions, strict=True)
            if len(dimension.levels) < len(self.plan.rules[name].dimension.levels)
        ]
        own = self.counts.by_class[point.name]
        classes = self._of_axis(point)
        columns = np.zeros((len(classes), self.plan.grids[number].cells), np.int64)
        columns[[classes.index(one) for one in own.classes]] = own.by_grid[number].T
        cells = np.moveaxis(self.plan.grids[number].crossing(columns, crossing.strata, empty), 0, -1)
        persons = np.concatenate([cells, cells.sum(axis=-1, keepdims=True)], axis=-1)
        axis = Dimension(self._axis(point), tuple(one.words for one in classes))
        return PersonCube(self._denominator(point), (*dimensions, axis), persons)

    def told(self, point: Point, crossing: Crossing) -> ClassTable:
        """What is told of the classes of a point over a crossing."""
        indicator = self.indicators[point.indicator]
        kind = self.counts.by_class[point.name].kind
        is_time = isinstance(indicator, TimeToEvent)
        parameters = point.parameters.split(";")
        names = tuple(self.plan.rules[name].dimension.name for name in crossing.strata)
        return ClassTable(
            indicator=point.indicator,
            parameters=";".join(part for part in parameters if part not in ("measure=days", "measure=lines")),
            kind=kind,
            statistics=tuple(indicator.told_by_class),
            persons_key=self._denominator(point),
            dimensions=names,
            axis=self._axis(point),
            classes=tuple(self._of_axis(point)),
            sum_key=point.added if point.added and not is_time else "",
            event=indicator.event_word if isinstance(indicator, TimeToEvent) else "",
            competes=isinstance(indicator, TimeToEvent) and indicator.competing != "none",
            limits_of=indicator.curve_limits if isinstance(indicator, TimeToEvent) else point.interval,
            incomplete=self._incomplete[point.name],
        )

    def sums(self, point: Point) -> Iterator[ClassSum]:
        """Sets of persons of the same indicator that are some of the classes."""
        key, axis, classes = self._denominator(point), self._axis(point), self._of_axis(point)
        indicator = self.indicators[point.indicator]

        def told(other: Point | None, ended: Ended, *, least: float = -np.inf, most: float = np.inf) -> list[ClassSum]:
            if other is None or not other.counted:
                return []
            own = [one.words for one in classes if one.ended is ended and one.lower >= least and one.upper <= most]
            # Of a curve are also those whom the end of a register cuts short.
            exact = self._denominator(other) == key
            return [ClassSum(other.counted, key, axis, tuple(own), tuple(own), exact)]

        if isinstance(indicator, TimeToEvent):
            words = point.name.removesuffix("measure=days")
            yield from told(self._known.get(f"{words}measure={indicator.event_word}"), Ended.EVENT)
            yield from told(self._known.get(f"{words}measure=died"), Ended.COMPETING)
            for day in indicator.within_days if isinstance(indicator, Restart) else ():
                yield from told(self._known.get(f"{words}restarted_within_days={day}"), Ended.EVENT, most=day)
            return
        if self.counts.by_class[point.name].kind is ClassKind.PATHS:
            yield from self._who_reaches(point)
        for other in self._known.values():
            if other.threshold is not None and other.threshold.of == point.name:
                least = other.parameters.rpartition("at_least=")[2]
                yield from told(other, Ended.CENSORED, least=other.threshold.least or float(least))

    def _who_reaches(self, point: Point) -> Iterator[ClassSum]:
        """Persons of whom it is told after how many days they reach a line: those whose path has it."""
        words = point.name.removesuffix("measure=lines")
        for line in range(1, int(max(one.lower for one in self._of_axis(point))) + 2):
            other = self._known.get(f"{words}measure=days_to;line={line}")
            if other is not None:
                own = tuple(one.words for one in self._of_axis(point) if one.lower >= line)
                yield ClassSum(self._denominator(other), self._denominator(point), self._axis(point), own, own, True)

    def parts(self) -> Iterator[Split]:
        """Persons of the points that share out those of another."""
        parts: dict[str, list[Point]] = {}
        for point in self.points:
            if point.part_of and not point.counted:
                parts.setdefault(point.part_of, []).append(point)
        for whole, own in parts.items():
            names = tuple(map(self._denominator, own))
            key = self._denominator(self._known[whole])
            if key not in names:
                yield Split(key, names)

    def _axis(self, point: Point) -> str:
        indicator = self.indicators[point.indicator]
        words = joined(f"class/{indicator.id}", shared_words(indicator, point.parameters))
        return words.replace("=", ":")

    def _of_axis(self, point: Point) -> list[PersonClass]:
        classes = list(self._classes[self._axis(point)])
        if self.counts.by_class[point.name].kind is ClassKind.PATHS:
            # As they are met; blocks meet them in no order.
            classes.sort(key=lambda one: (one.lower, one.words))
        return classes

    def _denominator(self, point: Point) -> str:
        return self._shared.get(point.denominator, point.denominator)
