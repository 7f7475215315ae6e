"""Persons and amounts of one period by cell of the strata, with ages on 31 December: what rates are made of.

A person's age group changes from year to year, so each period is counted by itself; values without a period are counted
with ages on the index day, as everywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from linkage.errors import InputRefused
from linkage.order import ROW_PREFIX
from linkage_core.count_block import FRACTION_SCALE
from linkage_core.events import Population
from linkage_core.grids import CountingPlan, Crossing, counting_plan
from linkage_core.indicators import Measure, PersonValues
from linkage_core.indicators.follow_up import day_number
from linkage_core.indicators.periods import periods
from linkage_core.indicators.row_dimensions import dimension_name
from linkage_core.indicators.values import Int32s, Int64s, Period
from linkage_core.rates import AGE, Inhabitants
from linkage_core.rates.age_groups import as_band

Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of cells: a column of the result and its levels; a total comes behind them."""

    name: str
    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """What a value comes to in the cells of a crossing.

    Args:
        axes: of the strata and, last, of the row variable if there is one.
        counted: int64, levels + total by axis: persons who have it, or the sum in units of 1 / `scale`.
        persons: int64, the same shape: persons with a value.
        scale: units per whole.
    """

    axes: tuple[Axis, ...]
    counted: Int64s
    persons: Int64s
    scale: int


@dataclass(frozen=True, slots=True)
class AmongInhabitants:
    """What a value comes to among the inhabitants of a period.

    Args:
        strata: of the table of inhabitants, one an axis.
        row: the row variable, the first axis; one level without one.
        counted: int64, row levels + total x levels + 1 of each stratum: the last is of persons whom the table lacks.
        inhabitants: float64, levels of each stratum.
    """

    strata: tuple[Axis, ...]
    row: Axis | None
    counted: Int64s
    inhabitants: npt.NDArray[np.float64]


class PeriodCells:
    """Counts values period by period.

    Args:
        by: crossings, as in `count_by`; `age` alone means the age groups of the table of inhabitants. Values of
            calendar periods are not counted by those with an index period.
    """

    def __init__(
        self, population: Population, by: Sequence[Sequence[str]], inhabitants: Inhabitants | None = None
    ) -> None:
        self._population, self._inhabitants = population, inhabitants
        self._by = [tuple(with_age_groups(crossing, inhabitants, population)) for crossing in by]
        self._counting: dict[int | None, Counting] = {}

    def of(self, value: PersonValues) -> Counting:
        """How persons are counted for a value: by the ages of its period."""
        day = None if value.period is None else _age_day(value.period)
        if day not in self._counting:
            self._counting[day] = self._counted_on(day)
        return self._counting[day]

    @property
    def names(self) -> list[str]:
        """Columns of the strata that are crossed, in their order."""
        specs = (name for crossing in self._by for name in crossing if not name.startswith(ROW_PREFIX))
        return list(dict.fromkeys(AGE if name.startswith(f"{AGE}:") else name.replace(":", "_") for name in specs))

    def _counted_on(self, age_day: int | None) -> Counting:
        people, inhabitants = self._population, self._inhabitants
        asked = list(dict.fromkeys([(), *self._by]))
        if age_day is None:
            plan = counting_plan(people, asked, age_on=None)
        else:
            # Ages are taken on that day only where there are no index days, and periods are not of these.
            asked = [crossing for crossing in asked if not any(name.startswith("index:") for name in crossing)]
            people = replace(people, index_date=None)
            tables = [tuple(_specs(inhabitants))] if inhabitants is not None else []
            plan = counting_plan(people, [*asked, *tables], age_on=age_day)
        levels = {name: rule.levels(people) for name, rule in plan.rules.items()}
        return Counting(plan, plan.crossings[: len(asked)], levels, people.persons, inhabitants)


def _specs(inhabitants: Inhabitants) -> Iterator[str]:
    for name, levels in inhabitants.strata.items():
        yield age_spec(levels) if name == AGE else name


def age_spec(groups: Sequence[str]) -> str:
    """Age groups as a stratum."""
    return f"age:{','.join(map(as_band, groups))}"


def with_age_groups(crossing: Sequence[str], inhabitants: Inhabitants | None, population: Population) -> list[str]:
    """A crossing with `age` written out as the age groups of the table of inhabitants, unless it is a declared stratum.

    Raises:
        InputRefused: there is no such table, or it has no age groups.
    """
    if AGE not in crossing or AGE in population.strata:
        return list(crossing)
    if inhabitants is None or AGE not in inhabitants.strata:
        raise InputRefused(
            "--by age means the age groups of the table of inhabitants, which tells none.",
            mend="Write the bands, as age:<65,65-74,75+, or give --inhabitants a file with age groups.",
        )
    return [age_spec(inhabitants.strata[AGE]) if name == AGE else name for name in crossing]


def _age_day(period: Period) -> int:
    """Day number of 31 December of the year in which a period ends."""
    last = date(1970, 1, 1).toordinal() + period.last_day
    return day_number(date(date.fromordinal(last).year, 12, 31))


def row_axes(value: PersonValues, crossing: Crossing) -> list[str | None]:
    """Row variables that a value is split by: the crossing's, or none and each that the definition asks for."""
    if crossing.row is not None:
        return [crossing.row] if crossing.row in value.rows else []
    own = [dimension_name(spec) for spec in getattr(value.indicator, "row_strata", ())]
    return [None, *(name for name in dict.fromkeys(own) if name in value.rows)]


@dataclass(frozen=True)
class Counting:
    """How persons are counted with ages on one day.

    Args:
        crossings: those that were asked for; the first is none.
        levels: by stratum, int32, one a person.
    """

    plan: CountingPlan
    crossings: tuple[Crossing, ...]
    levels: Mapping[str, Int32s]
    persons: int
    inhabitants: Inhabitants | None

    def counts(self, value: PersonValues, crossing: Crossing) -> Iterator[Counts]:
        """By a crossing: by its row variable, or without and by each that the definition asks for."""
        for row in row_axes(value, crossing):
            yield self._counts(value, crossing, row)

    def finest(self, crossing: Crossing) -> tuple[tuple[Axis, ...], Int64s]:
        """Axes of a crossing's strata, and int64, one a person: her cell; `unknown` falls away where nobody is."""
        cell = np.zeros(self.persons, np.int64)
        axes = []
        for name in crossing.strata:
            dimension, level = self.plan.rules[name].dimension, self.levels[name]
            known = not np.any(level == len(dimension.levels) - 1)
            axes.append(Axis(dimension.name, dimension.levels[:-1] if known else dimension.levels))
            cell = cell * len(axes[-1].levels) + level
        return tuple(axes), cell

    def _counts(self, value: PersonValues, crossing: Crossing, row: str | None) -> Counts:
        axes, cell = self.finest(crossing)
        sizes = [len(axis.levels) for axis in axes]
        cells = int(np.prod(sizes, dtype=np.int64))
        names, counted = _counted(value, cell, cells, row)
        persons = with_totals(np.bincount(cell[value.has_value], minlength=cells).reshape(sizes), first=0)
        counted = with_totals(counted.reshape(len(counted), *sizes), first=1)
        if row is None:
            return Counts(axes, counted[0], persons, _scale(value))
        counted = np.moveaxis(counted, 0, -1)
        # Who has a value stands whole under every level of rows.
        whole = np.broadcast_to(persons[..., np.newaxis], counted.shape)
        return Counts((*axes, Axis(row, names)), counted, whole, _scale(value))

    def among_inhabitants(self, value: PersonValues, row: str | None) -> AmongInhabitants:
        """By all strata of the table of inhabitants, and by a row variable."""
        assert self.inhabitants is not None
        strata = self.inhabitants.strata
        sizes = tuple(len(levels) + 1 for levels in strata.values())
        cell = np.zeros(self.persons, np.int64)
        for (name, levels), size in zip(strata.items(), sizes, strict=True):
            spec = age_spec(levels) if name == AGE else name
            found = self.plan.rules[spec].dimension.levels
            named = [as_band(level) for level in levels] if name == AGE else list(levels)
            place = np.array([named.index(one) if one in named else size - 1 for one in found], np.int64)
            cell = cell * size + place[self.levels[spec]]
        names, counted = _counted(value, cell, int(np.prod(sizes, dtype=np.int64)), row)
        return AmongInhabitants(
            strata=tuple(Axis(name, levels) for name, levels in strata.items()),
            row=None if row is None else Axis(row, names),
            counted=counted.reshape(len(counted), *sizes),
            inhabitants=self.inhabitants.mean(*days_of_period(value)),
        )


def days_of_period(value: PersonValues) -> tuple[int, int]:
    """First day of a value's calendar period and first day after it, as day numbers."""
    calendar = getattr(value.indicator, "calendar", None)
    assert calendar is not None, "periods are of a calendar"
    return next((first, after) for period, first, after in periods(calendar) if period == value.period)


def _counted(
    value: PersonValues, cell: npt.NDArray[np.integer], cells: int, row: str | None
) -> tuple[tuple[str, ...], Int64s]:
    """Names of the row levels that occur, and int64, row levels + total x cells; the total alone without a row."""
    has_value = value.has_value
    amount = np.asarray(value.value, np.int64)
    if value.measure is Measure.YES_NO:
        amount = (amount > 0).astype(np.int64)
    elif value.measure is Measure.FRACTION:
        of = np.asarray(value.of, np.int64) if value.of is not None else np.ones(len(amount), np.int64)
        # Millionths, rounded half up, as in the table.
        amount = np.where(has_value, (2 * FRACTION_SCALE * amount + of) // np.maximum(2 * of, 1), 0)
    total = np.zeros((1, cells), np.int64)
    np.add.at(total[0], cell[has_value], amount[has_value])
    if row is None:
        return (), total
    entries = value.rows[row].entries()
    found = np.zeros((len(entries.levels), cells), np.int64)
    np.add.at(found, (entries.level, cell[entries.person]), entries.value)
    used = np.flatnonzero(np.bincount(entries.level, minlength=len(entries.levels)))
    return tuple(entries.levels[place] for place in used), np.concatenate((found[used], total))


def _scale(value: PersonValues) -> int:
    return {Measure.YES_NO: 1, Measure.AMOUNT: value.scale, Measure.FRACTION: FRACTION_SCALE}[value.measure]


def with_totals(cube: npt.NDArray[Number], *, first: int, after: int | None = None) -> npt.NDArray[Number]:
    """The total behind the levels of each axis from `first` on, up to `after`."""
    for axis in range(first, cube.ndim if after is None else after):
        cube = np.concatenate((cube, cube.sum(axis=axis, keepdims=True)), axis=axis)
    return cube
