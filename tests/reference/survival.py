"""Statistics of time to an event written to be obviously right: person by person, in fractions. Slow on purpose.

Twin of linkage_core.survival.
"""

from __future__ import annotations

from fractions import Fraction

Ended = tuple[int, int]
"""Day, and how: 0 censored, 1 the event, 2 the competing end."""


def share_without_event(persons: list[Ended], day: int) -> Fraction:
    """Kaplan and Meier's product over the days on which events fall."""
    share = Fraction(1)
    for event_day in sorted({when for when, how in persons if how == 1 and when <= day}):
        at_risk = sum(1 for when, _ in persons if when >= event_day)
        events = sum(1 for when, how in persons if how == 1 and when == event_day)
        share *= 1 - Fraction(events, at_risk)
    return share


def incidence(persons: list[Ended], day: int, *, of: int) -> Fraction:
    """Aalen and Johansen's sum: free of both before a day, times those of that day among those at risk."""
    either = [(when, 1 if how else 0) for when, how in persons]
    share = Fraction(0)
    for end_day in sorted({when for when, how in persons if how == of and when <= day}):
        at_risk = sum(1 for when, _ in persons if when >= end_day)
        ends = sum(1 for when, how in persons if how == of and when == end_day)
        share += share_without_event(either, end_day - 1) * Fraction(ends, at_risk)
    return share


def restricted_mean(persons: list[Ended], until: int) -> Fraction:
    """Area under the curve, day by day."""
    return sum((share_without_event(persons, day) for day in range(until)), Fraction(0))


def log_rank_of_two(first: list[Ended], second: list[Ended]) -> Fraction | None:
    """Chi-square of two groups; None where nothing varies."""
    difference = variance = Fraction(0)
    for day in sorted({when for when, how in first + second if how == 1}):
        mine = sum(1 for when, _ in first if when >= day)
        all_at_risk = mine + sum(1 for when, _ in second if when >= day)
        events = sum(1 for when, how in first + second if how == 1 and when == day)
        difference += sum(1 for when, how in first if how == 1 and when == day) - Fraction(events * mine, all_at_risk)
        if all_at_risk > 1:
            rest = all_at_risk - mine
            variance += Fraction(events * mine * rest * (all_at_risk - events), all_at_risk**2 * (all_at_risk - 1))
    return difference**2 / variance if variance else None
