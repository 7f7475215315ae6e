"""CMA1 to CMA9 written out as their definitions say: the twin of the kernel `medication_availability`.

Everything is a Fraction, so no rounding hides a difference. `None` is a measure that is not defined; the infinity and
NaN of AdhereR are floats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

MEASURES = tuple(f"cma{number}" for number in range(1, 10))
STOPPED = "stopped"
Value = Fraction | float | str | None


@dataclass(frozen=True)
class Dispensing:
    """One row: day, drug, days of supply, daily dose."""

    day: int
    drug: str
    supply: Fraction
    dose: Fraction = Fraction(1)


@dataclass(frozen=True)
class Rule:
    corrected: bool
    same_medication: bool
    dosage_change: bool


@dataclass(frozen=True)
class Event:
    """One row or, corrected, one day: how long earlier supply lasts on that day, and how long all supply does."""

    day: int
    supply: Fraction
    carried: Fraction
    lasting: Fraction


def events_of(rows: list[Dispensing], rule: Rule) -> list[Event]:
    """The events of some rows by day, with nothing carried into the first."""
    return _days(rows, rule) if rule.corrected else _rows(rows, rule)


def _rows(rows: list[Dispensing], rule: Rule) -> list[Event]:
    events: list[Event] = []
    for place, row in enumerate(rows):
        carried = Fraction(0)
        if place:
            last, earlier = events[-1], rows[place - 1]
            carried = max(Fraction(0), last.lasting - (row.day - last.day))
            if rule.same_medication and earlier.drug != row.drug:
                carried = Fraction(0)
            elif rule.dosage_change:
                carried *= earlier.dose / row.dose
        events.append(Event(row.day, row.supply, carried, row.supply + carried))
    return events


def _days(rows: list[Dispensing], rule: Rule) -> list[Event]:
    events: list[Event] = []
    empty_on: dict[str, Fraction] = {}
    dose_of: dict[str, Fraction] = {}
    for day, of_day in groupby(rows, key=lambda row: row.day):
        brought: dict[str, list[Dispensing]] = {}
        for row in of_day:
            brought.setdefault(row.drug if rule.same_medication else "all", []).append(row)
        carried = max([Fraction(0), *(until - day for until in empty_on.values())])
        for stock, parts in brought.items():
            left = max(Fraction(0), empty_on.get(stock, Fraction(day)) - day)
            lasts = sum(part.supply for part in parts)
            if rule.dosage_change:
                dose = Fraction(sum({part.dose for part in parts}))
                left *= dose_of.get(stock, dose) / dose
                lasts = sum(part.supply * part.dose for part in parts) / dose
                dose_of[stock] = dose
            empty_on[stock] = day + left + lasts
            if not rule.same_medication:
                carried = left
        supply = Fraction(sum(part.supply for parts in brought.values() for part in parts))
        events.append(Event(day, supply, carried, max(empty_on.values()) - day))
    return events


def gaps_of(events: list[Event], end: Fraction | int) -> list[Fraction]:
    """Days without supply from each event to the next; to the end from the last."""
    if not events:
        return []
    following = [*(Fraction(event.day) for event in events[1:]), Fraction(end)]
    return [max(Fraction(0), n - e.day - e.lasting) for e, n in zip(events, following, strict=True)]


def availability(
    rows: list[Dispensing], *, follow_up: tuple[int, int], window: tuple[int, int], rule: Rule
) -> dict[str, Value]:
    """All nine measures of one person in one window, both ends included."""
    start, end = window
    rows = [row for row in rows if follow_up[0] <= row.day <= follow_up[1]]
    inside = events_of([row for row in rows if start <= row.day <= end], rule)
    whole = events_of(rows, rule)
    cma1, cma2 = _supply_over_days(inside, end, rule)
    return {
        "cma1": cma1,
        "cma2": cma2,
        "cma3": _cut(cma1),
        "cma4": _cut(cma2),
        "cma5": _without_last_gap(inside),
        "cma6": _with_last_gap(inside, end, rule),
        "cma7": _of_window(whole, Fraction(start), Fraction(end), Fraction(end - start), rule),
        "cma8": _after_earlier_supply(whole, start, end, rule),
        "cma9": _by_intervals(whole, start, end, follow_up[1], rule),
    }


def _cut(value: Value) -> Value:
    return value if value is None else min(Fraction(1), value)  # type: ignore[type-var]


def _supply_over_days(events: list[Event], end: int, rule: Rule) -> tuple[Value, Value]:
    if not events:
        return None, None
    first, last = events[0].day, events[-1].day
    before_last = sum(event.supply for event in events[:-1])
    cma2: Value = (before_last + events[-1].supply) / Fraction(end - first) if end > first else math.inf
    if rule.corrected and cma2 == math.inf:
        cma2 = None
    return (before_last / Fraction(last - first) if last > first else None), cma2


def _without_last_gap(events: list[Event]) -> Value:
    if not events or events[-1].day == events[0].day:
        return None
    return 1 - sum(gaps_of(events, 0)[:-1]) / Fraction(events[-1].day - events[0].day)


def _with_last_gap(events: list[Event], end: int, rule: Rule) -> Value:
    if not events:
        return None
    if end == events[0].day:
        return None if rule.corrected else math.nan
    return 1 - sum(gaps_of(events, end)) / Fraction(end - events[0].day)


def _of_window(events: list[Event], start: Fraction, end: Fraction, days: Fraction, rule: Rule) -> Value:
    events = [event for event in events if event.day <= end]
    if not events:
        return None
    if days <= 0:
        return None if rule.corrected else math.nan
    gaps = gaps_of(events, end)
    inside = [place for place, event in enumerate(events) if event.day >= start]
    if not inside:
        return 1 - gaps[-1] / days if gaps[-1] <= days else Fraction(0)
    lead = events[inside[0]].day - start
    if inside[0] > 0:
        lead = min(lead, gaps[inside[0] - 1])
    return 1 - (sum(gaps[inside[0] :]) + lead) / days


def _after_earlier_supply(events: list[Event], start: int, end: int, rule: Rule) -> Value:
    begin = max([Fraction(start), *(event.day + event.lasting for event in events if event.day < start)])
    if begin == start:
        return _of_window(events, Fraction(start), Fraction(end), Fraction(end - start), rule)
    days = round(end - begin)
    if rule.corrected and days <= 0:
        return Fraction(1)
    if begin > end:
        return STOPPED if any(end < event.day <= begin for event in events) else Fraction(0)
    return _of_window(events, begin, begin + days, Fraction(days), rule)


def _by_intervals(events: list[Event], start: int, end: int, follow_up_end: int, rule: Rule) -> Value:
    if not any(event.day <= end for event in events):
        return None
    if end <= start:
        return None if rule.corrected else math.nan
    covered = Fraction(0)
    days = [*(event.day for event in events[1:]), follow_up_end]
    for event, until, gap in zip(events, days, gaps_of(events, follow_up_end), strict=True):
        inside = min(until, end) - max(event.day, start)
        if inside > 0:
            covered += inside * (1 - gap / (until - event.day))
    return covered / (end - start)
