"""The cells of a table with all totals, numbered; which of them hold a leaf, and which lines they stand in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension, its codes numbered.

    Args:
        below: leaves under each code, as numbers; a leaf has itself. Leaves come first.
        leaves: how many codes are leaves.
        families: (parent, children) of every hierarchy, as numbers.
    """

    below: tuple[tuple[int, ...], ...]
    leaves: int
    families: tuple[tuple[int, tuple[int, ...]], ...]

    def above(self) -> Ints:
        """Codes that hold each leaf, shape (leaves, most codes); -1 fills up."""
        holders: list[list[int]] = [[] for _ in range(self.leaves)]
        for code, under in enumerate(self.below):
            for leaf in under:
                holders[leaf].append(code)
        table = np.full((self.leaves, max(map(len, holders))), -1, dtype=np.int64)
        for leaf, codes in enumerate(holders):
            table[leaf, : len(codes)] = codes
        return table


@dataclass(frozen=True)
class PublishedCells:
    """All cells of a table: one code of each axis, flat numbers in C order."""

    axes: tuple[Axis, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Codes of each axis."""
        return tuple(len(axis.below) for axis in self.axes)

    @property
    def size(self) -> int:
        """How many cells there are."""
        return int(np.prod(self.shape))

    @property
    def leaf_shape(self) -> tuple[int, ...]:
        """Leaves of each axis."""
        return tuple(axis.leaves for axis in self.axes)

    def holding(self, leaves: Ints) -> tuple[Ints, Ints]:
        """The cells that hold each leaf.

        Args:
            leaves: flat numbers of leaf cells, shape (n,).

        Returns:
            (positions in `leaves`, flat cell numbers), one entry a leaf and cell.
        """
        found = np.zeros((leaves.size, 1), dtype=np.int64)
        valid = np.ones((leaves.size, 1), dtype=np.bool_)
        places = np.unravel_index(leaves, self.leaf_shape)
        for length, above, place in zip(self.shape, self._above, places, strict=True):
            codes = above[place]
            wide = (leaves.size, found.shape[1] * codes.shape[1])
            found = (found[:, :, np.newaxis] * length + codes[:, np.newaxis, :]).reshape(wide)
            valid = (valid[:, :, np.newaxis] & (codes >= 0)[:, np.newaxis, :]).reshape(wide)
        rows, columns = np.nonzero(valid)
        return rows, found[rows, columns]

    def kinds(self) -> Ints:
        """A number for each cell: the same where all axes stand at a leaf, between or at the total alike."""
        kinds = np.zeros(1, dtype=np.int64)
        for axis in self.axes:
            code = np.arange(len(axis.below))
            level = np.where(code == code.size - 1, 2, np.where(code < axis.leaves, 0, 1))
            kinds = (kinds[:, np.newaxis] * 3 + level).ravel()
        return kinds

    def lines(self) -> list[Line]:
        """Every (axis, parent, children): the sums a reader can take a part from."""
        return [
            Line(self, axis, parent, np.array(children, dtype=np.int64))
            for axis, own in enumerate(self.axes)
            for parent, children in own.families
        ]

    @cached_property
    def _above(self) -> list[Ints]:
        return [axis.above() for axis in self.axes]


@dataclass(frozen=True, slots=True)
class Line:
    """All relations along one axis with one parent: as many as the other axes have cells.

    Args:
        cells: the table.
        axis: which.
        parent: a code of the axis.
        children: codes that make it up.
    """

    cells: PublishedCells
    axis: int
    parent: int
    children: Ints

    def wholes(self) -> Ints:
        """The parents' cell numbers, shape (relations,)."""
        numbers = np.arange(self.cells.size).reshape(self.cells.shape)
        wholes: Ints = np.moveaxis(numbers, self.axis, 0)[self.parent].ravel()
        return wholes

    def parts(self) -> Ints:
        """The children's cell numbers, shape (children, relations)."""
        numbers = np.arange(self.cells.size).reshape(self.cells.shape)
        return np.moveaxis(numbers, self.axis, 0)[self.children].reshape(self.children.size, -1)
