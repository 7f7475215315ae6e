"""Twin of the kernel supply_steps: what a row takes from the first step of a supply model that has an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

EACH_PACKAGE, THE_ROW, THE_ROW_IN_DAYS, AS_IT_IS = range(4)
DAY = 64


@dataclass
class Step:
    """What a step says of each row.

    Args:
        share: what the amount is of, and what becomes of it where packages of the row were taken.
        amount: one a row; `each`: 1/64 days of one unit of it, one a row, None for no answer.
        served: rows that it answers for even by nothing.
    """

    share: int
    amount: Sequence[int]
    each: Sequence[Fraction | None]
    served: Sequence[bool]


def lasts(step: Step, row: int, *, left: int, quantity: int) -> int:
    """1/64 days of what is left of a row by one step, 0 where it says nothing."""
    each = step.each[row]
    if each is None:
        return 0
    amount = max(step.amount[row], 0)
    if step.share == EACH_PACKAGE:
        return int(amount * left * each)
    whole = int(amount * each)
    if step.share == AS_IT_IS or left == abs(quantity):
        return whole
    part = whole * left // max(abs(quantity), 1)
    if step.share == THE_ROW_IN_DAYS and part < whole:
        return max(part // DAY, 1) * DAY
    return part


def served(steps: Sequence[Step], row: int, *, left: int, quantity: int, cap: int) -> tuple[int, int, bool]:
    """Supply, position of the step and whether cut; `len(steps)` without an answer, one more if nothing is left."""
    if left <= 0:
        return 0, len(steps) + 1, False
    for place, step in enumerate(steps):
        lasting = lasts(step, row, left=left, quantity=quantity)
        if lasting > 0 or step.served[row]:
            return min(lasting, cap), place, lasting > cap
    return 0, len(steps), False
