"""How persons are counted among inhabitants: by the strata of a table of inhabitants, with ages on 31 December."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from linkage.order import ROW_PREFIX
from linkage_core.counted_table import AGE_GROUP, Dimension
from linkage_core.events import Population
from linkage_core.indicators.follow_up import EPOCH, day_number
from linkage_core.indicators.values import Int64s
from linkage_core.intervals import Floats
from linkage_core.rates import AGE, Inhabitants
from linkage_core.rates.age_groups import as_band, regrouped
from linkage_core.strata import UNKNOWN, StratumRule, stratum_rule

_DERIVED = ("sex",)


@dataclass(frozen=True, slots=True)
class RateCrossing:
    """Strata of inhabitants that rates are split by, and whether by age groups too."""

    strata: tuple[str, ...]
    by_age: bool


@dataclass(frozen=True, slots=True)
class InhabitantPlan:
    """Which cells persons are counted in.

    Args:
        inhabitants: the table.
        crossings: of the order, as far as the table has their strata; the first is none.
        strata: of the table that persons of the population have, in the table's order; ages are not among them.
        rules: of these, by name.
        places: for each stratum int64, one a level of its rule: the level of the table, -1 for one that it lacks.
        bands: the order's age groups; those of the table where it names none, none where the table has no ages.
        band_of: int64, one an age group of the table: its band, -1 for one that the order leaves out.
    """

    inhabitants: Inhabitants
    crossings: tuple[RateCrossing, ...]
    strata: tuple[str, ...]
    rules: Mapping[str, StratumRule]
    places: Mapping[str, Int64s]
    bands: tuple[str, ...]
    band_of: Int64s

    @property
    def sizes(self) -> tuple[int, ...]:
        """Cells that are counted: levels by stratum, bands last."""
        return (*(len(self.rules[name].dimension.levels) for name in self.strata), max(len(self.bands), 1))

    def cell_of(self, population: Population, *, age_day: int) -> Int64s:
        """int64, one a person: her cell, -1 for who lacks one.

        Args:
            population: any part of it.
            age_day: day number on which ages are taken.
        """
        cell = np.zeros(population.persons, np.int64)
        outside = np.zeros(population.persons, np.bool_)
        for name, size in zip(self.strata, self.sizes, strict=False):
            level = self.rules[name].levels(population)
            outside |= self.places[name][level] < 0
            cell = cell * size + level
        if self.bands:
            undated = replace(population, index_date=None)
            groups = self.inhabitants.strata[AGE]
            rule = stratum_rule(undated, f"age:{','.join(map(as_band, groups))}", age_on=age_day)
            band = np.append(self.band_of, -1)[rule.levels(undated)]
            outside |= band < 0
            cell = cell * len(self.bands) + band
        return np.where(outside, -1, cell)

    def dimension(self, name: str) -> Dimension:
        """A stratum without `unknown`, which no table of inhabitants has; age groups by their own name."""
        if name == AGE_GROUP:
            return Dimension(AGE_GROUP, self.bands)
        own = self.rules[name].dimension
        return replace(own, levels=tuple(level for level in own.levels if level != UNKNOWN))

    def people(self, dimensions: Sequence[Dimension], first: int, after: int) -> Floats:
        """Mean inhabitants of the days [first, after) by some dimensions, with totals of all whom the table has.

        NaN where a day is in no period of the table.
        """
        cube = self.inhabitants.mean(first, after)
        names = list(self.inhabitants.strata)
        if AGE in names:
            cube = _gathered(cube, names.index(AGE), self.band_of, len(self.bands))
        known = {dimension.name: dimension for dimension in dimensions}
        apart = tuple(axis for axis, name in enumerate(names) if _column(name) not in known)
        cube = cube.sum(axis=apart) if apart else cube
        left = [_column(name) for name in names if _column(name) in known]
        cube = cube.transpose([left.index(dimension.name) for dimension in dimensions])
        for axis, dimension in enumerate(dimensions):
            total = cube.sum(axis=axis, keepdims=True)
            if dimension.name != AGE_GROUP:
                levels = self.inhabitants.strata[dimension.name]
                place = np.array([levels.index(x) if x in levels else len(levels) for x in dimension.levels], np.int64)
                padded = np.concatenate((cube, np.zeros_like(total)), axis=axis)
                cube = np.take(padded, place, axis=axis)
            cube = np.concatenate((cube, total), axis=axis)
        return np.asarray(cube, np.float64)


def inhabitant_plan(population: Population, by: Sequence[Sequence[str]], inhabitants: Inhabitants) -> InhabitantPlan:
    """Read the crossings of an order: those of rows or of index periods have no rates."""
    strata = tuple(
        name for name in inhabitants.strata if name in population.strata or (name in _DERIVED and population.sex)
    )
    rules = {name: stratum_rule(population, name) for name in strata}
    groups = inhabitants.strata.get(AGE, ())
    asked = [spec for crossing in by for spec in crossing if spec.partition(":")[0] == AGE_GROUP]
    written = next((spec.partition(":")[2] for spec in asked), "")
    bands = tuple(written.split(",")) if written else tuple(map(as_band, groups))
    return InhabitantPlan(
        inhabitants=inhabitants,
        crossings=tuple(dict.fromkeys([RateCrossing((), False), *_crossings(by, strata, by_age=bool(groups))])),
        strata=strata,
        rules=rules,
        places={
            name: np.array(
                [_place(level, inhabitants.strata[name]) for level in rules[name].dimension.levels], np.int64
            )
            for name in strata
        },
        bands=bands if groups else (),
        band_of=regrouped(groups, bands),
    )


def counted_otherwise(by: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """The crossings of statistics that are not per inhabitant: age groups of inhabitants fall away."""
    return [[spec for spec in crossing if spec.partition(":")[0] != AGE_GROUP] for crossing in by]


def age_day(last_day: int) -> int:
    """Day number of 31 December of the year of a day."""
    return day_number(date(date.fromordinal(EPOCH.toordinal() + last_day).year, 12, 31))


def _crossings(by: Sequence[Sequence[str]], strata: Sequence[str], *, by_age: bool) -> list[RateCrossing]:
    found = []
    for crossing in by:
        ages = [spec for spec in crossing if spec.partition(":")[0] == AGE_GROUP]
        others = tuple(spec for spec in crossing if spec not in ages)
        if any(spec.startswith(ROW_PREFIX) for spec in crossing) or not {*others} <= {*strata} or (ages and not by_age):
            continue
        found.append(RateCrossing(others, bool(ages)))
    return found


def _place(level: str, levels: Sequence[str]) -> int:
    return levels.index(level) if level in levels else -1


def _column(name: str) -> str:
    return AGE_GROUP if name == AGE else name


def _gathered(cube: Floats, axis: int, place: Int64s, size: int) -> Floats:
    moved = np.moveaxis(cube, axis, 0)
    found = np.zeros((size, *moved.shape[1:]))
    np.add.at(found, place[place >= 0], moved[place >= 0])
    return np.moveaxis(found, 0, axis)
