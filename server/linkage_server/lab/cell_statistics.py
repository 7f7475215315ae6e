"""Statistics of a laboratory run that are neither counts nor curves, such as ratios of rates, by cell of the strata.

One row a statistic and cell. Nothing here is protected.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pyarrow as pa

from linkage_core.counted_table import TOTAL
from linkage_core.events import Population
from linkage_core.grids import CountingPlan, Crossing, counting_plan, crossings_of_persons
from linkage_core.indicators import PersonValues
from linkage_core.indicators.values import Bools, CellStatistic
from linkage_core.strata import UNKNOWN

_NUMBERS = ("value", "lower", "upper", "numerator", "denominator", "person_years")


def cell_statistics(
    values: Sequence[PersonValues], *, population: Population, by: Sequence[Sequence[str]]
) -> pa.Table | None:
    """What the indicators work out of some persons, for all and for each cell; None where none does.

    Args:
        by: crossings, as in `count_by`; crossings with a row variable are left out, for a person is in one cell.
    """
    asked = [value for value in values if value.statistics is not None]
    if not asked:
        return None
    plan = counting_plan(population, crossings_of_persons(by), age_on=None)
    names = [plan.rules[name].dimension.name for name in plan.rules]
    rows: dict[tuple[str, ...], dict[str, str | float | None]] = {}
    for crossing in plan.crossings:
        for levels, persons in cells_of(plan, crossing, population):
            place = {name: levels.get(name, TOTAL) for name in names}
            for value in asked:
                parameters = value.parameters.rpartition(";measure=")[0] or value.parameters
                words = {"indicator": value.indicator.id, "parameters": parameters, **place}
                assert value.statistics is not None
                for found in value.statistics(persons):
                    key = (*words.values(), found.statistic, found.interval)
                    rows.setdefault(key, {**words, **_as_dict(found)})
    return pa.Table.from_pylist(list(rows.values()), schema=_schema(names))


def cells_of(plan: CountingPlan, crossing: Crossing, population: Population) -> Iterator[tuple[dict[str, str], Bools]]:
    """Levels and persons of each cell of a crossing with its margins; nobody's `unknown` is left out."""
    axes = {name: plan.rules[name].dimension for name in crossing.strata}
    level_of = {name: plan.rules[name].levels(population) for name in crossing.strata}
    for chosen in product(*((*range(len(axis.levels)), None) for axis in axes.values())):
        persons = np.ones(population.persons, np.bool_)
        levels = {}
        for (name, axis), place in zip(axes.items(), chosen, strict=True):
            levels[axis.name] = TOTAL if place is None else axis.levels[place]
            if place is not None:
                persons &= level_of[name] == place
        if UNKNOWN not in levels.values() or persons.any():
            yield levels, persons


def _as_dict(found: CellStatistic) -> dict[str, str | float | None]:
    numbers = {name: getattr(found, name) for name in _NUMBERS}
    return {
        "statistic": found.statistic,
        **{name: None if np.isnan(number) else number for name, number in numbers.items()},
        "interval": found.interval,
        "note": found.note,
    }


def _schema(strata: Sequence[str]) -> pa.Schema:
    texts = ("indicator", "parameters", *strata, "statistic")
    return pa.schema(
        [
            *((name, pa.string()) for name in texts),
            *((name, pa.float64()) for name in _NUMBERS),
            ("interval", pa.string()),
            ("note", pa.string()),
        ]
    )
