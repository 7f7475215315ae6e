"""A table with all its totals as a product of axes: relations follow from the axes, and none is written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linkage_core.disclosure.cell_system import Ints

Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension of a table, its codes numbered, leaves first.

    Args:
        below: for each code the leaves under it, ascending; a leaf is under itself.
        leaves: how many codes are leaves.
    """

    below: tuple[tuple[int, ...], ...]
    leaves: int

    @property
    def above(self) -> list[list[int]]:
        """For each leaf, itself and all codes above it, in every hierarchy."""
        found: list[list[int]] = [[] for _ in range(self.leaves)]
        for code, under in enumerate(self.below):
            for leaf in under:
                found[leaf].append(code)
        return found


class LatticeCodes(NamedTuple):
    """The axes of a table as flat columns; codes of all axes stand one after another.

    Args:
        codes, leaves: how many each axis has.
        above_start, above: codes above each leaf; nothing for other codes.
        below_start, below: leaves below each code.
    """

    codes: Int32s
    leaves: Int32s
    above_start: Int32s
    above: Int32s
    below_start: Int32s
    below: Int32s


def lattice_codes(axes: Sequence[Axis]) -> LatticeCodes:
    """Lay the axes out flat."""
    above: list[list[int]] = list(
        chain.from_iterable([*axis.above, *[[]] * (len(axis.below) - axis.leaves)] for axis in axes)
    )
    below = list(chain.from_iterable(axis.below for axis in axes))
    return LatticeCodes(
        np.array([len(axis.below) for axis in axes], dtype=np.int32),
        np.array([axis.leaves for axis in axes], dtype=np.int32),
        *_flat(above),
        *_flat(below),
    )


def lattice_totals(leaves: Ints, axes: Sequence[Axis]) -> Ints:
    """All cells from the leaf cells.

    Args:
        leaves: one axis of leaves a dimension.
        axes: the same dimensions.
    """
    cells = leaves
    for place, axis in enumerate(axes):
        cells = np.stack([cells.take(list(under), axis=place).sum(axis=place) for under in axis.below], axis=place)
    return np.ascontiguousarray(cells)


def strata_of(shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
    """In how many dimensions each cell is not the total (the last code), flat."""
    strata = np.zeros(shape, dtype=np.int8)
    for place, size in enumerate(shape):
        own = np.ones(size, dtype=np.int8)
        own[-1] = 0
        strata += own.reshape([-1 if other == place else 1 for other in range(len(shape))])
    return strata.ravel()


def _flat(lists: Sequence[Sequence[int]]) -> tuple[Int32s, Int32s]:
    starts = np.array([0, *accumulate(map(len, lists))], dtype=np.int32)
    return starts, np.array(list(chain.from_iterable(lists)), dtype=np.int32)
