"""The moves that prove each blank of a table, found anew for whoever checks it beside the true counts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from linkage_core.disclosure.cell_system import Ints
from linkage_core.disclosure.count_witnesses import count_witnesses
from linkage_core.disclosure.sum_witnesses import KeptMoves, SumWitnesses
from linkage_core.table_review.audit import evidence_of
from linkage_core.table_review.reviewed_table import CellSide


@dataclass(frozen=True, slots=True)
class Proofs:
    """What was found for the cells of one kind.

    Args:
        moves: changes that leave all that is printed as it is, each cell by its number.
        unproved: blanks, and relations with a small rest (numbered after the cells), that no moves were found for.
    """

    moves: SumWitnesses
    unproved: Ints


def proofs(side: CellSide) -> Proofs:
    """Look for the moves of every blank; the same table gives the same moves."""
    size = side.system.values.size
    evidence, targets = evidence_of(side)
    unmet = evidence.unmet(targets)
    if side.kind == "persons":
        return Proofs(count_witnesses(evidence, targets[~unmet], cells=size), targets[unmet])
    kept = KeptMoves()
    kept.keep_evidence(evidence, targets)
    return Proofs(_of_cells(kept.witnesses(below=size), size), targets[unmet])


def _of_cells(moves: SumWitnesses, size: int) -> SumWitnesses:
    """Moves by the cells that they change: what they do to rests follows."""
    own = moves.cells < size
    kept = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(own)])
    return replace(moves, starts=kept[moves.starts], cells=moves.cells[own], changes=moves.changes[own])
