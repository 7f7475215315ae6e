"""Which cells are held back beside those in which few people moved, so that as few as can be lose their new number.

Two things are necessary in every table: where parts add up to their whole no blank stands alone, and no sum that a
reader forms tells of few people. A whole-number programme (HiGHS) finds the cheapest cells that fulfil both. They are a
proposal: what is hidden in the end is proved cell by cell, and so need not be the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import highspy
import numpy as np
import numpy.typing as npt

from linkage_core.disclosure.cell_system import CellSystem, Floats
from linkage_core.release_history.published_cells import Flags, Ints
from linkage_core.release_history.unions import Known, thin_relations

_MOST_ROUNDS = 30
_MOST_NODES = 500
_GAP = 0.005
_WHOLE = highspy.HighsVarType.kInteger.value


def cheapest_cover(system: CellSystem, *, hidden: Flags, prices: Floats, known: Sequence[Known], enough: int) -> Flags:
    """Further cells to hold back.

    Args:
        system: the table now. A cell below its `at_least` is known to readers and covers nothing.
        hidden: cells that are not told in any case.
        prices: of each cell, positive.
        known: the earlier releases.
        enough: so many different people, or nobody, may be told of.

    Returns:
        The cells. Where the programme is given up, they fulfil not all that is necessary.
    """
    programme = _Programme(system, hidden, prices)
    chosen = hidden.copy()
    for _ in range(_MOST_ROUNDS):
        alone = programme.alone(chosen)
        thin = np.flatnonzero(thin_relations(system, hidden=chosen, known=known, enough=enough))
        programme.never_alone(alone)
        programme.never_again(thin, chosen)
        if not (alone.size or thin.size) or (found := programme.solve()) is None:
            break
        chosen = found
    return chosen & ~hidden


class _Programme:
    """One column a cell, 1 where it is held back; its rows grow with what the answers so far did wrong."""

    def __init__(self, system: CellSystem, hidden: Flags, prices: Floats) -> None:
        self._system = system
        self._free = ~hidden & (system.values >= system.at_least) & system.printed
        self._hidden = hidden
        self._closed = np.zeros(system.remainder.size, dtype=np.bool_)
        size = hidden.size
        solver = highspy.Highs()  # type: ignore[no-untyped-call]
        for option, value in (
            ("output_flag", False),
            ("threads", 1),
            ("random_seed", 1),
            ("mip_max_nodes", _MOST_NODES),
            ("mip_rel_gap", _GAP),
        ):
            solver.setOptionValue(option, value)
        none = np.empty(0, dtype=np.int32)
        solver.addCols(
            size, prices, hidden.astype(np.float64), (hidden | self._free).astype(np.float64),
            0, np.zeros(size, dtype=np.int32), none, none.astype(np.float64),
        )  # fmt: skip
        solver.changeColsIntegrality(size, np.arange(size, dtype=np.int32), np.full(size, _WHOLE, np.uint8))
        self._solver = solver

    def alone(self, chosen: Flags) -> Ints:
        """Relations without remainder of which one cell is held back, and that may have another."""
        system = self._system
        if not self._closed.size:
            return np.empty(0, dtype=np.int64)
        held = np.add.reduceat(chosen[system.members].astype(np.int64), system.starts[:-1])
        return np.flatnonzero((held == 1) & ~system.implied & ~self._closed)

    def never_alone(self, relations: Ints) -> None:
        """Let no cell of these relations be held back alone."""
        for relation in relations.tolist():
            self._closed[relation] = True
            cells = self._members(relation)
            cells = cells[self._hidden[cells] | self._free[cells]]
            if cells.size < 2:
                continue
            for cell in [int(cell) for cell in cells if self._free[cell] or np.count_nonzero(self._hidden[cells]) == 1]:
                self._row(cells, np.where(cells == cell, -1.0, 1.0), 0.0)

    def never_again(self, relations: Ints, chosen: Flags) -> None:
        """Let these relations be held back otherwise than now."""
        for relation in relations.tolist():
            cells = self._members(relation)
            cells = cells[self._free[cells]]
            if cells.size:
                self._row(cells, np.where(chosen[cells], -1.0, 1.0), 1.0 - np.count_nonzero(chosen[cells]))

    def solve(self) -> Flags | None:
        """The cheapest cells that fulfil all rows; None where none were found."""
        self._solver.run()
        if self._solver.getInfo().primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return None
        return np.asarray(np.array(self._solver.getSolution().col_value) > 0.5, dtype=np.bool_)

    def _members(self, relation: int) -> Ints:
        return self._system.members[self._system.starts[relation] : self._system.starts[relation + 1]]

    def _row(self, cells: Ints, weights: npt.NDArray[np.float64], least: float) -> None:
        self._solver.addRow(least, highspy.kHighsInf, cells.size, cells.astype(np.int32), weights)
