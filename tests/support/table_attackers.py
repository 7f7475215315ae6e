"""Attackers on a laboratory table: they hold the released file and its layout, and nothing of the protector.

Written from the layout's description and the literature on table attacks. A reader knows that zeros are printed, so
that a blank is at least 1, and that in every hierarchy a code is the sum of those below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

Cell = tuple[str, ...]
Sum = tuple[Cell, list[Cell]]


def sums_of(layout: Mapping[str, Any]) -> Iterator[Sum]:
    """Every sum that the layout promises: a whole and its parts."""
    dims = layout["dims"]
    codes = []
    for dim in dims.values():
        own: dict[str, None] = {}
        for tree in dim["hierarchies"]:
            for parent, children in tree.items():
                own |= dict.fromkeys([parent, *children])
        codes.append(list(own))
    for axis, dim in enumerate(dims.values()):
        for tree in dim["hierarchies"]:
            for parent, children in tree.items():
                for rest in product(*(own for other, own in enumerate(codes) if other != axis)):
                    cell = [(*rest[:axis], code, *rest[axis:]) for code in (parent, *children)]
                    yield cell[0], cell[1:]


def subtract(released: Mapping[Cell, int | None], sums: list[Sum]) -> dict[Cell, int]:
    """Blanks that come back one at a time, along every whole and its parts."""
    known = {cell: value for cell, value in released.items() if value is not None}
    moved = True
    while moved:
        moved = False
        for whole, parts in sums:
            unknown = [cell for cell in (whole, *parts) if cell not in known]
            if len(unknown) == 1:
                total = sum(known[part] for part in parts if part in known)
                known[unknown[0]] = total if unknown[0] == whole else known[whole] - total
                moved = True
    return {cell: value for cell, value in known.items() if released[cell] is None}


def implied_sums(released: Mapping[Cell, int | None], sums: list[Sum]) -> Iterator[tuple[int, list[Cell]]]:
    """What the blanks of a line are together, where a reader can tell: the printed whole less the printed parts."""
    for whole, parts in sums:
        total, blanks = released[whole], [part for part in parts if released[part] is None]
        if total is not None and blanks:
            yield total - sum(released[part] or 0 for part in parts), blanks


class Equations:
    """All sums as equations of the blanks."""

    def __init__(self, released: Mapping[Cell, int | None], sums: list[Sum], *, lowest: int) -> None:
        self.blanks = [cell for cell, value in released.items() if value is None]
        place = {cell: number for number, cell in enumerate(self.blanks)}
        rows: list[tuple[int, int, float]] = []
        right: list[float] = []
        for whole, parts in sums:
            terms = [(place[cell], sign) for cell, sign in [(whole, 1), *((p, -1) for p in parts)] if cell in place]
            if terms:
                known = [(released[cell], sign) for cell, sign in [(whole, 1), *((p, -1) for p in parts)]]
                rows += [(len(right), column, sign) for column, sign in terms]
                right.append(-float(sum(sign * value for value, sign in known if value is not None)))
        shape = (len(right), len(self.blanks))
        values, at = [sign for _, _, sign in rows], ([row for row, _, _ in rows], [column for _, column, _ in rows])
        self.matrix = sparse.csr_array((values, at), shape=shape)
        self.right = np.array(right)
        self.lowest = lowest

    def solved(self) -> list[Cell]:
        """Blanks that the equations alone determine, whatever the bounds: exact elimination."""
        dense = [[Fraction(int(x)) for x in row] for row in self.matrix.toarray()]
        done: list[int] = []
        for column in range(len(self.blanks)):
            row = next((r for r in range(len(done), len(dense)) if dense[r][column]), None)
            if row is None:
                continue
            dense[len(done)], dense[row] = dense[row], dense[len(done)]
            pivot = dense[len(done)]
            pivot[:] = [x / pivot[column] for x in pivot]
            for other in range(len(dense)):
                if other != len(done) and (by := dense[other][column]):
                    dense[other] = [x - by * y if y else x for x, y in zip(dense[other], pivot, strict=True)]
            done.append(column)
        return [self.blanks[column] for row, column in enumerate(done) if sum(map(bool, dense[row])) == 1]

    def whole_range(self, cell: Cell, *, lowest: npt.NDArray[np.int64] | None = None) -> tuple[int, int]:
        """Smallest and largest whole number that fits; `lowest` says what is known of each blank, if not the same."""
        cost = np.zeros(len(self.blanks))
        cost[self.blanks.index(cell)] = 1
        ends = []
        for sign in (1, -1):
            found = milp(
                sign * cost,
                constraints=LinearConstraint(self.matrix, self.right, self.right),
                bounds=Bounds(self.lowest if lowest is None else lowest, 1e6),
                integrality=np.ones(cost.size),
            )
            assert found.status == 0, found.message
            ends.append(round(sign * found.fun))
        return ends[0], ends[1]

    def range(self, cell: Cell, *, lowest: npt.NDArray[np.int64] | None = None) -> tuple[float, float]:
        """Smallest and largest number that fits, fractions allowed: for tables too large for whole numbers.

        `lowest` says what is known of each blank, if not the same of all.
        """
        least = np.full(len(self.blanks), self.lowest) if lowest is None else lowest
        bounds = np.column_stack([least, np.full(least.size, 1e12)])
        cost = np.zeros(len(self.blanks))
        cost[self.blanks.index(cell)] = 1
        ends = []
        for sign in (1, -1):
            found = linprog(sign * cost, A_eq=self.matrix, b_eq=self.right, bounds=bounds, method="highs-ds")
            assert found.status == 0, found.message
            ends.append(sign * float(found.fun))
        return ends[0], ends[1]
