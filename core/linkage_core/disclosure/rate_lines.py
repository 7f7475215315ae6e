"""Rates per inhabitant from open counts: crude, brought into one number over ages, and observed by expected.

Each count that a number is formed from stands in a line of its own. The number is printed where all of them are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from linkage_core.counted_table import AGE_GROUP, CountedTable, Line, RateLine, Statistic
from linkage_core.disclosure.cell_system import Flags, Floats
from linkage_core.disclosure.linked_cells import Numbered
from linkage_core.intervals import interval_of
from linkage_core.rates import directly_standardised, standardised_ratio
from linkage_core.rates.standardised import expected_events, weighed_mean


class Limited(NamedTuple):
    """Values with their limits; NaN for what is not known."""

    value: Floats
    lower: Floats
    upper: Floats


class RateNumbers(NamedTuple):
    """What a rate line prints, cell by cell.

    Args:
        people: inhabitants behind it, NaN where they are no part of it.
        closed: a count that it is formed from is blank; `small`: one of them by itself; `company`: by company secrecy.
    """

    rate: Limited
    counted: Floats
    people: Floats
    closed: Flags
    small: Flags
    company: Flags


class Cells(NamedTuple):
    """Person or sum cells: their numbers, units per whole, which are blank, which by themselves or for companies."""

    numbered: Numbered
    scale: int
    blank: Flags
    small: Flags
    company: Flags


def crude_rate(line: Line, counted: Floats, people: Floats) -> Limited:
    """Per 1,000 inhabitants, or per 1,000 inhabitants and day."""
    days = line.days if line.statistic is Statistic.DDD_PER_1000_A_DAY else 1
    nothing = np.full(counted.shape, np.nan)
    some = people > 0
    value = np.divide(1000 * counted, people * days, out=nothing.copy(), where=some)
    # More users than inhabitants are no share of them.
    some &= (counted <= people) | (line.interval == "poisson")
    if not line.interval or not some.any():
        return Limited(value, nothing, nothing)
    lower, upper = nothing.copy(), nothing.copy()
    lower[some], upper[some] = (1000 * end for end in interval_of(line.interval, counted[some], people[some]))
    return Limited(value, lower, upper)


def rate_numbers(rate: RateLine, cells: Cells, table: CountedTable) -> RateNumbers:
    """A rate brought into one number, for every cell of its line."""
    own = _Part(rate, cells, table, (*rate.line.dimensions, AGE_GROUP))
    if rate.line.statistic is Statistic.STANDARDISED:
        return _standardised(rate, own)
    return _expected(rate, own, cells, table)


class _Part:
    """Counts by some strata and, last, age groups without their total."""

    def __init__(self, rate: RateLine, cells: Cells, table: CountedTable, names: tuple[str, ...]) -> None:
        found = cells.numbered.cube(rate.line.numerator_key or rate.line.sum_key, names)[..., :-1]
        self._stratum, self._strata = np.array(rate.stratum, np.int64), len(rate.weights)
        self.counted = self._gathered(cells.numbered.values[found] / cells.scale)
        self.people = self.gathered_people(table.inhabitants(rate.line.inhabitants_key, names))
        used = found[..., self._stratum >= 0]
        self.flags = [
            np.asarray(flags[used].any(axis=-1), np.bool_) for flags in (cells.blank, cells.small, cells.company)
        ]

    def gathered_people(self, cube: Floats) -> Floats:
        """Inhabitants by stratum of the standard."""
        return self._gathered(cube[..., :-1])

    def _gathered(self, cube: Floats) -> Floats:
        found = np.zeros((*cube.shape[:-1], self._strata))
        for group, stratum in enumerate(self._stratum.tolist()):
            if stratum >= 0:
                found[..., stratum] += cube[..., group]
        return found


def _standardised(rate: RateLine, own: _Part) -> RateNumbers:
    if rate.line.numerator_key:
        limited = Limited(*(1000 * part for part in directly_standardised(own.counted, own.people, rate.weights)))
    else:
        value = 1000 * weighed_mean(own.counted, own.people, rate.weights)
        limited = Limited(value, *(np.full(value.shape, np.nan) for _ in range(2)))
    return RateNumbers(limited, own.counted.sum(axis=-1), own.people.sum(axis=-1), *own.flags)


def _expected(rate: RateLine, own: _Part, cells: Cells, table: CountedTable) -> RateNumbers:
    everybody = _Part(rate, cells, table, (*rate.others, AGE_GROUP))
    inner = tuple(slice(0, -1) for _ in rate.others)
    with np.errstate(invalid="ignore", divide="ignore"):
        reference = everybody.counted[inner] / everybody.people[inner]
    names = (*rate.line.dimensions, *rate.others, AGE_GROUP)
    people = own.gathered_people(table.inhabitants(rate.line.inhabitants_key, names))
    leaves: tuple[Any, ...] = (..., *inner, slice(None))
    people = people[leaves].reshape(*own.counted.shape[:-1], -1)
    expected = expected_events(reference.ravel(), people)
    observed = own.counted.sum(axis=-1)
    flags = [np.full(observed.shape, bool(flag[inner].any())) for flag in everybody.flags]
    nothing = np.full(observed.shape, np.nan)
    if rate.line.statistic is Statistic.EXPECTED:
        return RateNumbers(Limited(expected, nothing, nothing), nothing, nothing, *flags)
    ratio = Limited(*standardised_ratio(observed, expected))
    flags = [one | other for one, other in zip(flags, own.flags, strict=True)]
    return RateNumbers(ratio, observed, nothing, *flags)
