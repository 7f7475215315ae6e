"""Proof per suppressed cell: moves that change it and leave all printed numbers as they are.

Linear programming (HiGHS) proposes moves; a move counts only after it is checked in whole numbers, so no tolerance
of a solver can make an unsafe cell look safe.
"""

from __future__ import annotations

import highspy
import numpy as np
import numpy.typing as npt
from scipy import sparse

from linkage_core.disclosure.cell_system import CellSystem, Ints
from linkage_core.disclosure.evidence import Evidence, multiples_within, whole_numbers

_MOST_BATCHES = 12
_INFINITE = highspy.kHighsInf
_WHOLE = highspy.HighsVarType.kInteger.value
_ANY = highspy.HighsVarType.kContinuous.value


class ComponentProof:
    """Blanks that hang together through relations, and the linear programme of their moves.

    Args:
        system: all cells.
        cells: the component's blanks, ascending cell numbers.
        rows: relations that touch them, ascending.
        matrix: signs of the relations, shape (rows, cells).
        evidence: where proofs are noted.
        furthest: no cell moves further than this, up or down.
        only: the one target to prove; None for all of the component.
    """

    def __init__(
        self,
        system: CellSystem,
        cells: Ints,
        rows: Ints,
        matrix: sparse.csr_array,
        *,
        evidence: Evidence,
        furthest: int,
        only: int | None = None,
    ) -> None:
        self._evidence = evidence
        self._matrix = matrix
        self._implied = system.implied[rows]
        self._furthest = furthest
        lowest = system.at_least[cells] - system.values[cells]
        self._floor = np.concatenate([lowest, np.where(self._implied, -system.remainder[rows], 0)])
        guarded = np.flatnonzero(system.remainder_sensitive[rows])
        needy = np.flatnonzero(system.printed[cells] | system.sensitive[cells])
        self._everything = np.concatenate([cells, rows + system.values.size])
        # Positions, among cells and then rows, of what must be proved.
        self._targets = np.concatenate([needy, guarded + cells.size])
        if only is not None:
            self._targets = np.flatnonzero(self._everything == only)
        self._solver: highspy.Highs | None = None
        self._lowest = np.maximum(lowest, -furthest).astype(np.float64)

    def run(self, *, patient: bool) -> None:
        """Prove what can be proved.

        Args:
            patient: look for whole numbers (branch and bound) where the plain programme gives fractions.
        """
        self._prove_together()
        for target in self._unmet().tolist():
            self._prove(target, patient=patient)

    def _unmet(self) -> Ints:
        return self._targets[self._evidence.unmet(self._everything[self._targets])]

    def _prove_together(self) -> None:
        """One programme moves many cells at once: random directions, until that stops paying."""
        random = np.random.default_rng(len(self._floor))
        left = self._unmet()
        for _ in range(_MOST_BATCHES):
            if left.size < 4:
                return
            self._solve(left, random.choice([-1.0, 1.0, 1.0], size=left.size) * random.uniform(1, 2, size=left.size))
            before, left = left.size, self._unmet()
            if before - left.size < max(2, before // 20):
                return

    def _prove(self, target: int, *, patient: bool) -> None:
        """Try to prove one target by programmes of its own; stop as soon as it cannot move far enough."""
        name, one = self._everything[[target]], np.array([target])
        highest = self._solve(one, np.array([1.0]))
        if highest < self._evidence.missing_rise(name).item():
            return
        if self._evidence.unmet(name).item():
            lowest = -self._solve(one, np.array([-1.0]))
            if highest - lowest < max(self._evidence.spans[name][0], self._evidence.candidates - 1):
                return
        if patient and self._evidence.missing_rise(name).item():
            self._solve(one, np.array([1.0]), whole=True)
        for change in (1, -1, 2, -2) if patient else ():
            if self._evidence.short_of_candidates(name).item():
                self._solve(one, np.array([float(np.sign(change))]), whole=True, at_most=abs(change))

    def _solve(
        self, targets: Ints, weights: npt.NDArray[np.float64], *, whole: bool = False, at_most: int | None = None
    ) -> float:
        """Move as far as possible along `weights`, note the move if it is whole, and return how far it went."""
        solver = self._programme()
        cells = self._matrix.shape[1]
        cost = np.zeros(cells)
        on_cells = targets < cells
        cost[targets[on_cells]] = weights[on_cells]
        if not np.all(on_cells):
            cost += weights[~on_cells] @ self._matrix[targets[~on_cells] - cells]
        columns = np.arange(cells, dtype=np.int32)
        solver.changeColsCost(cells, columns, -cost)
        if at_most is not None:
            self._limit(solver, int(targets[0]), at_most)
        if whole:
            solver.changeColsIntegrality(cells, columns, np.full(cells, _WHOLE, np.uint8))
        point = run_solver(solver)
        if whole:
            solver.changeColsIntegrality(cells, columns, np.full(cells, _ANY, np.uint8))
        if at_most is not None:
            self._limit(solver, int(targets[0]), self._furthest)
        if point is None:
            return 0.0
        self._note(point)
        return float(cost @ point) + 1e-6

    def _limit(self, solver: highspy.Highs, target: int, most: int) -> None:
        cells = self._matrix.shape[1]
        if target < cells:
            low = max(float(self._lowest[target]), -float(most))
            solver.changeColBounds(target, low, float(most))
        else:
            row = target - cells
            far = float(most) if most < self._furthest else _INFINITE
            solver.changeRowBounds(row, max(float(self._floor[target]), -far), far)

    def _note(self, point: npt.NDArray[np.float64]) -> None:
        """Check a move in whole numbers and record it, its multiples and its opposite."""
        step = whole_numbers(point)
        if step is None:
            return
        on_rows = (self._matrix @ step).astype(np.int64)
        if np.any(on_rows[~self._implied]):
            return
        changes = np.concatenate([step, on_rows])
        factors = multiples_within(changes, self._floor, limit=self._furthest)
        self._evidence.record(self._everything, changes, factors)

    def _programme(self) -> highspy.Highs:
        if self._solver is None:
            cells = self._matrix.shape[1]
            upper = np.where(self._implied, _INFINITE, 0.0)
            lower = np.where(self._implied, self._floor[cells:], 0).astype(np.float64)
            self._solver = new_solver(
                self._matrix, np.zeros(cells), (self._lowest, np.full(cells, float(self._furthest))), (lower, upper)
            )
        return self._solver


Bounds = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def new_solver(
    matrix: sparse.csr_array, cost: npt.NDArray[np.float64], on_cells: Bounds, on_rows: Bounds
) -> highspy.Highs:
    """A quiet, single-threaded, repeatable HiGHS that minimises `cost` over `matrix`."""
    programme = highspy.HighsLp()
    programme.num_row_, programme.num_col_ = matrix.shape
    programme.col_cost_ = cost
    programme.col_lower_, programme.col_upper_ = on_cells
    programme.row_lower_, programme.row_upper_ = on_rows
    programme.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    programme.a_matrix_.start_ = matrix.indptr.astype(np.int32)
    programme.a_matrix_.index_ = matrix.indices.astype(np.int32)
    programme.a_matrix_.value_ = matrix.data.astype(np.float64)
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    for option, value in (
        ("output_flag", False),
        ("threads", 1),
        ("random_seed", 1),
        ("solver", "simplex"),
        ("simplex_strategy", 4),  # primal: only the objective changes from one programme to the next
        ("mip_max_nodes", 200),
        ("mip_rel_gap", 0.1),
    ):
        solver.setOptionValue(option, value)
    solver.passModel(programme)
    return solver


def run_solver(solver: highspy.Highs) -> npt.NDArray[np.float64] | None:
    """Solve; the best point found, or None where there is none."""
    solver.run()
    if solver.getInfo().primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return None
    return np.array(solver.getSolution().col_value, dtype=np.float64)
