"""Drugs at hand at the same time, written to be obviously right: one person, one drug and one day at a time.

Twin of the kernel supply_together.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import groupby

from tests.reference.drug_indicators import Row

Condition = Callable[[set[str]], bool]
"""Whether the drugs of a day meet it."""


def days_of_drugs(
    rows: list[Row], *, first_day: int, end: int, carry_over: bool, cap: Fraction | None
) -> dict[str, set[int]]:
    """Days of [first_day, end) that each drug covers, each from a stock of its own or row by row."""
    covered: dict[str, set[int]] = {}
    for drug in {row.drug for row in rows}:
        own = [row for row in rows if row.drug == drug and row.day >= first_day]
        if not carry_over:
            covered[drug] = {day for row in own for day in range(row.day, min(row.day + int(row.supply), end))}
            continue
        covered[drug], stock = set(), Fraction(0)
        brought = {day: [row.supply for row in own if row.day == day] for day in {row.day for row in own}}
        for day in range(first_day, end):
            for supply in brought.get(day, []):
                stock += supply
                stock = stock if cap is None else min(stock, cap)
            if stock >= 1:
                stock -= 1
                covered[drug].add(day)
    return covered


def drugs_by_day(covered: dict[str, set[int]], *, start: int, end: int) -> list[set[str]]:
    """The drugs at hand on each day of [start, end)."""
    return [{drug for drug, days in covered.items() if day in days} for day in range(start, end)]


def days_together(by_day: list[set[str]], condition: Condition, *, in_a_row: bool) -> int:
    """Days that meet a condition: all of them, or those of the longest run."""
    if not in_a_row:
        return sum(1 for drugs in by_day if condition(drugs))
    runs = [len(list(run)) for met, run in groupby(by_day, condition) if met]
    return max(runs, default=0)


def at_least(group: set[str], number: int) -> Condition:
    """So many drugs of a group."""
    return lambda drugs: len(drugs & group) >= number


def pair(first: set[str], second: set[str]) -> Condition:
    """Two different drugs, one of each set."""
    return lambda drugs: any(a != b for a in drugs & first for b in drugs & second)
