"""Moves found without a solver: boxes of cells whose corners go up and down in turn.

In a cube with all margins, raising one level and lowering another keeps their total; raising a level together with
its total keeps everything else. The product of such steps over the axes touches 2^d corners and no other sum. The
cheapest box around a sensitive cell hides it and proves at once that it is hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy import sparse

from linkage_core.disclosure.cell_system import CellSystem, Flags, Ints
from linkage_core.disclosure.evidence import Evidence

_FORBIDDEN = np.inf


@dataclass(frozen=True, slots=True)
class Grid:
    """One cube.

    Args:
        cells: cell numbers with all margins, the total last on each axis.
        multi_response: which axes do not add up to their total.
        wholes: cells of the set that this cube's persons are part of, same shape; None where there is none.
    """

    cells: Ints
    multi_response: tuple[bool, ...]
    wholes: Ints | None = None


@dataclass(frozen=True, slots=True)
class _Boxes:
    """All boxes with one corner in a given cell, one per choice of partners."""

    cost: npt.NDArray[np.float64]
    rise: Ints
    fall: Ints


class BoxMoves:
    """Hides cells by the cheapest boxes around them."""

    def __init__(self, system: CellSystem, grids: Sequence[Grid], evidence: Evidence, *, furthest: int) -> None:
        self._system = system
        self._evidence = evidence
        self._grids = grids
        shape = (system.remainder.size, system.values.size)
        relations = sparse.csr_array((system.signs, system.members, system.starts), shape=shape)
        self._by_cell = sparse.csr_array(relations.T)
        self._whole_of = np.full(system.values.size, -1, dtype=np.int64)
        for grid in grids:
            if grid.wholes is not None:
                self._whole_of[grid.cells] = grid.wholes
        self._down, self._up, self._up_with_whole = self._rooms(relations, furthest)
        self._price = system.prices
        exact = np.bincount(system.members, np.repeat(~system.implied, np.diff(system.starts)), system.values.size)
        self._grid_of = np.full(system.values.size, -1, dtype=np.int64)
        self._flat = np.zeros(system.values.size, dtype=np.int64)
        self._barred = np.ones(system.values.size, dtype=np.bool_)
        for number, grid in enumerate(grids):
            flat = grid.cells.ravel()
            # A cell that stands in sums outside its cube would move those too.
            tied = exact[flat] > sum(not several for several in grid.multi_response)
            mine = ~tied & (system.values >= system.at_least)[flat] & (self._grid_of[flat] < 0)
            self._barred[flat[mine]] = any(grid.multi_response)
            self._grid_of[flat[mine]] = number
            self._flat[flat[mine]] = np.flatnonzero(mine)

    def hide(self, targets: Ints, blank: Flags) -> None:
        """Blank the cheapest box around each target that is not proved yet, and note what it proves.

        Args:
            targets: cells, and relations numbered after the cells.
            blank: changed in place.
        """
        cells = self._system.values.size
        for target in targets[np.argsort(self._evidence.truth[targets], kind="stable")].tolist():
            name = np.array([target])
            if not self._evidence.unmet(name).item():
                continue
            rise = max(self._evidence.missing_rise(name).item(), int(self._evidence.spans[target]))
            if target < cells:
                self._hide_with_wholes(target, target, blank, rise=rise)
                continue
            row = target - cells
            whole, *parts = self._system.members[self._system.starts[row] : self._system.starts[row + 1]].tolist()
            if blank[whole]:
                self._hide_with_wholes(whole, target, blank, rise=rise)
            if self._evidence.unmet(name).item():
                # What the parts lose, the remainder gains.
                self._hide(min(parts, key=self._price.__getitem__), blank, rise=0, fall=rise)

    def _hide_with_wholes(self, cell: int, target: int, blank: Flags, *, rise: int) -> None:
        """Move a cell alone, else together with the whole that leaves it no room, until the target is proved."""
        chain = [cell]
        while chain[-1] >= 0 and self._evidence.unmet(np.array([target])).item():
            self._hide(cell, blank, rise=rise, fall=0, wholes=len(chain) - 1)
            chain.append(int(self._whole_of[chain[-1]]))

    def _hide(self, cell: int, blank: Flags, *, rise: int, fall: int, wholes: int = 0) -> None:
        """Blank the cheapest box with a corner in `cell` that moves so far; `wholes` above it move alike."""
        if self._barred[cell]:
            return
        grid = self._grids[self._grid_of[cell]]
        place = [int(i) for i in np.unravel_index(int(self._flat[cell]), grid.cells.shape)]
        boxes = self._around(grid, place, blank, wholes)
        enough = (boxes.rise >= rise) & (boxes.fall >= fall)
        enough &= boxes.rise + boxes.fall >= self._evidence.candidates - 1
        cost = np.where(enough, boxes.cost, _FORBIDDEN)
        best = int(np.argmin(cost))
        if not np.isfinite(cost.flat[best]):
            return
        choice = [int(i) for i in np.unravel_index(best, cost.shape)]
        partners = [p + (p >= own) for p, own in zip(choice, place, strict=True)]
        corners, signs = _corners(grid.cells, place, partners)
        layers = [corners]
        for _ in range(wholes):
            layers.append(self._whole_of[layers[-1]])
        corners, signs = np.concatenate(layers), np.tile(signs, wholes + 1)
        blank[corners] = True
        self._note(corners, signs, rise=int(boxes.rise.flat[best]), fall=int(boxes.fall.flat[best]))

    def _around(self, grid: Grid, place: list[int], blank: Flags, wholes: int) -> _Boxes:
        """Cost and room of each box with a corner at `place`, moved together with so many wholes above it."""
        shape = tuple(size - 1 for size in grid.cells.shape)
        cost = np.zeros(shape)
        rise = np.full(shape, np.iinfo(np.int64).max)
        fall = rise.copy()
        others = [np.delete(np.arange(size), own) for size, own in zip(grid.cells.shape, place, strict=True)]
        flips = [
            np.where((other == size - 1) | (own == size - 1), 1, -1)
            for other, own, size in zip(others, place, grid.cells.shape, strict=True)
        ]
        for flipped in product((False, True), repeat=len(place)):
            picks = [other if flip else [own] for other, own, flip in zip(others, place, flipped, strict=True)]
            where = np.ix_(*picks)
            numbers = grid.cells[where]
            sign = np.ones((1,) * len(place), dtype=np.int64)
            for axis, flip in enumerate(flipped):
                if flip:
                    sign = sign * flips[axis].reshape([-1 if i == axis else 1 for i in range(len(place))])
            for layer in range(wholes + 1):
                up = (self._up_with_whole if layer < wholes else self._up)[numbers]
                down = self._down[numbers]
                price = np.where(blank[numbers], 0.0, self._price[numbers])
                cost = cost + np.where(self._barred[numbers] | (numbers < 0), _FORBIDDEN, price)
                rise = np.minimum(rise, np.where(sign > 0, up, down))
                fall = np.minimum(fall, np.where(sign > 0, down, up))
                numbers = self._whole_of[numbers]
        return _Boxes(cost, rise, fall)

    def _note(self, corners: Ints, signs: Ints, *, rise: int, fall: int) -> None:
        """Record the box's multiples for its corners and for the remainders it moves."""
        moved: dict[int, int] = {}
        for corner, sign in zip(corners.tolist(), signs.tolist(), strict=True):
            span = slice(self._by_cell.indptr[corner], self._by_cell.indptr[corner + 1])
            for row, weight in zip(
                self._by_cell.indices[span].tolist(), self._by_cell.data[span].tolist(), strict=True
            ):
                moved[row] = moved.get(row, 0) + sign * weight
        rows = np.array(list(moved), dtype=np.int64) + self._system.values.size
        names = np.concatenate([corners, rows])
        change = np.concatenate([signs, np.array(list(moved.values()), dtype=np.int64)])
        factors = {*range(1, min(rise, 3) + 1), rise, *range(-min(fall, 3), 0), -fall}
        self._evidence.record(names, change, factors - {0})

    def _rooms(self, relations: sparse.csr_array, furthest: int) -> tuple[Ints, Ints, Ints]:
        """How far each cell may fall, rise, and rise together with its whole, while cells of other sets stay put."""
        system = self._system
        down = np.minimum(system.values - system.at_least, furthest)
        up = np.full(system.values.size, furthest, dtype=np.int64)
        row_of = np.repeat(np.arange(system.remainder.size), np.diff(system.starts))
        free = system.implied[row_of]
        whole = system.signs > 0
        np.minimum.at(down, system.members[free & whole], system.remainder[row_of[free & whole]])
        together = up.copy()
        part = free & ~whole
        np.minimum.at(up, system.members[part], system.remainder[row_of[part]])
        part &= system.members[system.starts[row_of]] != self._whole_of[system.members]
        np.minimum.at(together, system.members[part], system.remainder[row_of[part]])
        return np.maximum(down, 0), up, together


def _corners(cells: Ints, place: list[int], partners: list[int]) -> tuple[Ints, Ints]:
    """Cell numbers and signs of the 2^d corners of one box; the first is `place`."""
    numbers: list[int] = []
    signs: list[int] = []
    for flipped in product((False, True), repeat=len(place)):
        corner = tuple(p if flip else own for p, own, flip in zip(partners, place, flipped, strict=True))
        sign = 1
        for axis, flip in enumerate(flipped):
            total = cells.shape[axis] - 1
            if flip and total not in (place[axis], partners[axis]):
                sign = -sign
        numbers.append(int(cells[corner]))
        signs.append(sign)
    return np.array(numbers), np.array(signs)
