"""Primary rules for sums: who contributes to each cell, and which cells tell one contributor too much.

One pass over the contributions gives the number of contributors, the total and the three largest of each cell; the
rules are compared in whole numbers. Rules and protection levels as in the Handbook on Statistical Disclosure Control
(second edition), chapter on magnitude tables: (n, k) dominance and the p % rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import InputRefused
from linkage_core.disclosure.cell_system import Flags, Ints

LARGEST = 3
"""So many of the largest contributors of each cell are known to the rules."""

# Shares in per cent are compared as products with up to 200, which must stay within 64 bits.
_MOST = 1 << 55


class Mark(IntFlag):
    """Why a cell is sensitive by itself. The names are the officer's words."""

    SMALL_CELL = 1
    FEW_CONTRIBUTORS = 2
    DOMINANCE = 4
    P_PERCENT = 8
    CLASS_DISCLOSURE = 16
    FEW_PRESCRIBERS = 32
    FEW_WORKPLACES = 64
    COMPANY_SECRECY = 128
    INSIDER = 256
    UNION_OF_BLANKS = 512
    COUNT_HIDDEN = 1024


@dataclass(frozen=True, slots=True)
class Contributions:
    """What each contributor gives to each published cell: one row a contributor and cell.

    Args:
        cell: int64, number of the cell.
        contributor: int64, number of the person, company or company group.
        amount: int64, in whole units such as öre; may be negative (corrections).
    """

    cell: Ints
    contributor: Ints
    amount: Ints


@dataclass(frozen=True, slots=True)
class Profile:
    """What the rules have to know of each cell.

    Args:
        contributors: how many contribute, a contribution of 0 included.
        total: sum of the sizes of their contributions. A correction counts by its size: it tells as much.
        largest: sizes of the three largest, descending, shape (cells, 3); 0 where there are fewer.
    """

    contributors: Ints
    total: Ints
    largest: Ints

    def rest(self, coalition: int) -> Ints:
        """What stands between the largest contributor and the next `coalition` who pool what they know."""
        between: Ints = self.total - self.largest[:, : coalition + 1].sum(axis=1)
        return between


@dataclass(frozen=True, slots=True)
class Marked:
    """The outcome of the rules.

    Args:
        marks: `Mark` bits of each cell.
        upper: how far above its true value each cell must be held possible, in units; 0 where no rule demands it.
    """

    marks: Ints
    upper: Ints

    @property
    def sensitive(self) -> Flags:
        """Cells that may not be known."""
        marked: Flags = self.marks != 0
        return marked


def profile(given: Contributions, *, cells: int) -> Profile:
    """Number of contributors, total and largest three of each cell, in one pass over the contributions.

    A contributor with several rows in a cell counts once, with what they add up to.

    Raises:
        InputRefused: amounts are too large to be compared exactly.
    """
    order = np.lexsort((given.contributor, given.cell))
    cell, who, amount = given.cell[order], given.contributor[order], given.amount[order]
    if np.abs(amount.astype(np.float64)).sum() >= _MOST:
        raise InputRefused("Contributions are too large to be added up exactly.", mend="Use larger units.")
    first = np.ones(cell.size, dtype=np.bool_)
    first[1:] = (cell[1:] != cell[:-1]) | (who[1:] != who[:-1])
    starts = np.flatnonzero(first)
    size = np.abs(np.add.reduceat(amount, starts)) if starts.size else np.empty(0, dtype=np.int64)
    own = cell[starts]
    total = np.zeros(cells, dtype=np.int64)
    np.add.at(total, own, size)
    by_size = np.lexsort((-size, own))
    own, size = own[by_size], size[by_size]
    rank = np.arange(own.size) - np.searchsorted(own, own)
    largest = np.zeros((cells, LARGEST), dtype=np.int64)
    top = rank < LARGEST
    largest[own[top], rank[top]] = size[top]
    return Profile(np.bincount(own, minlength=cells).astype(np.int64), total, largest)


def mark_sums(found: Profile, policy: DisclosurePolicy, *, excepted: Mapping[Mark, Flags] | None = None) -> Marked:
    """Apply the policy's rules for sums.

    A share is too large if n largest * 100 > k * total. The largest contributor is too well known if what is left
    between it and the coalition of the next ones is less than p per cent of it. A reader must hold a sum possible that
    is so much larger that neither would be true.

    Args:
        found: the cells.
        policy: the rules.
        excepted: cells that an officer excepted from a rule.
    """
    free = excepted or {}
    none = np.zeros(found.total.size, dtype=np.bool_)
    few = (found.contributors > 0) & (found.contributors < policy.minimum_contributors)
    marks = np.where(few, Mark.FEW_CONTRIBUTORS, 0).astype(np.int64)
    upper = np.zeros(found.total.size, dtype=np.int64)
    for n, k in policy.dominance:
        largest = found.largest[:, :n].sum(axis=1)
        dominated = (100 * largest > k * found.total) & ~free.get(Mark.DOMINANCE, none)
        marks |= np.where(dominated, Mark.DOMINANCE, 0)
        upper = np.maximum(upper, np.where(dominated, -(-100 * largest // k) - found.total, 0))
    if policy.p_percent:
        largest, rest = found.largest[:, 0], found.rest(policy.coalition)
        known = (100 * rest < policy.p_percent * largest) & ~free.get(Mark.P_PERCENT, none)
        marks |= np.where(known, Mark.P_PERCENT, 0)
        upper = np.maximum(upper, np.where(known, -(-policy.p_percent * largest // 100) - rest, 0))
    return Marked(marks, upper)


def few_behind(given: Contributions, *, cells: int, at_least: int, mark: Mark) -> Ints:
    """Mark the cells that fewer than `at_least` stand behind; cells without any are not marked."""
    behind = profile(given, cells=cells).contributors
    return np.where((behind > 0) & (behind < at_least), int(mark), 0).astype(np.int64)


def all_in_one(wholes: Ints, parts: Ints) -> Flags:
    """Which wholes have all they count in one of several parts: it tells the class of everybody in the whole.

    Args:
        wholes: counts, shape (relations,).
        parts: counts that add up to them, shape (relations, parts).
    """
    full: Flags = (wholes > 0) & np.any(parts == wholes[:, np.newaxis], axis=1)
    return full if parts.shape[1] > 1 else np.zeros_like(full)


def in_words(marks: Ints) -> list[str]:
    """The marks of each cell in the officer's words, several with + between them; "" for none."""
    words = {
        int(bits): "+".join(mark.name.lower() for mark in Mark if bits & mark and mark.name)
        for bits in set(marks.tolist())
    }
    return [words[bits] for bits in marks.tolist()]
