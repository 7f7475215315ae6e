"""Drug indicators written to be obviously right: one person, one day and one row at a time. Slow on purpose.

Twins of the kernels covered_days, covered_days_side_by_side, covered_grid, covered_on_days, covered_side_by_side,
days_at_home, net_reversals, first_dispensing, last_rows, dispensed_in_spans, sum_in_window and drugs_at_date.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass
class Row:
    """One dispensing; supply in days as an exact fraction."""

    day: int
    drug: str = ""
    supply: Fraction = Fraction(0)
    packages: int = 1
    tie: int = 0


def covered(
    rows: list[Row],
    groups: list[set[str]],
    *,
    start: int,
    end: int,
    lookback: int,
    cap: Fraction | None,
    carry_over: bool,
    pooled: bool,
    stays: list[tuple[int, int]],
) -> tuple[int, int, int]:
    """Days at home in [start, end), days covered by any group, days covered by all groups; one day after the other."""
    home = [day for day in range(start - lookback, end) if not any(a <= day < d for a, d in stays)]
    covers: dict[int, set[int]] = {day: set() for day in home}
    drugs = sorted({row.drug for row in rows})
    stocks = [({drug for drug in drugs if drug in group}, {number}) for number, group in enumerate(groups)]
    if not pooled:
        stocks = [({drug}, {number for number, group in enumerate(groups) if drug in group}) for drug in drugs]
    for members, marks in stocks:
        own = [row for row in rows if row.drug in members]
        if not carry_over:
            for day in home:
                if any(start - lookback <= row.day <= day < row.day + int(row.supply) for row in own):
                    covers[day] |= marks
            continue
        stock = Fraction(0)
        for day in range(start - lookback, end):
            for row in own:
                if row.day == day:
                    stock += row.supply
                    stock = stock if cap is None else min(stock, cap)
            if day in covers and stock >= 1:
                stock -= 1
                covers[day] |= marks
    observed = [day for day in home if day >= start]
    return (
        len(observed),
        sum(1 for day in observed if covers[day]),
        sum(1 for day in observed if len(covers[day]) == len(groups)),
    )


def covers_day(
    rows: list[Row],
    *,
    day: int,
    exit_day: int,
    lookback: int,
    cap: Fraction | None,
    carry_over: bool,
    by_drug: bool,
    stays: list[tuple[int, int]],
) -> int:
    """Whether supply covers a day that is one of the observation: 1; 2 in hospital on it; else 0."""
    if day >= exit_day:
        return 0
    drugs = [{row.drug for row in rows}]
    at_home, covers, _ = covered(
        rows,
        drugs,
        start=day,
        end=day + 1,
        lookback=lookback,
        cap=cap,
        carry_over=carry_over,
        pooled=not by_drug,
        stays=stays,
    )
    return covers if at_home else 2


def netted(rows: list[Row]) -> list[int]:
    """What each row still has: same day and exact, then nearest earlier and exact, then last in, first out.

    Reversed rows keep, as a negative number, what they could not take.
    """
    left = [row.packages for row in rows]
    reversals = [i for i, row in enumerate(rows) if row.packages < 0]

    def latest_first(candidates: list[int]) -> list[int]:
        return sorted(candidates, key=lambda i: (-rows[i].day, -rows[i].packages, rows[i].tie))

    for same_day in (True, False):
        for i in reversals:
            exact = [
                j
                for j, row in enumerate(rows)
                if row.drug == rows[i].drug
                and row.packages == -rows[i].packages
                and left[j] == row.packages
                and (row.day == rows[i].day if same_day else row.day <= rows[i].day)
            ]
            if left[i] and exact:
                left[latest_first(exact)[0]] = 0
                left[i] = 0
    for i in reversals:
        for j in latest_first([j for j, row in enumerate(rows) if row.packages > 0 and row.drug == rows[i].drug]):
            if rows[j].day <= rows[i].day:
                taken = min(left[j], -left[i])
                left[j] -= taken
                left[i] += taken
    return left


def netted_by_row(rows: list[Row]) -> list[int]:
    """The reference set's rule: each reversed row takes from the rows before it, the last one first."""
    left = [row.packages for row in rows]
    for i, row in enumerate(rows):
        for j in range(i - 1, -1, -1):
            if row.packages < 0 and rows[j].drug == row.drug and left[j] > 0:
                taken = min(left[j], -left[i])
                left[j] -= taken
                left[i] += taken
    return left


def first_dispensed(rows: list[tuple[int | None, bool]], *, start: int, end: int) -> int | None:
    """The first day in [start, end) of a row (day, whether it counts) that does."""
    return min((day for day, counts in rows if day is not None and counts and start <= day < end), default=None)


def of_last_day(rows: list[tuple[int, bool]], *, start: int, end: int) -> list[int]:
    """Positions of the rows (day, whether it counts) that do on the last day in [start, end) with one."""
    own = {place: day for place, (day, counts) in enumerate(rows) if counts and start <= day < end}
    return [place for place, day in own.items() if day == max(own.values())]


def dispensed_in(
    rows: list[tuple[int | None, str, int]],
    code_sets: list[tuple[str, int, int]],
    *,
    index: int | None,
    span: tuple[int, int] | None,
    cut: int | None,
) -> bool:
    """Whether a row (day, code, left) is of a code set (prefix, first day it applies, first day it no longer does)
    and lies in a span of days after the index day, before the day of the cut; any day where there is no span."""
    for day, code, left in rows:
        if day is None or left <= 0:
            continue
        if not any(code.startswith(prefix) and first <= day < until for prefix, first, until in code_sets):
            continue
        if span is None:
            return True
        if index is not None and span[0] <= day - index < span[1] and (cut is None or day < cut):
            return True
    return False


@dataclass
class WeighedRow:
    """A row of a window sum: a day or none, what it adds, and its levels."""

    day: int | None
    weights: tuple[int, ...]
    levels: list[int]


def rows_in(rows: list[WeighedRow], *, start: int, end: int, valid: tuple[int, int]) -> list[WeighedRow]:
    """Rows on the days of [start, end) that lie in the days `valid`, half-open, too."""
    return [row for row in rows if row.day is not None and start <= row.day < end and valid[0] <= row.day < valid[1]]


def summed_by_level(rows: list[WeighedRow]) -> list[tuple[int, tuple[int, ...]]]:
    """Each level of the rows, ascending, with the sum of each weight over the rows that have it."""
    levels = sorted({level for row in rows for level in row.levels})
    return [
        (level, tuple(sum(own) for own in zip(*(row.weights for row in rows if level in row.levels), strict=True)))
        for level in levels
    ]


def drugs_at(rows: list[Row], *, day: int, counted: set[str]) -> set[str]:
    """Drugs, of those counted, whose supply covers a day."""
    return {row.drug for row in rows if row.drug in counted and row.day <= day < row.day + row.supply}
