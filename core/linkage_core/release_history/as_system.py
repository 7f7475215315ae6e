"""A table with all totals as one system of cells and sums, for the search that hides cells in it."""

from __future__ import annotations

from itertools import product

import numpy as np

from linkage_core.disclosure.boxes import Grid
from linkage_core.disclosure.cell_system import CellSystem, Flags, Ints, Relations
from linkage_core.release_history.published_cells import PublishedCells


def as_system(cells: PublishedCells, *, values: Ints, sensitive: Flags, at_least: Ints, reach: Ints) -> CellSystem:
    """All cells printed, every sum of a hierarchy a relation; arrays are flat, one entry a cell."""
    relations = Relations()
    for line in cells.lines():
        relations.add(line.wholes(), line.parts().T, implied=False)
    starts, members, remainder, implied = relations.build(values)
    shape = cells.shape
    return CellSystem(
        values=values,
        printed=np.ones(values.size, dtype=np.bool_),
        at_least=at_least.astype(np.int64),
        uses=np.ones(values.size, dtype=np.int64),
        strata=np.sum(np.array(shape) - 1 != np.indices(shape).T, axis=-1).T.ravel(),
        sensitive=sensitive,
        reach=reach.astype(np.int64),
        starts=starts,
        members=members,
        remainder=remainder,
        implied=implied,
        remainder_sensitive=np.zeros(remainder.size, dtype=np.bool_),
        remainder_reach=np.zeros(remainder.size, dtype=np.int64),
        pairs=np.empty((0, 2), dtype=np.int64),
    )


def grids_of(cells: PublishedCells) -> list[Grid]:
    """One grid per choice of a family on each axis: its children, and the parent as their total."""
    numbers = np.arange(cells.size).reshape(cells.shape)
    choices = product(*(axis.families for axis in cells.axes))
    picked = [[[*children, parent] for parent, children in choice] for choice in choices]
    return [Grid(numbers[np.ix_(*axes)], (False,) * len(axes)) for axes in picked]
