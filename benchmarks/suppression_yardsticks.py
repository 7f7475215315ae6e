"""What hidden cells are compared with: an elimination against linear recovery alone, and an exact optimum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from linkage_core.disclosure.lattice import Axis

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_PRIME = 32003


def eliminated(counts: Ints, axes: Sequence[Axis], sensitive: Flags) -> Flags:
    """Cells beside the sensitive ones that Gaussian elimination hides, as GaussSuppression describes it.

    Cells are printed one after another, the largest first, each unless a sensitive cell would then be a combination of
    printed ones. Nothing is said of bounds: a reader who knows that counts are not negative may narrow cells all the
    same. In whole numbers modulo a prime.

    Args:
        counts: all cells with their totals.
        axes: codes of each dimension.
        sensitive: flat.
    """
    leaves_of = np.ones((1, 1), dtype=np.int64)
    for axis in axes:
        own = np.zeros((len(axis.below), axis.leaves), dtype=np.int64)
        for code, under in enumerate(axis.below):
            own[code, list(under)] = 1
        leaves_of = np.kron(leaves_of, own)
    inner = counts[np.ix_(*(range(axis.leaves) for axis in axes))].ravel()
    leaves_of = leaves_of[:, inner > 0]
    values = counts.ravel()
    guarded = leaves_of[sensitive].copy()
    order = np.flatnonzero(~sensitive & (values > 0))
    order = order[np.argsort(-values[order], kind="stable")]
    rows = leaves_of[order].copy()
    hidden = np.zeros(values.size, dtype=np.bool_)
    for place, cell in enumerate(order.tolist()):
        entries = np.flatnonzero(rows[place])
        if not entries.size:
            continue
        pivot = entries[0]
        inverse = pow(int(rows[place, pivot]), _PRIME - 2, _PRIME)
        hit = np.flatnonzero(guarded[:, pivot])
        left = (guarded[np.ix_(hit, entries)] - np.outer(guarded[hit, pivot] * inverse, rows[place, entries])) % _PRIME
        told = hit[~left.any(axis=1)]
        others = np.count_nonzero(guarded[told], axis=1) - np.count_nonzero(guarded[np.ix_(told, entries)], axis=1)
        if np.any(others == 0):
            hidden[cell] = True
            continue
        guarded[np.ix_(hit, entries)] = left
        later = np.flatnonzero(rows[place + 1 :, pivot]) + place + 1
        rows[np.ix_(later, entries)] = (
            rows[np.ix_(later, entries)] - np.outer(rows[later, pivot] * inverse, rows[place, entries])
        ) % _PRIME
    return hidden


def cheapest_cost(
    sums: sparse.csr_array,
    *,
    price: Ints,
    room: Ints,
    sensitive: Flags,
    reach: Ints,
    candidates: int,
    seconds: float,
) -> float | None:
    """The least that blanks can cost, by one mixed-integer programme; None where HiGHS does not finish.

    For each cell one change up and one down, that leave all sums as they are and move blanks alone: a blank must have
    room for so many candidates, a sensitive one up to its reach. For tables of two dimensions, whose changes are whole
    at their ends.

    Args:
        sums: one row a sum, the whole +1 and parts -1.
        price: of each cell.
        room: how far each may fall; negative where it must not move.
        sensitive, reach: which must be blank, and how far they must rise.
        candidates: so many values must fit each blank.
        seconds: given to HiGHS.
    """
    cells, far = price.size, int(max(reach.max(initial=0), candidates)) * 3
    movable = np.flatnonzero(room >= 0)
    turns = 2 * movable.size
    columns = cells * (1 + turns)
    keep = sparse.kron(sparse.eye_array(turns), sums)
    keep = sparse.hstack([sparse.csr_array((keep.shape[0], cells)), keep])
    each = sparse.vstack([sparse.eye_array(cells)] * turns)
    moves = sparse.hstack([sparse.csr_array((turns * cells, cells)), sparse.eye_array(turns * cells)])
    blank = sparse.hstack([each, sparse.csr_array((turns * cells, turns * cells))])
    falls = np.tile(np.minimum(np.maximum(room, 0), far), turns)
    rises = np.tile(np.where(room >= 0, far, 0), turns)
    up = sparse.csr_array(
        (
            np.concatenate([np.ones(movable.size), -np.ones(movable.size), np.full(movable.size, 1.0 - candidates)]),
            (
                np.tile(np.arange(movable.size), 3),
                np.concatenate(
                    [
                        cells + 2 * np.arange(movable.size) * cells + movable,
                        cells + (2 * np.arange(movable.size) + 1) * cells + movable,
                        movable,
                    ]
                ),
            ),
        ),
        shape=(movable.size, columns),
    )
    wanted = [place for place, cell in enumerate(movable.tolist()) if reach[cell] > 0 and sensitive[cell]]
    rise = sparse.csr_array(
        (np.ones(len(wanted)), (range(len(wanted)), [cells + 2 * p * cells + int(movable[p]) for p in wanted])),
        shape=(len(wanted), columns),
    )
    nothing = np.zeros(turns * cells)
    found = milp(
        np.concatenate([price, nothing]).astype(np.float64),
        constraints=[
            LinearConstraint(keep, 0, 0),
            LinearConstraint(moves - sparse.diags_array(rises.astype(float)) @ blank, -np.inf, 0),
            LinearConstraint(moves + sparse.diags_array(falls.astype(float)) @ blank, 0, np.inf),
            LinearConstraint(up, 0, np.inf),
            LinearConstraint(rise, reach[movable[wanted]].astype(float), np.inf),
        ],
        bounds=Bounds(
            np.concatenate([sensitive.astype(float), nothing - far]),
            np.concatenate([(room >= 0).astype(float), nothing + far]),
        ),
        integrality=np.concatenate([np.ones(cells), nothing]),
        options={"time_limit": seconds, "mip_rel_gap": 1e-6},
    )
    return float(found.fun) if found.status == 0 else None
