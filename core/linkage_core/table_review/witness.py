"""Witnesses of one blank: other values of it, and of few other blanks, under which all that is printed stays the same.

Looked for by a linear programme with the blanks as they are, so that a pattern is checked without the search that found
it. A move counts only in whole numbers. The shortest moves are looked for: an officer reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
from scipy import sparse

from linkage_core.disclosure.cell_system import CellSystem, Flags, Ints
from linkage_core.disclosure.witnesses import new_solver, run_solver

_HOPS = (2, 4, 8, 16)
_LARGEST_WHOLE = 400
_WHOLE = highspy.HighsVarType.kInteger.value


@dataclass(frozen=True, slots=True)
class Change:
    """One other way things could be.

    Args:
        cells: the blanks that differ, the one asked about first.
        by: how much each differs from its true value, in units.
        rows, by_rows: relations whose remainder differs, and how much.
    """

    cells: Ints
    by: Ints
    rows: Ints
    by_rows: Ints


class WitnessSearch:
    """Looks for changes among the blanks of one pattern."""

    def __init__(self, system: CellSystem, blank: Flags) -> None:
        self._system, self._blank = system, blank
        shape = (system.remainder.size, system.values.size)
        self._matrix = sparse.csr_array((system.signs, system.members, system.starts), shape=shape)
        self._by_cell = sparse.csr_array(self._matrix.T)
        self._movable = blank & (system.values >= system.at_least)

    def change(self, target: int, by: int) -> Change | None:
        """A short change in which `target` differs by exactly `by`; None where none was found.

        Args:
            target: a cell, or a relation's remainder, numbered after the cells.
            by: in units, not 0.
        """
        size = -1
        for hops in _HOPS:
            near = self._around(target, hops)
            if near.size == size:
                return None
            size = near.size
            if (found := self._within(target, by, near)) is not None:
                return found
        return None

    def _around(self, target: int, hops: int) -> Ints:
        cells = self._system.values.size
        if target < cells:
            found, rows = np.array([target]), self._by_cell[[target]].indices
        else:
            found, rows = np.empty(0, dtype=np.int64), np.array([target - cells])
        for _ in range(hops):
            members = np.unique(np.concatenate([found, self._matrix[np.unique(rows)].indices]))
            found = members[self._movable[members]]
            rows = self._by_cell[found].indices
        return found.astype(np.int64)

    def _within(self, target: int, by: int, near: Ints) -> Change | None:
        """A change that touches no other cells than `near`: it holds in the whole table."""
        system, cells = self._system, self._system.values.size
        if not near.size:
            return None
        rows = np.unique(self._by_cell[near].indices)
        matrix = sparse.csr_array(self._matrix[rows].tocsc()[:, near])
        down = (system.values[near] - system.at_least[near]).astype(np.float64)
        implied = system.implied[rows]
        lower = np.where(implied, -system.remainder[rows], 0).astype(np.float64)
        upper = np.where(implied, highspy.kHighsInf, 0.0)
        room = float(4 * abs(by) + 16)
        on_cells = (np.zeros(2 * near.size), np.concatenate([np.full(near.size, room), np.minimum(down, room)]))
        if target < cells:
            place = int(np.searchsorted(near, target))
            if place >= near.size or near[place] != target:
                return None
            for offset, moves in ((0, max(by, 0)), (near.size, max(-by, 0))):
                if moves > on_cells[1][place + offset]:
                    if offset == near.size:
                        return None
                    on_cells[1][place] = moves
                on_cells[0][place + offset] = on_cells[1][place + offset] = float(moves)
        else:
            row = int(np.searchsorted(rows, target - cells))
            if row >= rows.size or rows[row] != target - cells:
                return None
            lower[row] = upper[row] = float(by)
        wide = sparse.csr_array(sparse.hstack([matrix, -matrix], format="csr"))
        solver = new_solver(wide, np.ones(2 * near.size), on_cells, (lower, upper))
        solver.setOptionValue("simplex_strategy", 1)
        for whole in (False, True):
            if whole:
                if near.size > _LARGEST_WHOLE:
                    return None
                columns = np.arange(2 * near.size, dtype=np.int32)
                solver.changeColsIntegrality(columns.size, columns, np.full(columns.size, _WHOLE, np.uint8))
            point = run_solver(solver)
            if point is None:
                return None
            step = np.rint(point[: near.size] - point[near.size :]).astype(np.int64)
            if (found := self._checked(target, by, near=near, step=step, rows=rows, matrix=matrix)) is not None:
                return found
        return None

    def _checked(
        self, target: int, by: int, *, near: Ints, step: Ints, rows: Ints, matrix: sparse.csr_array
    ) -> Change | None:
        """The change, if it holds in whole numbers."""
        system, cells = self._system, self._system.values.size
        on_rows = (matrix @ step).astype(np.int64)
        holds = np.where(system.implied[rows], system.remainder[rows] + on_rows >= 0, on_rows == 0)
        if not holds.all() or np.any(system.values[near] + step < np.where(step < 0, system.at_least[near], 0)):
            return None
        moved, moved_rows = np.flatnonzero(step), np.flatnonzero(on_rows)
        names = near[moved]
        own = step[moved] if target < cells else on_rows[moved_rows]
        asked = (names if target < cells else rows[moved_rows] + cells) == target
        if not (own[asked] == by).any():
            return None
        order = np.argsort(names != target, kind="stable")
        return Change(names[order], step[moved][order], rows[moved_rows], on_rows[moved_rows])
