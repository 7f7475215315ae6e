"""Months add up to quarters and years even when nobody crosses them: the calendar is known to every reader."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations

from linkage_core.counted_table import Dimension, Nesting

_MONTH = re.compile(r"^(\d{4})-?(\d{2})$")
_QUARTER = re.compile(r"^(\d{4})-?[QK]([1-4])$")
_YEAR = re.compile(r"^(\d{4})$")
_FINENESS = ("month", "quarter", "year")


def calendar_nestings(dimensions: Iterable[Dimension]) -> list[Nesting]:
    """The nestings between strata of one calendar, such as index_month within index_year."""
    calendars: dict[str, dict[str, Dimension]] = {}
    for dimension in dimensions:
        prefix, _, unit = dimension.name.rpartition("_")
        if unit in _FINENESS:
            calendars.setdefault(prefix, {})[unit] = dimension
    return [
        _nesting(strata[fine], strata[coarse])
        for strata in calendars.values()
        for fine, coarse in combinations(_FINENESS, 2)
        if fine in strata and coarse in strata
    ]


def _nesting(fine: Dimension, coarse: Dimension) -> Nesting:
    pairs = [(inner, outer) for inner in fine.levels for outer in coarse.levels if _within(inner, outer)]
    return Nesting(fine.name, coarse.name, tuple(pairs))


def _within(inner: str, outer: str) -> bool:
    first, last = _months(inner)
    start, end = _months(outer)
    return 0 < start <= first and last <= end


def _months(code: str) -> tuple[int, int]:
    """First and last month of a period, counted from year 0; (0, 0) for what is no period."""
    if found := _MONTH.match(code):
        month = int(found[1]) * 12 + int(found[2])
        return month, month
    if found := _QUARTER.match(code):
        first = int(found[1]) * 12 + 3 * int(found[2]) - 2
        return first, first + 2
    if found := _YEAR.match(code):
        return int(found[1]) * 12 + 1, int(found[1]) * 12 + 12
    return 0, 0
