"""What becomes of a treatment, written to be obviously right: one person, from her dispensings and her exit.

Twin of linkage_core.indicators.treatment_changes and the kernel first_drugs; episodes are those of
tests.reference.treatment_episodes.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

from tests.reference.treatment_episodes import Dispensed, Rule, by_days


def first_episode(rows: list[Dispensed], rule: Rule, exit_day: int) -> tuple[int, Fraction, bool]:
    """Start, end, and whether it was discontinued before the exit; rows from the first dispensing on."""
    episode = by_days(rows, rule)[0]
    room = min(rows[0].day + rule.days, exit_day)
    return episode.start, episode.end, episode.end + rule.gap < room


def restart(rows: list[Dispensed], rule: Rule, exit_day: int) -> tuple[int, bool] | None:
    """Days from discontinuation until the next dispensing or the end of observation, and which; None if not stopped."""
    start, end, stopped = first_episode(rows, rule, exit_day)
    if not stopped:
        return None
    room = min(start + rule.days, exit_day)
    next_days = [row.day for row in rows if row.supply > 0 and row.day > end]
    restarted = bool(next_days) and next_days[0] < room
    return (next_days[0] if restarted else room) - floor(end), restarted


def first_drugs(rows: list[Dispensed], start: int) -> set[str]:
    """The drugs of the day of the start."""
    return {row.drug for row in rows if row.day == start and row.supply > 0}


def begins_another(own: list[Dispensed], to: list[Dispensed], start: int, from_day: int, last_day: int) -> bool:
    """Whether the first day ever of a drug, none of those of the start, lies in [from_day, last_day]."""
    others = {row.drug for row in to} - first_drugs(own, start)
    return any(from_day <= min(row.day for row in to if row.drug == drug) <= last_day for drug in others)


def switch(rows: list[Dispensed], to: list[Dispensed], rule: Rule, exit_day: int, *, before: int) -> bool | None:
    """Whether a new drug came in place of the first; `to` holds every row of the other codes, also from before."""
    first_day = min(row.day for row in rows if row.supply > 0)
    drugs = first_drugs(rows, first_day)
    own = [row for row in rows if row.drug in drugs and row.day >= first_day]
    _, end, stopped = first_episode(own, rule, exit_day)
    if not stopped:
        return None
    return begins_another(rows, to, first_day, ceil(end - before), floor(end + rule.gap))


def add_on(
    rows: list[Dispensed], to: list[Dispensed], rule: Rule, exit_day: int, *, together: int, covered: bool
) -> bool | None:
    """Whether the other treatment began inside the first episode, which went on; None for who had it before.

    `covered` asks that supply is at hand on the day on which it began: not in a gap.
    """
    start = rows[0].day
    cut = Rule(gap=rule.gap, days=min(rule.days, exit_day - start), carry=rule.carry)
    _, end, _ = first_episode(rows, cut, exit_day)
    if any(row.day <= start for row in to):
        return None
    if not to:
        return False
    first = min(row.day for row in to)
    without_gap = by_days(rows, Rule(gap=Fraction(0), days=cut.days, carry=rule.carry))
    at_hand = any(stretch.start <= first and first + 1 <= stretch.end for stretch in without_gap)
    return (at_hand or not covered) and first + together <= end


def dose_steps(rows: list[Dispensed], *, least_percent: int) -> tuple[bool, bool]:
    """Whether the dose of any drug rose, and whether it fell, from one of its days to the next."""
    risen = fallen = False
    for drug in {row.drug for row in rows}:
        own = [row for row in rows if row.drug == drug and row.supply > 0]
        days = sorted({row.day for row in own})
        doses = [sum({row.dose for row in own if row.day == day}) for day in days]
        for before, now in pairwise(doses):
            enough = abs(now - before) * 100 >= before * least_percent
            risen = risen or (enough and now > before)
            fallen = fallen or (enough and now < before)
    return risen, fallen
