"""Rates per inhabitant of a laboratory run: crude with exact limits, standardised by age, and observed by expected."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from linkage.indicator_kinds import AmountIndicator, Users
from linkage_core.counted_table import DAYS_A_YEAR, Statistic
from linkage_core.indicators import PersonValues
from linkage_core.intervals import Floats, Interval
from linkage_core.rates import AGE, directly_standardised, standard_weights, standardised_ratio
from linkage_core.rates.standardised import expected_events, weighed_mean
from linkage_server.lab.inhabitant_cells import InhabitantCells, cells_of_crossing
from linkage_server.lab.period_cells import AmongInhabitants, Counting, days_of_period, row_axes
from linkage_server.lab.rate_rows import Estimate, Rows
from linkage_server.lab.results import estimate

_LIMITS = ("poisson", "clopper-pearson", "wilson")
_RATES = (
    "per_1000_inhabitants",
    "ddd_per_1000_inhabitants_per_day",
    "standardised_per_1000_inhabitants",
    "smr",
)


def rates_asked(value: PersonValues) -> list[str]:
    """The rates per inhabitant that a value's indicator asks for."""
    return [name for name in getattr(value.indicator, "statistic", ()) if name in _RATES]


def put_inhabitant_rates(found: Rows, value: PersonValues, counting: Counting) -> None:
    """Put in what a value is per inhabitant by each crossing; nothing where the inhabitants lack a stratum of it."""
    counted: dict[str | None, AmongInhabitants] = {}
    for crossing in counting.crossings:
        # What is standardised by age is of the crossing's margins over age.
        without_age = [name for name in crossing.strata if not name.startswith(f"{AGE}:")]
        for row in row_axes(value, crossing):
            if row not in counted:
                counted[row] = counting.among_inhabitants(value, row)
            cells = cells_of_crossing(counted[row], crossing.strata)
            over_age = cells_of_crossing(counted[row], without_age)
            if cells is None or over_age is None:
                continue
            for name in rates_asked(value):
                if name == "smr":
                    _put(found, value, over_age, _observed_by_expected(value, over_age))
                elif name == "standardised_per_1000_inhabitants":
                    _put(found, value, over_age, _standardised(value, over_age))
                else:
                    _put(found, value, cells, _crude(value, cells, name))


def _put(found: Rows, value: PersonValues, cells: InhabitantCells, estimates: Iterator[Estimate]) -> None:
    for one in estimates:
        found.put(value, cells.axes, one)


def _crude(value: PersonValues, cells: InhabitantCells, name: str) -> Iterator[Estimate]:
    first, after = days_of_period(value)
    days = after - first
    counted = cells.shaped(cells.over_rest(cells.inside)) / value.scale
    outside = cells.shaped(cells.outside) / value.scale
    people = np.broadcast_to(cells.over_rest(cells.people), cells.outside.shape)
    people = cells.shaped(np.ascontiguousarray(people))
    years = people * days / DAYS_A_YEAR
    if not isinstance(value.indicator, Users):
        per = people * days if name.endswith("per_day") else people
        number, _ = estimate(Statistic.PER_1000, "", counted, per, years)
        yield Estimate(name, number, None, "", counted, people, years, outside)
        return
    for limits_of in _LIMITS:
        # More users than inhabitants are no share of them; a count they are all the same.
        base = people if limits_of == "poisson" else np.where(counted > people, np.nan, people)
        number, limits = _rate(limits_of, counted, people, base)
        yield Estimate(name, number, limits, limits_of, counted, people, years, outside)


def _rate(limits_of: str, counted: Floats, people: Floats, base: Floats) -> tuple[Floats, Interval]:
    number, _ = estimate(Statistic.PER_1000, "", counted, people, people)
    known = base > 0
    safe = np.where(known, base, 0.0)
    _, limits = estimate(Statistic.PER_1000, limits_of, np.where(known, counted, 0.0), safe, safe)
    return number, Interval(*(np.where(known, part, np.nan) for part in limits))


def _standardised(value: PersonValues, cells: InhabitantCells) -> Iterator[Estimate]:
    indicator = value.indicator
    assert isinstance(indicator, AmountIndicator)
    assert indicator.standard is not None
    ages = standard_weights(cells.ages, indicator.standard)
    counted = ages.gathered(cells.by_age(cells.inside)) / value.scale
    people = ages.gathered(cells.by_age(cells.people))
    totals = [cells.shaped(np.broadcast_to(part.sum(axis=-1), counted.shape[:-1])) for part in (counted, people)]
    if isinstance(indicator, Users):
        rate = directly_standardised(counted, people, ages.weights)
        number, *limits = (cells.shaped(1000 * part) for part in rate)
        yield Estimate("standardised_per_1000_inhabitants", number, Interval(*limits), "gamma", *totals)
    else:
        number = cells.shaped(1000 * weighed_mean(counted, people, ages.weights))
        yield Estimate("standardised_per_1000_inhabitants", number, None, "", *totals)


def _observed_by_expected(value: PersonValues, cells: InhabitantCells) -> Iterator[Estimate]:
    """Users by those expected at the rates of all, by age and by whatever else the table tells and is not crossed."""
    assert isinstance(value.indicator, Users)
    assert value.indicator.standard is not None
    if not cells.kept:
        return
    ages = standard_weights(cells.ages, value.indicator.standard)
    kept = 1 + len(cells.kept)
    counted, people = (
        part.reshape(*part.shape[:kept], -1) for part in (ages.gathered(cells.inside), ages.gathered(cells.people))
    )
    everybody = (slice(None), *([slice(-1, None)] * len(cells.kept)))
    with np.errstate(invalid="ignore", divide="ignore"):
        reference = counted[everybody] / people[everybody]
    observed, expected = counted.sum(axis=-1), expected_events(reference, people)
    ratio = standardised_ratio(observed, expected)
    number, *limits = (cells.shaped(part) for part in ratio)
    yield Estimate("smr", number, Interval(*limits), "poisson", cells.shaped(observed), cells.shaped(expected))
