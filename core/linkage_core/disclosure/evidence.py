"""What is proved so far: for each cell, which other values fit all that is printed.

A move is a vector of whole-number changes to blanks that leaves every printed number as it is. Each move found
for one cell is evidence for all cells it touches, and so are its multiples and its opposite while they stay in bounds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linkage_core.disclosure.cell_system import CellSystem, Flags, Ints

_CENTRE = 32
_UNMOVED = np.uint64(1 << _CENTRE)


@dataclass(frozen=True, slots=True)
class Demand:
    """How well a blank must be hidden.

    Args:
        candidates: so many different whole numbers must fit; for sums 1 (`spans` rules instead).
        spans: width of possible values demanded of each cell, all 0 for counts.
    """

    candidates: int
    spans: Ints


@dataclass(frozen=True, slots=True)
class Move:
    """A witness: changes that leave every printed number as it is, and the multiples of them that are in bounds."""

    names: Ints
    step: Ints
    factors: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Moves that no longer count, by number, and all that they were evidence for."""

    names: Ints
    moves: dict[int, Move]


class Evidence:
    """Values seen to fit, per cell and per implied remainder, as changes from the true value."""

    def __init__(self, system: CellSystem, demand: Demand) -> None:
        self.candidates = demand.candidates
        cells, rows = system.values.size, system.remainder.size
        self.seen = np.full(cells + rows, _UNMOVED, dtype=np.uint64)
        self.high = np.zeros(cells + rows, dtype=np.int64)
        self.low = np.zeros(cells + rows, dtype=np.int64)
        self.truth = np.concatenate([system.values, system.remainder])
        self.reach = np.concatenate([system.reach, np.where(system.remainder_sensitive, system.remainder_reach, 0)])
        self.spans = np.concatenate([demand.spans, np.zeros(rows, dtype=np.int64)])
        self._moves: list[Move | None] = []
        self._moves_of: dict[int, list[int]] = {}

    def short_of_candidates(self, targets: Ints) -> Flags:
        """Which targets do not have enough different values yet. Rows are numbered after the cells."""
        return np.bitwise_count(self.seen[targets]) < self.candidates

    def missing_rise(self, targets: Ints) -> Ints:
        """How far above its true value each target must be shown to fit; 0 where it has been."""
        needed = np.maximum(self.reach[targets] - self.truth[targets], 0)
        return np.where(self.high[targets] >= needed, 0, needed)

    def unmet(self, targets: Ints) -> Flags:
        """Which targets are not proved yet."""
        narrow = self.high[targets] - self.low[targets] < self.spans[targets]
        return self.short_of_candidates(targets) | (self.missing_rise(targets) > 0) | narrow

    def record(self, names: Ints, step: Ints, factors: Iterable[int]) -> None:
        """Note multiples of one move.

        Args:
            names: every cell and remainder that moves; relations are numbered after the cells.
            step: their changes.
            factors: multiples that stay within bounds.
        """
        moves = step != 0
        move = Move(names[moves], step[moves], tuple(sorted(factors)))
        for name in move.names.tolist():
            self._moves_of.setdefault(name, []).append(len(self._moves))
        self._moves.append(move)
        self._count(move, move.names)

    def moves_of(self, target: int) -> list[Move]:
        """The moves that change a cell or a remainder."""
        return [move for i in self._moves_of.get(target, ()) if (move := self._moves[i]) is not None]

    def forget(self, cells: Ints) -> Forgotten:
        """Forget all moves of some cells, which are open from now on; returns what `restore` needs."""
        touched = sorted({i for cell in cells.tolist() for i in self._moves_of.get(cell, ())})
        gone = {i: move for i in touched if (move := self._moves[i]) is not None}
        names = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *(move.names for move in gone.values())]))
        for i in gone:
            self._moves[i] = None
        self.seen[names], self.high[names], self.low[names] = _UNMOVED, 0, 0
        for i in sorted({i for name in names.tolist() for i in self._moves_of[name]}):
            if (kept := self._moves[i]) is not None:
                self._count(kept, names)
        return Forgotten(names, gone)

    def restore(self, forgotten: Forgotten) -> None:
        """Take forgotten moves back, beside those found since."""
        for i, move in forgotten.moves.items():
            self._moves[i] = move
            self._count(move, move.names)

    def _count(self, move: Move, among: Ints) -> None:
        """Note what a move shows of those of its cells that stand in `among` (ascending, or the move's own names)."""
        mine = np.isin(move.names, among) if among is not move.names else slice(None)
        targets, step = move.names[mine], move.step[mine]
        for factor in move.factors:
            changes = factor * step
            bits = np.uint64(1) << (np.clip(changes, -_CENTRE, _CENTRE - 1) + _CENTRE).astype(np.uint64)
            self.seen[targets] |= bits
            self.high[targets] = np.maximum(self.high[targets], changes)
            self.low[targets] = np.minimum(self.low[targets], changes)


def multiples_within(step: Ints, floor: Ints, *, limit: int) -> list[int]:
    """Factors k, both signs, for which k * step stays at or above `floor` everywhere.

    Args:
        step: change of each cell and remainder of a component.
        floor: the lowest change each of them may have, not positive.
        limit: largest factor tried.
    """
    # Values of a long move must stay within 64 bits.
    limit = max(1, limit // int(np.max(np.abs(step), initial=1)))
    factors: list[int] = []
    for sign in (1, -1):
        down = sign * step < 0
        room = int(np.min(-floor[down] // np.abs(step[down]), initial=limit))
        factors += [sign * k for k in sorted({1, 2, 3, room}) if 0 < k <= room]
    return factors


def whole_numbers(point: npt.NDArray[np.float64]) -> Ints | None:
    """The nearest whole numbers, reduced to their smallest step; None where nothing moves.

    The caller checks that they fit.
    """
    step = np.rint(point).astype(np.int64)
    divisor = int(np.gcd.reduce(np.abs(step))) if step.size else 0
    return step // divisor if divisor else None
