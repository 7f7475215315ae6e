"""Checks the moves of an order: each leaves all that is printed as it is, together they show enough of every blank."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from linkage_client.certificate_check.dimensions import Ints
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.orders.evidence import Side
from linkage_client.certificate_check.orders.person_rules import Demands
from linkage_client.certificate_check.orders.relations import Relations
from linkage_client.certificate_check.rules import Flags

_LARGEST = 1 << 52
_MOVES = "certificates.parquet"


def unproved_cells(side: Side, relations: Relations, asked: Demands, moves: pa.Table) -> tuple[Flags, Flags]:
    """Check every move, and return the blanks and the small rests that they do not show enough of.

    Args:
        side, relations: true cells of one kind and what ties them.
        asked: what must be shown.
        moves: of this kind; a move and its multiples from `lowest` to `highest` change `cells` by `changes`.

    Raises:
        CheckFailed: names the move that changes what is printed, or breaks a total or a bound.
    """
    sizes = np.diff(moves["cells"].combine_chunks().offsets.to_numpy()) if moves.num_rows else np.empty(0, np.int64)
    if moves.num_rows and not np.array_equal(sizes, np.diff(moves["changes"].combine_chunks().offsets.to_numpy())):
        raise CheckFailed(f"{_MOVES}: a move has not one change for each cell")
    move = np.repeat(np.arange(moves.num_rows), sizes)
    cell, change = (_flat(moves, name) for name in ("cells", "changes"))
    lowest, highest = (np.asarray(moves[name].to_numpy(), dtype=np.int64) for name in ("lowest", "highest"))
    cell = cell - side.first
    _fail(move, (cell < 0) | (cell >= side.values.size), side, "has a cell that there is not")
    _, number, often = np.unique(move * max(side.values.size, 1) + cell, return_inverse=True, return_counts=True)
    _fail(move, often[number] > 1, side, "names a cell twice")
    _fail(np.arange(lowest.size), (lowest > 0) | (highest < 0), side, "has multiples that leave the truth out")
    furthest = np.maximum(np.abs(lowest), np.abs(highest)).astype(np.float64)
    # Of a whole move, so that no total of changed cells comes round in 64 bits.
    reached = np.bincount(move, np.abs(change.astype(np.float64)) * furthest[move], minlength=moves.num_rows)
    _fail(np.arange(reached.size), reached > _LARGEST, side, "moves too far")
    _fail(move, ~side.blank[cell] | asked.fixed[cell], side, "changes what readers know")
    known = np.minimum(asked.lowest, side.values)
    _fail(move, side.values[cell] < asked.lowest[cell], side, "changes what readers know")
    for multiple in (lowest, highest):
        below = side.values[cell] + multiple[move] * change < known[cell]
        _fail(move, below, side, "goes below what readers know")
    at, relation, net = relations.changes(move, cell, change, cells=side.values.size)
    _fail(at, (net != 0) & ~relations.may_rest[relation], side, "changes a total and not its parts alike")
    for multiple in (lowest, highest):
        _fail(at, relations.rest[relation] + multiple[at] * net < 0, side, "leaves fewer than none over")
    shown = _Shown(
        _Changes(cell, change), lowest[move], highest[move], size=side.values.size, candidates=asked.candidates
    )
    must = side.blank & (asked.printed | asked.sensitive)
    cells = must & ~shown.enough(side.values, asked.reach, asked.widths)
    beside = _Shown(
        _Changes(relation, net), lowest[at], highest[at], size=relations.rest.size, candidates=asked.candidates
    )
    none = np.zeros(relations.rest.size, dtype=np.int64)
    return cells, asked.rests & ~beside.enough(relations.rest, asked.rest_reach, none)


class _Changes(NamedTuple):
    """Numbers that moves change, and by how much; one an entry."""

    name: Ints
    change: Ints


class _Shown:
    """Other values of some numbers, as changes from the truth."""

    def __init__(self, of: _Changes, lowest: Ints, highest: Ints, *, size: int, candidates: int) -> None:
        name, change = of.name, of.change
        self.rise, self.fall = np.zeros(size, np.int64), np.zeros(size, np.int64)
        self._candidates = candidates
        found = []
        for multiple in (lowest, highest):
            np.maximum.at(self.rise, name, multiple * change)
            np.minimum.at(self.fall, name, multiple * change)
        for step in range(-candidates, candidates + 1):
            fits = (lowest <= step) & (step <= highest) & (change != 0) & (step != 0)
            found.append(np.stack([name[fits], step * change[fits]], axis=1))
        for multiple in (lowest, highest):
            fits = (multiple * change) != 0
            found.append(np.stack([name[fits], (multiple * change)[fits]], axis=1))
        different = np.unique(np.concatenate(found), axis=0)
        # The truth itself is one of them.
        self.values = 1 + np.bincount(different[:, 0], minlength=size)

    def enough(self, truth: Ints, reach: Ints, widths: Ints) -> Flags:
        """Which numbers are shown to fit enough values, far enough up and far enough apart."""
        wide = self.rise - self.fall >= widths
        fit: Flags = (self.values >= self._candidates) & (truth + self.rise >= reach) & wide
        return fit


def _flat(moves: pa.Table, name: str) -> Ints:
    flat = moves[name].combine_chunks().flatten() if moves.num_rows else pa.array([], pa.int64())
    if flat.null_count:
        raise CheckFailed(f"{_MOVES}: a value is missing")
    return np.asarray(flat.to_numpy(), dtype=np.int64)


def _fail(move: Ints, wrong: Flags, side: Side, what: str) -> None:
    if np.any(wrong):
        raise CheckFailed(f"{_MOVES}, move {int(move[np.flatnonzero(wrong)[0]])} of {side.kind}: {what}")
