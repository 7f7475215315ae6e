"""Witnesses of hidden sums: the moves that show, for whoever checks them, that a pattern keeps what it promises.

A move is a vector of whole-number changes to blanks that leaves every printed sum as it is. Which coalition holds it
possible follows from the contributions, so it is not written down with the move.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from linkage_core.disclosure.cell_system import Ints
from linkage_core.disclosure.evidence import Evidence, Move


@dataclass(frozen=True, slots=True)
class SumWitnesses:
    """Moves, and which blanks each is kept for.

    Args:
        starts: move m has the entries [starts[m], starts[m + 1]).
        cells, changes: one an entry; the cells of a move ascend.
        lowest, highest: the multiples of each move, all in between included, that every reader holds possible.
        proof_starts: move m is kept for the cells [proof_starts[m], proof_starts[m + 1]) of `proves`.
        proves: cells.
    """

    starts: Ints
    cells: Ints
    changes: Ints
    lowest: Ints
    highest: Ints
    proof_starts: Ints
    proves: Ints


@dataclass(slots=True)
class KeptMoves:
    """Collects moves that were found one by one, each once, and the blanks that each is kept for."""

    _number: dict[bytes, int] = field(default_factory=dict)
    _moves: list[Move] = field(default_factory=list)
    _ends: list[tuple[int, int]] = field(default_factory=list)
    _proves: list[set[int]] = field(default_factory=list)

    def keep(self, move: Move, target: int) -> None:
        """Keep a move for a blank that it changes."""
        number = self._number.setdefault(move.names.tobytes() + move.step.tobytes(), len(self._moves))
        if number == len(self._moves):
            self._moves.append(move)
            self._proves.append(set())
            self._ends.append((0, 0))
        # The same move may have been found twice, with less room for a coalition than for everybody.
        lowest, highest = self._ends[number]
        self._ends[number] = min(lowest, *move.factors), max(highest, *move.factors)
        self._proves[number].add(target)

    def moves_of(self, target: int) -> list[Move]:
        """The moves that are kept for a blank."""
        kept = zip(self._moves, self._ends, self._proves, strict=True)
        return [replace(move, factors=ends) for move, ends, proves in kept if target in proves]

    def keep_evidence(self, evidence: Evidence, targets: Ints) -> None:
        """Keep, for each target that is proved, the moves that take it furthest up and down."""
        for target in targets[~evidence.unmet(targets)].tolist():
            ends = [
                (factor * int(move.step[move.names == target][0]), move)
                for move in evidence.moves_of(target)
                for factor in (move.factors[0], move.factors[-1])
            ]
            if not ends:
                # Nothing had to be shown of it.
                continue
            highest, lowest = max(ends, key=lambda end: end[0]), min(ends, key=lambda end: end[0])
            if evidence.high[target] > 0:
                self.keep(highest[1], target)
            if highest[0] < evidence.spans[target]:
                self.keep(lowest[1], target)

    def witnesses(self, *, below: int | None = None) -> SumWitnesses:
        """All that is kept; with `below` what it is kept for is named below this number only."""
        orders = [np.argsort(move.names, kind="stable") for move in self._moves]
        proves = [sorted(cell for cell in cells if below is None or cell < below) for cells in self._proves]
        return SumWitnesses(
            _starts([move.names.size for move in self._moves]),
            _joined([move.names[order] for move, order in zip(self._moves, orders, strict=True)]),
            _joined([move.step[order] for move, order in zip(self._moves, orders, strict=True)]),
            np.array([lowest for lowest, _ in self._ends], dtype=np.int64),
            np.array([highest for _, highest in self._ends], dtype=np.int64),
            _starts([len(cells) for cells in proves]),
            _joined([np.array(cells) for cells in proves]),
        )


def _starts(sizes: list[int]) -> Ints:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(np.array(sizes, dtype=np.int64))])


def _joined(parts: list[Ints]) -> Ints:
    return np.concatenate([np.empty(0, dtype=np.int64), *(part.astype(np.int64) for part in parts)])
