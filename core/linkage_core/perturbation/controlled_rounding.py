"""Controlled rounding: all cells of a table rounded at once so that rounded totals are sums of rounded cells.

Every cell becomes one of the two multiples of the base around it, a multiple stays, and all changes together are
small (zero-restricted controlled rounding; Cox and Ernst 1982, INFOR 20, pp. 423-432). Tables of more than
two dimensions may have none; then a cell may go one multiple further.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from linkage.errors import DisclosureRefused, InputRefused
from linkage_core.perturbation.noise_table import Ints

MOST_CELLS = 2_500
"""Larger tables are refused: how long the whole-number programme takes is not bounded."""

# Any such rounding protects; the closest one is not worth an hour. A number of nodes, not a clock: the same everywhere.
_MOST_NODES = 20
_CLOSE_ENOUGH = 0.05
Family = tuple[int, Sequence[int]]
"""The number of a total, and of the cells that it is the sum of."""


def round_controlled(counts: Ints, families: Sequence[Family], *, base: int) -> Ints:
    """Multiples of `base`, one a cell, that add up as the counts do.

    Args:
        counts: int64, not negative, one a cell.
        families: every total with its parts.
        base: what is rounded to.

    Raises:
        InputRefused: too many cells, or counts that do not add up.
        DisclosureRefused: no such rounding was found.
    """
    if counts.size > MOST_CELLS:
        raise InputRefused(
            f"controlled rounding takes at most {MOST_CELLS} cells.", mend="Use fewer or coarser dimensions."
        )
    if any(counts[total] != counts[list(parts)].sum() for total, parts in families):
        raise InputRefused("a total is not the sum of its parts.")
    for further in (0, 1):
        if (multiples := _solve(counts, families, base=base, further=further)) is not None:
            rounded: Ints = multiples * base
            return rounded
    raise DisclosureRefused(
        "no controlled rounding of the table was found.", mend="Use fewer dimensions or hierarchies, or another base."
    )


def _solve(counts: Ints, families: Sequence[Family], *, base: int, further: int) -> Ints | None:
    """Minimise the sum of distances over multiples m and distances d >= |base m - count|, totals as sums of parts."""
    cells = counts.size
    lowest = np.maximum(counts // base - further, 0)
    highest = -(-counts // base) + further
    one = sparse.eye_array(cells, format="csr")
    near = sparse.vstack([sparse.hstack([-base * one, one]), sparse.hstack([base * one, one])])
    constraints = [LinearConstraint(near, np.concatenate([-counts, counts]), np.inf)]
    if families:
        constraints.append(LinearConstraint(_adding_up(families, cells), 0, 0))
    found = milp(
        np.concatenate([np.zeros(cells), np.ones(cells)]),
        integrality=np.concatenate([np.ones(cells), np.zeros(cells)]),
        bounds=Bounds(
            np.concatenate([lowest, np.zeros(cells)]), np.concatenate([highest, np.full(cells, base * (1.0 + further))])
        ),
        constraints=constraints,
        options={"node_limit": _MOST_NODES, "mip_rel_gap": _CLOSE_ENOUGH},
    )
    if found.x is None:
        return None
    multiples: Ints = np.rint(found.x[:cells]).astype(np.int64)
    # The solver only proposes; whole numbers decide.
    sound = all(multiples[total] == multiples[list(parts)].sum() for total, parts in families)
    return multiples if sound and np.all((lowest <= multiples) & (multiples <= highest)) else None


def _adding_up(families: Sequence[Family], cells: int) -> sparse.csr_array:
    rows = np.repeat(np.arange(len(families)), [1 + len(parts) for _, parts in families])
    columns = np.concatenate([np.array([total, *parts]) for total, parts in families])
    signs: npt.NDArray[np.float64] = np.concatenate([np.array([-1.0, *[1.0] * len(parts)]) for _, parts in families])
    return sparse.csr_array((signs, (rows, columns)), shape=(len(families), 2 * cells))
