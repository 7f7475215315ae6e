"""Outcomes, sequences and reasons one person at a time, one day at a time: written to be obviously right.

Days are whole numbers from the index day; a dispensing is (day, drug, days of supply).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

Dispensed = tuple[int, str, int]


class Arms(NamedTuple):
    """Days at risk in each arm, and the arm of the outcome."""

    exposed: int
    unexposed: int
    outcome_in: str


def arms(
    dispensings: Sequence[Dispensed], outcomes: Sequence[int], *, start: int, end: int, grace: int, by_day: bool
) -> Arms:
    """Follow a person from `start` until her first outcome, which is the last day at risk, or until before `end`."""
    exposing: dict[tuple[int, str, int], int] = {}
    for number, (day, drug, supply) in enumerate(dispensings):
        key = (day, drug, 0 if by_day else number)
        exposing[key] = exposing.get(key, 0) + supply
    exposed = unexposed = 0
    for today in range(start, end):
        is_exposed = any(day <= today < day + supply + grace for (day, _, _), supply in exposing.items())
        exposed, unexposed = exposed + is_exposed, unexposed + (not is_exposed)
        if today in outcomes:
            return Arms(exposed, unexposed, "exposed" if is_exposed else "unexposed")
    return Arms(exposed, unexposed, "")


def after_landmark(outcomes: Sequence[int], dies: int | None, *, landmark: int, days: int) -> tuple[int, str] | None:
    """Days from the landmark and how they end; None for who is not alive at it."""
    if dies is not None and dies <= landmark:
        return None
    for passed in range(days):
        if landmark + passed == dies:
            return passed, "competing"
        if landmark + passed in outcomes:
            return passed, "event"
    return days, "censored"


def sequence(index: Sequence[int], marker: Sequence[int], *, most_days_apart: int) -> str:
    """What a person counts as."""
    if not index or not marker:
        return "excluded:not_both_begun"
    apart = min(marker) - min(index)
    if apart == 0:
        return "excluded:same_day"
    if abs(apart) > most_days_apart:
        return "excluded:too_far_apart"
    return "index first" if apart > 0 else "marker first"


def null_pairs(index: Sequence[int], marker: Sequence[int], *, within: int) -> tuple[int, int]:
    """Pairs of anybody's first index drug with anybody's first marker, as near at most: marker after, marker before."""
    after = sum(0 < second - first <= within for first in index for second in marker)
    before = sum(0 < first - second <= within for first in index for second in marker)
    return after, before


def reasons(rows: Sequence[tuple[int, frozenset[str]]], *, rule: str, sets: dict[str, set[str]]) -> set[str]:
    """Classes of a person with dispensings (day, concepts)."""
    if not rows:
        return set()
    days = [day for day, _ in rows]
    chosen = {"first": [min(days)], "latest": [max(days)], "any": days}[rule]
    told = {concept for day, concepts in rows if day in chosen for concept in concepts}
    if not told:
        return {"not_recorded"}
    return {name for name, concepts in sets.items() if told & concepts} or {"other"}
