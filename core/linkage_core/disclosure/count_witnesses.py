"""Witnesses of hidden counts that a solver helped to hide: of all moves that were found, those that are needed."""

from __future__ import annotations

from linkage_core.disclosure.cell_system import Ints
from linkage_core.disclosure.evidence import Evidence, Move
from linkage_core.disclosure.sum_witnesses import KeptMoves, SumWitnesses


def count_witnesses(evidence: Evidence, targets: Ints, *, cells: int) -> SumWitnesses:
    """The moves that prove each target.

    Args:
        evidence: all moves.
        targets: hidden cells, and relations with a remainder that is hidden, numbered after the cells.
        cells: how many there are. Moves are written down by the cells that they change: what they do to remainders
            follows.
    """
    kept = KeptMoves()
    for target in targets.tolist():
        for move in _needed(evidence, target):
            own = move.names < cells
            kept.keep(Move(move.names[own], move.step[own], move.factors), target)
    return kept.witnesses(below=cells)


def _needed(evidence: Evidence, target: int) -> list[Move]:
    """Of the moves of a target first the one that takes it furthest up, then others until values enough are seen."""
    seen, needed = {0}, list[Move]()
    # A move may have been found of which no multiple is in bounds.
    found = [move for move in evidence.moves_of(target) if move.factors]
    moves = [(move, int(move.step[move.names == target][0])) for move in found]
    for move, step in sorted(moves, key=lambda own: -max(factor * own[1] for factor in own[0].factors)):
        values = {factor * step for factor in move.factors}
        if not needed or (len(seen) < evidence.candidates and not values <= seen):
            needed.append(move)
            seen |= values
    return needed
