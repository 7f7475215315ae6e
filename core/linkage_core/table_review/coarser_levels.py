"""Coarser levels that a dimension has: by the calendar, by ages next to each other, by the start of a code.

Only levels that read so are made coarser; an officer may join any others by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from linkage.errors import EventsRejected
from linkage_core.counted_table import CountedTable, Dimension
from linkage_core.strata import OLDEST, UNKNOWN, age_band
from linkage_core.table_review.coarsening import Coarsening, dimensions_of

PERIODS = ("month", "quarter", "year")
"""Dimensions that belong to an indicator's definition: an order cannot drop them."""

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_QUARTER = re.compile(r"(\d{4})-Q([1-4])")
_ATC = re.compile(r"[A-Z](\d{2}([A-Z]([A-Z](\d{2})?)?)?)?")
_ATC_LENGTHS = (1, 3, 4, 5, 7)
_MUNICIPALITY, _COUNTY_DIGITS = re.compile(r"\d{4}"), 2
_MUNICIPALITY_NAME = re.compile(r"municipal|kommun")


def coarser_steps(table: CountedTable) -> Iterator[Coarsening]:
    """Every step that is offered, dimension by dimension: coarser levels first, the finest of them before others."""
    for dimension in dimensions_of(table).values():
        if dimension.name in PERIODS:
            continue
        yield from _by_calendar(dimension)
        yield from _by_age(dimension)
        yield from _by_code(dimension)
        yield Coarsening(dimension.name)


def joined(dimension: Dimension, levels: tuple[str, ...], new: str) -> Coarsening:
    """The step that puts some levels together under one name."""
    return Coarsening(dimension.name, tuple((one, new if one in levels else one) for one in dimension.levels))


def _by_calendar(dimension: Dimension) -> Iterator[Coarsening]:
    prefix, _, unit = dimension.name.rpartition("_")
    coarser = {"month": (("quarter", _quarter), ("year", _year)), "quarter": (("year", _year),)}.get(unit, ())
    for name, told in coarser if prefix else ():
        levels = tuple((level, level if level == UNKNOWN else told(level)) for level in dimension.levels)
        if all(new for _, new in levels):
            yield Coarsening(dimension.name, levels, f"{prefix}_{name}")


def _quarter(level: str) -> str:
    found = _MONTH.fullmatch(level)
    return f"{found[1]}-Q{(int(found[2]) + 2) // 3}" if found else ""


def _year(level: str) -> str:
    found = _MONTH.fullmatch(level) or _QUARTER.fullmatch(level)
    return found[1] if found else ""


def _by_age(dimension: Dimension) -> Iterator[Coarsening]:
    """Ages next to each other, two and two, then four and four, as long as two groups are left."""
    known = [level for level in dimension.levels if level != UNKNOWN]
    try:
        bands = [age_band(level) for level in known]
    except EventsRejected:
        return
    if any(one[1] + 1 != two[0] for one, two in pairwise(bands)):
        return
    together = 2
    while len(known) > together:
        names = {
            level: _ages(bands[first : first + together])
            for first in range(0, len(known), together)
            for level in known[first : first + together]
        }
        yield Coarsening(dimension.name, tuple((level, names.get(level, level)) for level in dimension.levels))
        together *= 2


def _ages(bands: list[tuple[int, int]]) -> str:
    first, last = bands[0][0], bands[-1][1]
    if first == 0:
        return f"<{last + 1}"
    return f"{first}+" if last == OLDEST else f"{first}-{last}"


def _by_code(dimension: Dimension) -> Iterator[Coarsening]:
    known = [level for level in dimension.levels if level != UNKNOWN]
    if dimension.multi_response or not known:
        return
    if _MUNICIPALITY_NAME.search(dimension.name) and all(_MUNICIPALITY.fullmatch(level) for level in known):
        yield _cut(dimension, _COUNTY_DIGITS, "county")
    elif all(_ATC.fullmatch(level) for level in known):
        longest = max(map(len, known))
        for length in reversed(_ATC_LENGTHS):
            if length < longest:
                yield _cut(dimension, length, dimension.name)


def _cut(dimension: Dimension, length: int, name: str) -> Coarsening:
    levels = tuple((level, level if level == UNKNOWN else level[:length]) for level in dimension.levels)
    return Coarsening(dimension.name, levels, name)
