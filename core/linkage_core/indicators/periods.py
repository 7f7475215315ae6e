"""Calendar periods of a definition."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from linkage.indicator_kinds import Calendar, RollingCalendar
from linkage_core.indicators.follow_up import day_number
from linkage_core.indicators.values import Period

_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@lru_cache(maxsize=64)
def periods(calendar: Calendar) -> tuple[tuple[Period, int, int], ...]:
    """Every period with its first day and the first day after it; a rolling one bears the name of its last step."""
    if calendar.step == "whole":
        label = f"{calendar.from_date.isoformat()}/{calendar.until.isoformat()}"
        return (_period("calendar", label, calendar.from_date, calendar.until),)
    rolling = calendar.rolling if isinstance(calendar, RollingCalendar) else 1
    found = []
    first = calendar.from_date
    while first < calendar.until:
        months = _MONTHS[calendar.step]
        after = _later(first, months=months)
        begins = _later(first, months=months * (1 - rolling))
        found.append(_period(calendar.step, _label(first, calendar.step), begins, after))
        first = after
    return tuple(found)


def _period(dimension: str, label: str, first: date, after: date) -> tuple[Period, int, int]:
    return Period(dimension, label, day_number(after) - 1), day_number(first), day_number(after)


def _later(first: date, *, months: int) -> date:
    month = first.month - 1 + months
    return date(first.year + month // 12, month % 12 + 1, 1)


def _label(first: date, step: str) -> str:
    if step == "year":
        return f"{first.year}"
    return f"{first:%Y-%m}" if step == "month" else f"{first.year}-Q{(first.month + 2) // 3}"
