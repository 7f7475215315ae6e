"""Treatment lines written to be obviously right: one person, her days, and one overlap after the other.

Twin of the kernel treatment_lines. Drugs cover days as in tests.reference.concurrent_use.
"""

from __future__ import annotations

from dataclasses import dataclass

Piece = tuple[int, int, int]
"""First day, first day after it, and the groups as bits; pieces are sorted by these."""


@dataclass(frozen=True)
class Rule:
    """Parameters, as the kernel's."""

    collapse_gap: int = 30
    least_era: int = 0
    combination: int = 30
    least_piece: int = 30
    which: str = "changes"
    most_lines: int = 5


def eras_of_group(days: set[int], group: int, rule: Rule) -> list[Piece]:
    """Stretches of days with gaps no longer than permitted."""
    eras: list[Piece] = []
    for day in sorted(days):
        if eras and day - eras[-1][1] <= rule.collapse_gap:
            eras[-1] = (eras[-1][0], day + 1, 1 << group)
        else:
            eras.append((day, day + 1, 1 << group))
    return [era for era in eras if era[1] - era[0] >= rule.least_era]


def taken_apart(eras: list[Piece], rule: Rule) -> list[Piece]:
    """The eras without overlaps: the first two that overlap are taken apart until none do."""
    pieces = sorted(eras)
    while True:
        overlap = next((i for i in range(1, len(pieces)) if pieces[i][0] < pieces[i - 1][1]), None)
        if overlap is None:
            return pieces
        (s1, e1, one), (s2, e2, other) = pieces[overlap - 1], pieces[overlap]
        inside = e2 <= e1 or s1 == s2
        made: list[Piece]
        if min(e1, e2) - s2 >= rule.combination or inside:
            rest = one if e1 > e2 else other
            made, kept = [(s1, s2, one), (s2, min(e1, e2), one | other), (min(e1, e2), max(e1, e2), rest)], []
        else:
            made, kept = [(s1, s2, one)], [pieces[overlap]]
        long_enough = [piece for piece in made if piece[1] - piece[0] >= max(rule.least_piece, 1)]
        pieces = sorted([*pieces[: overlap - 1], *long_enough, *kept, *pieces[overlap + 1 :]])


def filtered(pieces: list[Piece], rule: Rule) -> list[Piece]:
    """What is left of the pieces, no more than `most_lines`."""
    lines: list[Piece] = []
    for start, end, groups in pieces:
        if rule.which == "changes" and lines and lines[-1][2] == groups:
            lines[-1] = (lines[-1][0], end, groups)
        elif rule.which != "first" or all(line[2] != groups for line in lines):
            lines.append((start, end, groups))
    return lines[: rule.most_lines]


def lines_of(days_of_groups: list[set[int]], rule: Rule) -> list[Piece]:
    """The lines of a person from the days on which each group is at hand."""
    eras = [era for group, days in enumerate(days_of_groups) for era in eras_of_group(days, group, rule)]
    return filtered(taken_apart(eras, rule), rule)
