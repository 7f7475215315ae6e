"""What a reader loses with the blanks: cells, and the persons counted in them, by table and by level."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from linkage_core.disclosure.cell_system import Ints
from linkage_core.table_review.reviewed_table import CellSide, ReviewedTable


@dataclass(frozen=True, slots=True)
class Loss:
    """Printed cells of one part of a table.

    Args:
        cells: distinct cells that lines print; `hidden` of them are blank.
        persons: what its counts of persons add up to, a person in several counts several times; `persons_hidden` of
            them in blank cells.
    """

    cells: int = 0
    hidden: int = 0
    persons: int = 0
    persons_hidden: int = 0

    def __add__(self, other: Loss) -> Loss:
        return Loss(
            self.cells + other.cells,
            self.hidden + other.hidden,
            self.persons + other.persons,
            self.persons_hidden + other.persons_hidden,
        )


@dataclass(frozen=True, slots=True)
class Losses:
    """All that a version of a table loses.

    Args:
        whole: over all cells.
        by_table: by the strata that are crossed with each other, () for totals; cells with a level in each of them.
        by_level: by stratum and level; all cells at that level, whatever it is crossed with.
    """

    whole: Loss
    by_table: dict[tuple[str, ...], Loss]
    by_level: dict[tuple[str, str], Loss]


def losses(table: ReviewedTable) -> Losses:
    """Count what is lost."""
    by_table: dict[tuple[str, ...], Loss] = {}
    by_level: dict[tuple[str, str], Loss] = {}
    for side in (table.persons, table.sums):
        for (_, strata), block in side.cells.blocks.items():
            if not side.system.printed[block].any():
                continue
            by_table[strata] = by_table.get(strata, Loss()) + _loss(side, block.ravel())
            for axis, stratum in enumerate(strata):
                for place, level in enumerate(side.cells.dimensions[stratum].levels):
                    own = _loss(side, np.take(block, place, axis=axis).ravel())
                    by_level[stratum, level] = by_level.get((stratum, level), Loss()) + own
    return Losses(_sum(by_table.values()), by_table, by_level)


def _loss(side: CellSide, cells: Ints) -> Loss:
    printed = cells[side.system.printed[cells]]
    blank = printed[side.blank[printed]]
    if side.kind != "persons":
        return Loss(printed.size, blank.size)
    values = side.cells.values
    return Loss(printed.size, blank.size, int(values[printed].sum()), int(values[blank].sum()))


def _sum(parts: Iterable[Loss]) -> Loss:
    whole = Loss()
    for part in parts:
        whole += part
    return whole
