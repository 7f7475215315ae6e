"""Cheapest further suppression that lets a cell move: one linear programme with prices on open cells.

The neighbourhood may be small: a move found there is valid in the whole table, because all other cells stay put.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from linkage_core.disclosure.cell_system import CellSystem, Flags, Ints
from linkage_core.disclosure.evidence import Evidence
from linkage_core.disclosure.witnesses import new_solver, run_solver

_FREE = 1e-3
"""Price of moving a cell that is blank already: not 0, so that moves stay short."""

_FEW_LINES, _FAR = 4, 4
"""Nearer than so many relations an open cell that more lines print is left alone."""


class Repair:
    """Prices and relations of all cells, shared by the repairs of one table."""

    def __init__(self, system: CellSystem, evidence: Evidence, *, furthest: int) -> None:
        self._system = system
        self._evidence = evidence
        self._furthest = furthest
        shape = (system.remainder.size, system.values.size)
        self._matrix = sparse.csr_array((system.signs, system.members, system.starts), shape=shape)
        self._by_cell = sparse.csr_array(self._matrix.T)
        self._movable = system.values >= system.at_least
        self._price = system.prices

    def around(self, target: int, blank: Flags, *, hops: int) -> Ints:
        """Cells that may move, up to `hops` relations away from a target (relations are numbered after the cells)."""
        cells = self._system.values.size
        rows = np.array([target - cells]) if target >= cells else self._by_cell[[target]].indices
        found = np.array([target]) if target < cells else np.empty(0, dtype=np.int64)
        uses = self._system.uses
        most = _FEW_LINES if hops < _FAR else int(uses.max())
        for _ in range(hops):
            members = np.unique(np.concatenate([found, self._matrix[np.unique(rows)].indices]))
            # Cells that very many lines print (a whole population) would pull in the whole table.
            found = members[self._movable[members] & ((uses[members] <= most) | blank[members])]
            rows = self._by_cell[found].indices
        return found.astype(np.int64)

    def partners(self, target: int, change: int, blank: Flags, *, hops: int) -> Ints:
        """Open cells to blank so that `target` can change by `change`; empty if the neighbourhood has no way.

        The move found is noted as evidence: it holds once the cells returned are blank.
        """
        system = self._system
        near = self.around(target, blank, hops=hops)
        rows = np.unique(self._by_cell[near].indices)
        if target >= system.values.size and target - system.values.size not in rows:
            return np.empty(0, dtype=np.int64)  # none of the relation's cells may move at this distance
        matrix = sparse.csr_array(self._matrix[rows].tocsc()[:, near])
        price = np.where(blank[near], _FREE, self._price[near])
        down = np.minimum(system.values[near] - system.at_least[near], self._furthest).astype(np.float64)
        up = np.full(near.size, float(self._furthest))
        on_cells = (np.zeros(2 * near.size), np.concatenate([up, down]))
        implied = system.implied[rows]
        lower = np.where(implied, -system.remainder[rows], 0).astype(np.float64)
        upper = np.where(implied, np.inf, 0.0)
        wide = sparse.csr_array(sparse.hstack([matrix, -matrix], format="csr"))
        self._demand(target, change, near=near, rows=rows, on_cells=on_cells, on_rows=(lower, upper))
        solver = new_solver(wide, np.concatenate([price, price]), on_cells, (lower, upper))
        solver.setOptionValue("simplex_strategy", 1)
        point = run_solver(solver)
        if point is None:
            return np.empty(0, dtype=np.int64)
        moved = point[: near.size] + point[near.size :] > 1e-7
        step = np.rint(point[: near.size] - point[near.size :]).astype(np.int64)
        on_rows = (matrix @ step).astype(np.int64)
        if np.all(np.where(implied, on_rows >= lower, on_rows == 0)):
            everything = np.concatenate([near, rows + system.values.size])
            self._evidence.record(everything, np.concatenate([step, on_rows]), (1,))
        return near[moved & ~blank[near]]

    def whole_relations(self, target: int, blank: Flags, *, hops: int) -> Ints:
        """All printed cells of the relations around a target: the wide answer where no cheap one works."""
        near = self.around(target, blank, hops=hops)
        return near[self._system.printed[near]]

    def _demand(
        self,
        target: int,
        change: int,
        *,
        near: Ints,
        rows: Ints,
        on_cells: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
        on_rows: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    ) -> None:
        """Fix the target's change in the bounds."""
        cells = self._system.values.size
        if target >= cells:
            row = int(np.searchsorted(rows, target - cells))
            on_rows[0][row], on_rows[1][row] = change, change
            return
        place = int(np.searchsorted(near, target))
        lower, upper = on_cells
        for offset, moves in ((0, max(change, 0)), (near.size, max(-change, 0))):
            lower[place + offset] = upper[place + offset] = float(moves)
