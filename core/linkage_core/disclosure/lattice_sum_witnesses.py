"""Witnesses of the sums of a large table: the boxes that its search needed."""

from __future__ import annotations

import numpy as np

from linkage_core.disclosure.cell_system import Flags, Ints
from linkage_core.disclosure.lattice_sums import SumMoves
from linkage_core.disclosure.sum_witnesses import SumWitnesses


def witnesses_of_boxes(moves: SumMoves, blank: Flags, spans: Ints) -> SumWitnesses:
    """The boxes of a large table: each is kept for the sum it was looked for, and one for the span of each blank.

    Args:
        moves: all of them are needed.
        blank: cells unknown to a reader.
        spans: how wide the possible values of each blank must be.
    """
    number = moves.rise.size
    move = np.repeat(np.arange(number), np.diff(moves.starts))
    wide = blank[moves.cells] & ((moves.rise + moves.fall)[move] >= spans[moves.cells])
    spanned, first = np.unique(moves.cells[wide], return_index=True)
    proof_move = np.concatenate([np.flatnonzero(moves.reaches), move[wide][first]])
    proof_cell = np.concatenate([moves.target[moves.reaches], spanned]).astype(np.int64)
    pairs = np.unique(proof_move * blank.size + proof_cell)
    order = np.argsort(move * blank.size + moves.cells, kind="stable")
    return SumWitnesses(
        moves.starts,
        moves.cells[order].astype(np.int64),
        moves.signs[order].astype(np.int64),
        -moves.fall,
        moves.rise,
        np.searchsorted(pairs // blank.size, np.arange(number + 1)).astype(np.int64),
        pairs % blank.size,
    )
