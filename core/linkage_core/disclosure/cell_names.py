"""Names of cells that hold from one table to the next: what is counted, and the levels that are not totals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from linkage.errors import NotFound
from linkage_core.disclosure.cell_system import Flags
from linkage_core.disclosure.linked_cells import Numbered

Kind = Literal["persons", "sum"]


@dataclass(frozen=True, slots=True)
class CellName:
    """One cell.

    Args:
        kind: a count of persons or a sum.
        key: the set of persons, or the sum.
        at: (stratum, level) by stratum in alphabetical order; strata that are not named are at their total.
    """

    kind: Kind
    key: str
    at: tuple[tuple[str, str], ...] = ()


def number_of(name: CellName, cells: Numbered) -> int:
    """The number of a cell.

    Raises:
        NotFound: the table has no such cell.
    """
    strata = tuple(stratum for stratum, _ in name.at)
    block = cells.blocks.get((name.key, strata))
    levels = [cells.dimensions[stratum].levels if stratum in cells.dimensions else () for stratum in strata]
    if block is None or any(level not in own for (_, level), own in zip(name.at, levels, strict=True)):
        raise NotFound("the table has no such cell.", mend="List the cells of the table as it stands.")
    return int(block[tuple(own.index(level) for (_, level), own in zip(name.at, levels, strict=True))])


def names_of(cells: Numbered, kind: Kind) -> list[CellName]:
    """The name of every cell, by number."""
    found: list[CellName] = [CellName(kind, "")] * cells.values.size
    for (key, strata), block in cells.blocks.items():
        levels = [cells.dimensions[stratum].levels for stratum in strata]
        for place, number in np.ndenumerate(block):
            at = tuple((stratum, own[i]) for stratum, own, i in zip(strata, levels, place, strict=True))
            found[int(number)] = CellName(kind, key, at)
    return found


def flagged(names: Iterable[CellName], kind: Kind, cells: Numbered) -> Flags:
    """Which cells of one kind are named.

    Raises:
        NotFound: the table has no such cell.
    """
    found = np.zeros(cells.values.size, dtype=np.bool_)
    found[[number_of(name, cells) for name in names if name.kind == kind]] = True
    return found
