"""Primary rules for sums, one cell at a time in exact fractions: obviously right, and slow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction


def marks_of_cell(
    contributions: Sequence[tuple[str, int]],
    *,
    minimum_contributors: int,
    dominance: Sequence[tuple[int, int]],
    p_percent: int,
    coalition: int,
) -> set[str]:
    """Which rules a cell breaks.

    Args:
        contributions: (contributor, amount) of the cell; a contributor may come several times.
    """
    given: dict[str, int] = defaultdict(int)
    for who, amount in contributions:
        given[who] += amount
    sizes = sorted((abs(amount) for amount in given.values()), reverse=True)
    total = sum(sizes)
    marks = set()
    if 0 < len(sizes) < minimum_contributors:
        marks.add("few_contributors")
    if total and any(Fraction(sum(sizes[:n]), total) > Fraction(k, 100) for n, k in dominance):
        marks.add("dominance")
    if total and p_percent:
        unknown = sum(sizes[1 + coalition :])
        if Fraction(unknown, sizes[0]) < Fraction(p_percent, 100):
            marks.add("p_percent")
    return marks
