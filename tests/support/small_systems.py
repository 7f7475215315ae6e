"""Cells and sums that are told one by one, for tests that are checked by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from linkage_core.disclosure.cell_system import CellSystem, Relations

Sum = tuple[int, tuple[int, ...]]
"""A whole and its parts, by cell number."""


def system_of(values: Sequence[int], sums: Sequence[Sum] = (), within: Sequence[Sum] = (), **fields: Any) -> CellSystem:
    """A system of these cells.

    Args:
        values: of each cell.
        sums: relations without a remainder.
        within: relations of parts that may leave a remainder; they are numbered after the sums.
        fields: of `CellSystem`; else all cells are printed, none is sensitive, and a reader knows that they are 0 or
            more.
    """
    relations = Relations()
    for implied, several in ((False, sums), (True, within)):
        for whole, parts in several:
            relations.add(np.array([whole]), np.array([parts]), implied=implied)
    numbers = np.array(values, dtype=np.int64)
    starts, members, remainder, are_implied = relations.build(numbers)
    none = np.zeros(numbers.size, dtype=np.int64)
    own: dict[str, Any] = {
        "printed": none == 0,
        "at_least": none,
        "uses": none + 1,
        "strata": none + 2,
        "sensitive": none > 0,
        "reach": none,
        "remainder_sensitive": np.zeros(remainder.size, dtype=np.bool_),
        "remainder_reach": np.zeros(remainder.size, dtype=np.int64),
        "pairs": np.empty((0, 2), dtype=np.int64),
    }
    return CellSystem(
        values=numbers,
        starts=starts,
        members=members,
        remainder=remainder,
        implied=are_implied,
        **(own | fields),
    )


def flags(size: int, *true: int) -> np.ndarray:
    """All false but these."""
    found = np.zeros(size, dtype=np.bool_)
    found[list(true)] = True
    return found


def amounts(size: int, told: dict[int, int]) -> np.ndarray:
    """All 0 but these."""
    found = np.zeros(size, dtype=np.int64)
    found[list(told)] = list(told.values())
    return found
