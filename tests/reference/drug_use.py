"""Start of treatment and use, written to be obviously right: one person and one day at a time. Slow on purpose.

Twins of the kernel incident_use and of the kinds of linkage_core.indicators.start_and_use. Day 0 is the index day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


def incident(
    rows: Sequence[int],
    *,
    start: int,
    ends: Sequence[int],
    known_from: int,
    exit_day: int,
    washout: int,
    repeated: bool,
) -> tuple[list[int], list[int]]:
    """Events and days at risk in the windows [start, ends[0]), [ends[0], ends[1]), ...: one day after the other."""
    events, days = [0] * len(ends), [0] * len(ends)
    for day in range(start, min(ends[-1], exit_day)):
        window = next(place for place, end in enumerate(ends) if day < end)
        before = range(day - washout, day)
        if before[0] < known_from or any(row in before for row in rows):
            continue
        days[window] += 1
        if day in rows:
            events[window] += 1
            if not repeated:
                break
    return events, days


@dataclass(frozen=True)
class Row:
    """A dispensing that was not reversed; `dose` is strength x units a day, None where neither tells it."""

    day: int
    atc: str
    supply: int = 30
    strength: Fraction | None = None
    units: Fraction | None = None


def on_day(rows: Sequence[Row], day: int, exit_day: int, *, lookback: int, cap: int) -> bool:
    """Whether a stock that starts empty `lookback` days before covers a day; each drug has its own."""
    if day >= exit_day:
        return False
    for drug in {row.atc for row in rows}:
        stock = 0
        for today in range(day - lookback, day + 1):
            for row in rows:
                if row.atc == drug and row.day == today:
                    stock = min(stock + row.supply, cap)
            if today == day and stock >= 1:
                return True
            stock = max(stock - 1, 0)
    return False


def dispensed(rows: Sequence[Row], first: int, last: int, exit_day: int) -> bool:
    """Whether there is a row on one of the days first to last, before the exit."""
    return any(row.day in range(first, last + 1) and row.day < exit_day for row in rows)


def level(rows: Sequence[Row], last: int, exit_day: int, *, lookback: int) -> str:
    """How treatment starts: new, continuing or none by the last day."""
    if not dispensed(rows, 0, last, exit_day):
        return "none"
    return "continuing" if any(-lookback <= row.day < 0 for row in rows) else "new"


def until_first(rows: Sequence[Row], follow_up: int, exit_day: int, death: int | None) -> tuple[int, str]:
    """Days until the first row, and what ends them: event, death or the end of observation."""
    for day in range(min(follow_up, exit_day)):
        if any(row.day == day for row in rows):
            return day, "event"
    end = min(follow_up, exit_day)
    return end, "death" if death == end else "censored"


def possession(rows: Sequence[Row], end: int, exit_day: int, *, from_first: bool) -> Fraction | None:
    """Supply dispensed over days from day 0, or from the first row; None without such days."""
    last = min(end, exit_day)
    inside = [row for row in rows if 0 <= row.day < last]
    start = min((row.day for row in inside), default=last) if from_first else 0
    return Fraction(sum(row.supply for row in inside), last - start) if last > start else None


def high_dose(rows: Sequence[Row], day: int, thresholds: dict[str, Fraction], *, within: int) -> bool | str:
    """Whether a substance of the last day with a row before `day` reaches its threshold, or what is not told."""
    days = {row.day for row in rows if day - within <= row.day < day}
    last = [row for row in rows if days and row.day == max(days) and row.atc in thresholds]
    if any(row.strength is None for row in last):
        return "error:strength_text"
    # A dosage that is not told is one unit a day.
    doses = {(row.atc, row.strength * (1 if row.units is None else row.units)) for row in last if row.strength}
    return any(sum(dose for atc, dose in doses if atc == drug) >= least for drug, least in thresholds.items())


def not_dispensed(
    prescribed: Sequence[tuple[int, str, bool]], rows: Sequence[Row], exit_day: int, *, last: int, within: int
) -> tuple[str | bool, int, int]:
    """What became of the first prescription; prescriptions that are observed for long enough, and those not dispensed.

    Prescriptions are (day, ATC, cancelled).
    """
    valid = [(day, atc) for day, atc, cancelled in prescribed if not cancelled and 0 <= day <= last and day < exit_day]
    seen = [(day, atc) for day, atc in valid if day + within < exit_day]
    missed = [
        (day, atc) for day, atc in seen if not any(row.atc == atc and day <= row.day <= day + within for row in rows)
    ]
    first = [one for one in valid if one[0] == min(day for day, _ in valid)]
    outcome: str | bool = any(one in missed for one in first)
    if not valid:
        outcome = "excluded:not_prescribed"
    elif first[0] not in seen:
        outcome = f"excluded:not_observed_for_{within}"
    return outcome, len(seen), len(missed)
