"""Counts of one block of persons among inhabitants, and what all blocks give a table: cubes, lines, ties."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from linkage.indicator_kinds import AmountIndicator, Indicator, Users
from linkage_core.counted_table import (
    AGE_GROUP,
    CountedTable,
    Dimension,
    Line,
    PeriodPart,
    PersonCube,
    PublicCube,
    RateLine,
    Split,
    Statistic,
    SumCube,
)
from linkage_core.events import Population
from linkage_core.grids import with_margins
from linkage_core.indicators.periods import periods
from linkage_core.indicators.values import Int64s, Measure, Period, PersonValues
from linkage_core.inhabitant_plan import InhabitantPlan, RateCrossing, age_day
from linkage_core.partial_counts import PartialCounts
from linkage_core.points import Point
from linkage_core.rates import standard_weights

CountKey = tuple[str, str]
"""Name of a point and label of a period."""

_CRUDE = {
    "per_1000_inhabitants": Statistic.PER_1000_INHABITANTS,
    "ddd_per_1000_inhabitants_per_day": Statistic.DDD_PER_1000_A_DAY,
}


def count_among_inhabitants(
    values: Sequence[PersonValues], *, population: Population, plan: InhabitantPlan
) -> dict[CountKey, Int64s]:
    """int64, 2 x cells of the plan, by point and period: persons who count or contribute, and the sum of an amount."""
    cells: dict[int, Int64s] = {}
    found = {}
    for value in values:
        if value.period is None or not value.indicator.rates_per_inhabitant:
            continue
        day = age_day(value.period.last_day)
        if day not in cells:
            cells[day] = plan.cell_of(population, age_day=day)
        found[value.name, value.period.label] = _counted(value, cells[day], int(np.prod(plan.sizes)))
    return found


def _counted(value: PersonValues, cell: Int64s, cells: int) -> Int64s:
    amount = np.asarray(value.value, np.int64)
    says_so = amount != 0 if value.contributes is None or value.measure is Measure.YES_NO else value.contributes
    counts = value.has_value & says_so & (cell >= 0)
    found = np.zeros((2, cells), np.int64)
    found[0] = np.bincount(cell[counts], minlength=cells)
    if value.measure is Measure.AMOUNT:
        np.add.at(found[1], cell[counts], amount[counts])
    return found


def with_rates(
    table: CountedTable, counts: PartialCounts, indicators: Iterable[Indicator], plan: InhabitantPlan
) -> CountedTable:
    """The table with rates per inhabitant.

    Args:
        table: of everything else.
        counts: of all blocks.
        indicators: those that are asked for.
    """
    rates = _Rates(plan, {axis.name: axis for cube in table.person_cubes for axis in cube.dimensions})
    asked = {one.id: one for one in indicators if isinstance(one, AmountIndicator) and one.rates_per_inhabitant}
    for point, incomplete in zip(counts.layout.points, counts.incomplete, strict=True):
        indicator = asked.get(point.indicator)
        for period, *days in periods(indicator.calendar) if indicator and indicator.calendar else ():
            assert indicator is not None
            own = counts.among_inhabitants[point.name, period.label]
            rates.put(_Asked(point, indicator, period, (days[0], days[1]), incomplete), own)
    return rates.added_to(table)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One point in one period; `days` are its first and the first after it."""

    point: Point
    indicator: AmountIndicator
    period: Period
    days: tuple[int, int]
    incomplete: bool

    @property
    def key(self) -> str:
        return key_of(self.point.name, self.period.label)

    @property
    def counts_persons(self) -> bool:
        return isinstance(self.indicator, Users)

    def line(self, statistic: Statistic, dimensions: Sequence[str], inhabitants: str) -> Line:
        of_users = self.counts_persons and statistic is not Statistic.EXPECTED
        return Line(
            indicator=self.point.indicator,
            parameters=self.point.parameters,
            statistic=statistic,
            dimensions=tuple(dimensions),
            numerator_key=f"{self.key}/yes" if self.counts_persons else "",
            sum_key="" if self.counts_persons else f"{self.key}/sum",
            interval=self.point.interval if of_users else "",
            incomplete=self.incomplete,
            period=(self.period.dimension, self.period.label),
            inhabitants_key=inhabitants,
            days=self.days[1] - self.days[0],
        )


def key_of(point: str, label: str) -> str:
    """Name of what a point counts among the inhabitants of a period, without what it is."""
    return f"{point}/inhabitants/{label}"


@dataclass
class _Rates:
    """Cubes and lines while they are put together; `known` are strata as the rest of the table has them."""

    plan: InhabitantPlan
    known: Mapping[str, Dimension]
    _persons: dict[tuple[str, tuple[str, ...]], PersonCube] = field(default_factory=dict)
    _sums: dict[tuple[str, tuple[str, ...]], SumCube] = field(default_factory=dict)
    _public: dict[tuple[str, tuple[str, ...]], PublicCube] = field(default_factory=dict)
    _lines: dict[Line, None] = field(default_factory=dict)
    _rates: dict[RateLine, None] = field(default_factory=dict)
    _parts: dict[PeriodPart, None] = field(default_factory=dict)

    def put(self, asked: _Asked, counts: Int64s) -> None:
        """Put in all lines of one point in one period."""
        names = asked.indicator.rates_per_inhabitant
        crude = [_CRUDE[name] for name in names if name in _CRUDE] or [Statistic.PER_1000_INHABITANTS]
        self._tie(asked)
        for crossing in self.plan.crossings:
            if crude_asked := [name for name in names if name in _CRUDE]:
                self._put_lines(asked, counts, [_CRUDE[name] for name in crude_asked], _names(crossing))
            for statistic in _standardised(names):
                self._put_standardised(asked, counts, crude, crossing, statistic)

    def _put_standardised(
        self, asked: _Asked, counts: Int64s, crude: Sequence[Statistic], crossing: RateCrossing, statistic: Statistic
    ) -> None:
        if not self.plan.bands or (statistic is not Statistic.STANDARDISED and not crossing.strata):
            return
        assert asked.indicator.standard is not None
        ages = standard_weights(self.plan.bands, asked.indicator.standard)
        # Whatever a number is formed from is printed beside it, or the number would tell what is kept back.
        self._put_lines(asked, counts, crude, (*crossing.strata, AGE_GROUP))
        self._put_lines(asked, counts, crude, crossing.strata)
        others: tuple[str, ...] = ()
        if statistic is not Statistic.STANDARDISED:
            others = tuple(name for name in self.plan.strata if name not in crossing.strata)
            self._put_lines(asked, counts, crude, (*others, AGE_GROUP))
            self._people(asked, (*crossing.strata, *others, AGE_GROUP))
        line = asked.line(statistic, crossing.strata, self._inhabitants(asked))
        strata, weights = tuple(ages.stratum.tolist()), tuple(ages.weights.tolist())
        self._rates[RateLine(line, strata, weights, others)] = None

    def _put_lines(self, asked: _Asked, counts: Int64s, statistics: Sequence[Statistic], names: Sequence[str]) -> None:
        dimensions = tuple(self._dimension(name) for name in names)
        self._people(asked, names)
        persons = self._cube(counts[0], names)
        key = f"{asked.key}/yes" if asked.counts_persons else f"{asked.key}/contributors"
        self._persons.setdefault((key, tuple(names)), PersonCube(key, dimensions, persons))
        if not asked.counts_persons:
            sums = SumCube(f"{asked.key}/sum", dimensions, self._cube(counts[1], names), asked.point.scale, key)
            self._sums.setdefault((sums.sum_key, tuple(names)), sums)
        for statistic in statistics:
            self._lines[asked.line(statistic, names, self._inhabitants(asked))] = None

    def _cube(self, counts: Int64s, names: Sequence[str]) -> Int64s:
        """Cells of the plan over some of its strata, with margins."""
        cube = counts.reshape(self.plan.sizes)
        axes = (*self.plan.strata, AGE_GROUP)
        for axis, name in enumerate(self.plan.strata):
            # Nobody who is counted here is unknown.
            cube = np.take(cube, range(len(self._dimension(name).levels)), axis=axis)
        apart = tuple(axis for axis, name in enumerate(axes) if name not in names)
        left = [name for name in axes if name in names]
        cube = cube.sum(axis=apart).transpose([left.index(name) for name in names])
        return with_margins(cube, [False] * len(names), first=0)

    def _dimension(self, name: str) -> Dimension:
        return self.known.get(name) or self.plan.dimension(name)

    def _people(self, asked: _Asked, names: Sequence[str]) -> None:
        key = self._inhabitants(asked)
        if (key, tuple(names)) not in self._public:
            numbers = self.plan.people([self._dimension(name) for name in names], *asked.days)
            self._public[key, tuple(names)] = PublicCube(key, tuple(names), numbers)

    @staticmethod
    def _inhabitants(asked: _Asked) -> str:
        return f"inhabitants/{asked.period.dimension}/{asked.period.label}"

    def _tie(self, asked: _Asked) -> None:
        """What is counted among inhabitants is part of what is counted of all."""
        point, place = asked.point, (asked.period.dimension, asked.period.label)
        parts = (
            [(point.counted, f"{asked.key}/yes")]
            if asked.counts_persons
            else [(point.counted, f"{asked.key}/contributors"), (point.added, f"{asked.key}/sum")]
        )
        for whole, part in parts:
            if whole:
                self._parts[PeriodPart(whole, *place, part)] = None

    def added_to(self, table: CountedTable) -> CountedTable:
        """The table with what was put in."""
        labels = {(part.whole_key, part.label): part.part_key for part in self._parts}
        return replace(
            table,
            person_cubes=(*table.person_cubes, *self._persons.values()),
            sum_cubes=(*table.sum_cubes, *self._sums.values()),
            splits=tuple(dict.fromkeys([*table.splits, *_among_inhabitants(table.splits, labels)])),
            lines=(*table.lines, *self._lines),
            period_parts=tuple(self._parts),
            public=tuple(self._public.values()),
            rates=tuple(self._rates),
        )


def _names(crossing: RateCrossing) -> tuple[str, ...]:
    return (*crossing.strata, AGE_GROUP) if crossing.by_age else crossing.strata


def _standardised(names: Sequence[str]) -> Iterator[Statistic]:
    if "standardised_per_1000_inhabitants" in names:
        yield Statistic.STANDARDISED
    if "smr" in names:
        yield Statistic.EXPECTED
        yield Statistic.SMR


def _among_inhabitants(splits: Iterable[Split], parts: Mapping[tuple[str, str], str]) -> Iterator[Split]:
    """Sets that lie in each other do so among inhabitants too."""
    labels = dict.fromkeys(label for _, label in parts)
    for split in splits:
        for label in labels:
            if (split.whole_key, label) in parts and any((part, label) in parts for part in split.part_keys):
                own = [parts.get((part, label), f"{part}/inhabitants/{label}") for part in split.part_keys]
                yield Split(parts[split.whole_key, label], tuple(own))
