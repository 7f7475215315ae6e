"""Perturbation tables: for each count a row of changes with the ends of their intervals, and how a key finds one.

A row divides [0, 1) into one interval for each change, ascending, as long as the change is likely. A cell key, read
as a number u in [0, 1), falls into the interval [end of the one before, own end): its change is taken. So it is in the
R packages ptable, which writes such tables with eight decimals, and cellKey, which reads them (`ck < ub`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linkage.errors import InputRefused
from linkage.perturbation_rules import amount_changes, count_changes, distinct_counts
from linkage_core.perturbation.noise_rows import Floats, greatest_entropy

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

_DECIMALS = 8
_CELLS_AT_ONCE = 1 << 16


@dataclass(frozen=True, slots=True)
class NoiseTable:
    """Rows 0, 1, ... of changes; row 0 changes nothing and the last row is every larger count's.

    Args:
        changes: int64, a row for each count; rows with fewer changes are filled up with zeros.
        ends: float64, the end of each change's interval, ascending to 1; filled up with 1, where no key falls.
    """

    changes: Ints
    ends: Floats

    @property
    def last(self) -> int:
        """The number of the last row."""
        return len(self.changes) - 1

    def probabilities(self, row: int) -> dict[int, float]:
        """How likely each change of a row is."""
        sizes = np.diff(self.ends[row], prepend=0.0)
        chances: dict[int, float] = {}
        for change, size in zip(self.changes[row].tolist(), sizes.tolist(), strict=True):
            if size > 0:
                chances[change] = chances.get(change, 0.0) + size
        return chances


def count_table(*, bound: int, variance: float, never_up_to: int = 0) -> NoiseTable:
    """The table of counts.

    Args:
        bound: the greatest change (D).
        variance: of every count's change (V).
        never_up_to: counts from 1 to this never come out (js).

    Raises:
        InputRefused: there is no such noise for some count; names it.
    """
    rows = []
    for count in range(1, distinct_counts(bound=bound, never_up_to=never_up_to) + 1):
        changes = count_changes(count, bound=bound, never_up_to=never_up_to)
        rows.append(zip(changes, _ends(greatest_entropy(changes, variance, what=f"a count of {count}")), strict=True))
    return table_of([[(0, 1.0)], *map(list, rows)])


def amount_table(*, bound: int, variance: float, parts: int = 1) -> NoiseTable:
    """The table of amounts that are 0, 1, ... `bound` or more steps large; changes are parts of a step.

    Args:
        bound: the greatest change, in steps.
        variance: in steps squared.
        parts: so many parts a step is divided into.

    Raises:
        InputRefused: there is no such noise for some amount; names it.
    """
    rows = []
    for steps in range(1, bound + 1):
        changes = amount_changes(steps, bound=bound, parts=parts)
        chances = greatest_entropy(changes, variance * parts**2, what=f"an amount of {steps} steps")
        rows.append(zip(changes, _ends(chances), strict=True))
    return table_of([[(0, 1.0)], *map(list, rows)], parts=parts)


def table_of(rows: Sequence[Sequence[tuple[int, float]]], *, parts: int = 1) -> NoiseTable:
    """A table of given intervals, such as one that ptable wrote.

    Args:
        rows: of each count from 0 on, its changes with the ends of their intervals, ascending.
        parts: so many parts of a row's number a change counts.

    Raises:
        InputRefused: an end lies before the one before it or below 0, the last is not 1, 0 is changed, or a number
            becomes negative.
    """
    for number, row in enumerate(rows):
        own = [end for _, end in row]
        if not own or own != sorted(own) or own[0] < 0 or own[-1] != 1:
            raise InputRefused(f"row {number} of a perturbation table does not divide the numbers from 0 to 1.")
        if any(number * parts + change < 0 for change, _ in row):
            raise InputRefused(f"row {number} of a perturbation table makes a number negative.")
    if not rows or [change for change, _ in rows[0]] != [0]:
        raise InputRefused("a perturbation table must leave 0 as it is.")
    width = max(map(len, rows))
    changes, ends = np.zeros((len(rows), width), np.int64), np.ones((len(rows), width))
    for number, row in enumerate(rows):
        changes[number, : len(row)] = [change for change, _ in row]
        ends[number, : len(row)] = [end for _, end in row]
    return NoiseTable(changes, ends)


def look_up(table: NoiseTable, rows: Ints, keys: Keys) -> Ints:
    """The change of each cell.

    Args:
        table: where to look.
        rows: int64, the row of each cell; beyond the last row it is the last.
        keys: uint64, the key of each cell.
    """
    found = np.empty(rows.size, dtype=np.int64)
    for start in range(0, rows.size, _CELLS_AT_ONCE):
        part = slice(start, start + _CELLS_AT_ONCE)
        row = np.minimum(rows[part], table.last)
        column = np.count_nonzero(table.ends[row] <= as_fractions(keys[part])[:, np.newaxis], axis=1)
        found[part] = table.changes[row, column]
    return found


def as_fractions(keys: Keys) -> Floats:
    """Keys as numbers in [0, 1): the first 53 bits, so that none is rounded up to 1."""
    fractions: Floats = (keys >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return fractions


def _ends(chances: Floats) -> list[float]:
    ends: list[float] = np.round(np.cumsum(chances), _DECIMALS).tolist()
    # Rounding may leave a hair before 1; whatever follows the last likely change is its.
    return [min(end, 1.0) for end in ends[:-1]] + [1.0]
