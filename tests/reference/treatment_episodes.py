"""Treatment episodes written to be obviously right: one person, one dispensing or one day at a time. Slow on purpose.

Twin of the kernels treatment_episodes, episode_grid and episodes_side_by_side. `by_rows` and `by_days` say the two
definitions in fractions; `by_walking` knows no arithmetic of gaps at all and looks at the stock on each day.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise


@dataclass(frozen=True)
class Dispensed:
    """One dispensing: supply in days."""

    day: int
    drug: str
    supply: Fraction
    dose: Fraction = Fraction(1)


@dataclass(frozen=True)
class Rule:
    """Parameters, as the kernel's; `carry` is none, pooled or per_drug."""

    gap: Fraction = Fraction(0)
    percent: bool = False
    days: int = 100
    carry: str = "per_drug"
    convert_dose: bool = False
    drug_starts: bool = False
    dose_starts: bool = False
    append_gap: bool = False


@dataclass(frozen=True)
class Point:
    """A day with supply: how long its own supply lasts, the gap after it, and whether treatment changed on it."""

    day: int
    lasts: Fraction
    gap: Fraction
    changed: bool


@dataclass(frozen=True)
class Episode:
    """First day, gap after it, end."""

    start: int
    gap: Fraction
    end: Fraction


def points_by_rows(rows: list[Dispensed], rule: Rule, *, end: int) -> list[Point]:
    """Interval and gap of each row as AdhereR has them; rows on the last day belong to the follow-up."""
    rows = [row for row in rows if row.supply > 0 and row.day <= end]
    points: list[Point] = []
    carry = Fraction(0)
    for place, row in enumerate(rows):
        after = rows[place + 1] if place + 1 < len(rows) else None
        rest = (after.day if after else end) - row.day - row.supply - carry
        before = rows[place - 1] if place else row
        points.append(Point(row.day, row.supply, max(rest, Fraction(0)), rule.drug_starts and before.drug != row.drug))
        carry = max(-rest, Fraction(0))
        if after is not None:
            if rule.carry == "none" or (rule.carry == "per_drug" and after.drug != row.drug):
                carry = Fraction(0)
            elif rule.convert_dose:
                carry = carry * row.dose / after.dose
    return points


def points_by_days(rows: list[Dispensed], rule: Rule, *, end: int) -> list[Point]:
    """What each day brings is taken together; a day's rows have no order."""
    rows = [row for row in rows if row.supply > 0 and row.day < end]
    days = sorted({row.day for row in rows})
    stock_of = (lambda row: "all") if rule.carry == "pooled" else (lambda row: row.drug)
    ends: dict[str, Fraction] = {}
    last_dose: dict[str, Fraction] = {}
    drug_dose: dict[str, Fraction] = {}
    points: list[Point] = []
    for place, day in enumerate(days):
        today = [row for row in rows if row.day == day]
        drugs = {row.drug for row in today}
        yesterday = {row.drug for row in rows if place and row.day == days[place - 1]}
        changed = bool(place) and rule.drug_starts and not drugs & yesterday
        for drug in drugs:
            dose = sum({row.dose for row in today if row.drug == drug}, Fraction(0))
            changed = changed or (rule.dose_starts and drug in drug_dose and drug_dose[drug] != dose)
            drug_dose[drug] = dose
        longest = Fraction(0)
        reached_today = []
        for stock in {stock_of(row) for row in today}:
            own = [row for row in today if stock_of(row) == stock]
            dose = sum({row.dose for row in own}, Fraction(0))
            lasts = sum((row.supply for row in own), Fraction(0))
            left = Fraction(0) if rule.carry == "none" else max(ends.get(stock, Fraction(day)) - day, Fraction(0))
            if rule.convert_dose:
                lasts = sum((row.supply * row.dose for row in own), Fraction(0)) / dose
                left = left * last_dose.get(stock, dose) / dose
            ends[stock], last_dose[stock] = day + left + lasts, dose
            reached_today.append(ends[stock])
            longest = max(longest, lasts)
        reached = max(reached_today) if rule.carry == "none" else max(ends.values())
        until = days[place + 1] if place + 1 < len(days) else end
        points.append(Point(day, longest, max(until - reached, Fraction(0)), changed))
    return points


def allowed_after(point: Point, rule: Rule) -> Fraction:
    """The permissible gap after a point."""
    return rule.gap * point.lasts / 100 if rule.percent else rule.gap


def by_rows(rows: list[Dispensed], rule: Rule) -> list[Episode]:
    """Episodes as AdhereR 0.8.1 has them."""
    end = rows[0].day + rule.days
    points = points_by_rows(rows, rule, end=end)
    episodes = []
    start = points[0].day
    for point, after in pairwise(points):
        exceeded = point.gap > allowed_after(point, rule)
        if exceeded or after.changed:
            appended = allowed_after(point, rule) if rule.append_gap and exceeded else 0
            episodes.append(Episode(start, point.gap, after.day - point.gap + appended))
            start = after.day
    last, allowed = points[-1], allowed_after(points[-1], rule)
    last_end = Fraction(end) if last.gap < allowed else end - last.gap
    if rule.append_gap and last.gap >= allowed:
        last_end += allowed if episodes else -allowed
    return [*episodes, Episode(start, last.gap, last_end)]


def by_days(rows: list[Dispensed], rule: Rule) -> list[Episode]:
    """Episodes as they should be."""
    end = rows[0].day + rule.days
    points = points_by_days(rows, rule, end=end)
    episodes = []
    start = points[0].day
    for place, point in enumerate(points):
        is_last = place + 1 == len(points)
        until = end if is_last else points[place + 1].day
        exceeded = point.gap > allowed_after(point, rule)
        appended = allowed_after(point, rule) if rule.append_gap and exceeded else Fraction(0)
        if exceeded:
            episodes.append(Episode(start, point.gap, until - point.gap + appended))
        elif is_last:
            episodes.append(Episode(start, point.gap, Fraction(end)))
        elif points[place + 1].changed:
            episodes.append(Episode(start, point.gap, until - point.gap))
        else:
            continue
        start = until
    return episodes


def covered_days(rows: list[Dispensed], *, carry: str, days: int) -> list[bool]:
    """Whether supply is at hand on each day of the follow-up: stocks grow on the day and fall by one a covered day."""
    start = rows[0].day
    covered = []
    stocks: dict[str, Fraction] = {}
    for day in range(start, start + days):
        today = [row for row in rows if row.day == day and row.supply > 0]
        if carry == "none" and today:
            stocks = {}
        for row in today:
            stock = "all" if carry == "pooled" else row.drug
            stocks[stock] = stocks.get(stock, Fraction(0)) + row.supply
        covered.append(any(left >= 1 for left in stocks.values()))
        stocks = {stock: left - 1 for stock, left in stocks.items() if left >= 1}
    return covered


def by_walking(rows: list[Dispensed], rule: Rule) -> list[tuple[int, int]]:
    """(first day, end) of each episode where every supply is of whole days and only a gap ends an episode."""
    start = rows[0].day
    covered = covered_days(rows, carry=rule.carry, days=rule.days)
    covered_on = [start + place for place, yes in enumerate(covered) if yes]
    episodes = [[covered_on[0], covered_on[0]]]
    for day in covered_on:
        if day - episodes[-1][1] > rule.gap:
            episodes.append([day, day])
        episodes[-1][1] = day + 1
    if start + rule.days - episodes[-1][1] <= rule.gap:
        episodes[-1][1] = start + rule.days
    return [(first, last) for first, last in episodes]


def by_walking_with_stays(
    rows: list[Dispensed], rule: Rule, *, stays: list[tuple[int, int]], hospital: str
) -> tuple[list[tuple[int, int]], list[int]]:
    """(first day, end) of each episode, and whether each day is covered (2: it does not count), with days in hospital.

    Every supply is of whole days and only a gap ends an episode. In hospital nothing is used, and what is dispensed
    there is at hand at home; the days count as nothing (freeze), as covered while an episode is under way (credit), or
    as not covered (shift).
    """
    start, end = rows[0].day, rows[0].day + rule.days
    states = _states(rows, rule, stays=stays)
    episodes: list[tuple[int, int]] = []
    first, last, waited = start, start, 0
    under_way, begun = True, False
    for day in range(start, end):
        state = states[day - start]
        if state == "hospital" and (hospital == "freeze" or not begun):
            continue
        if state == "covered" or (state == "hospital" and hospital == "credit"):
            if state == "covered" and not under_way:
                under_way, first = True, day
            if under_way:
                waited, last = 0, day + 1
            begun = True
            continue
        waited += 1
        if under_way and waited > rule.gap:
            episodes.append((first, last))
            under_way = False
    if under_way:
        episodes.append((first, end))
    told = {"freeze": 2, "credit": 1, "shift": 0}[hospital]
    return episodes, [told if state == "hospital" else int(state == "covered") for state in states]


def _states(rows: list[Dispensed], rule: Rule, *, stays: list[tuple[int, int]]) -> list[str]:
    """What each day of the follow-up is: hospital, covered or bare."""
    states = []
    stocks: dict[str, Fraction] = {}
    waiting: list[Dispensed] = []
    for day in range(rows[0].day, rows[0].day + rule.days):
        waiting += [row for row in rows if row.day == day and row.supply > 0]
        if any(admitted <= day < discharged for admitted, discharged in stays):
            states.append("hospital")
            continue
        if rule.carry == "none" and waiting:
            stocks = {}
        for row in waiting:
            stock = "all" if rule.carry == "pooled" else row.drug
            stocks[stock] = stocks.get(stock, Fraction(0)) + row.supply
        waiting = []
        states.append("covered" if any(left >= 1 for left in stocks.values()) else "bare")
        stocks = {stock: left - 1 for stock, left in stocks.items() if left >= 1}
    return states
