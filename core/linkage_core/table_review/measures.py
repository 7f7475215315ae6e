"""How much a table risks, measured at its cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage_core.table_review.reviewed_table import ReviewedTable
from linkage_core.table_review.witness import WitnessSearch

_MOST_ASKED = 40
_FARTHEST = 8
"""A margin of so much or more is told as this: a reader cannot come close."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What a queue is ranked by.

    Args:
        cells: distinct printed cells; `sensitive` of them may not be known, by themselves.
        margin: how far above the threshold a reader must hold the most exposed of the sensitive counts possible, as far
            as was looked (0 to 8); None without such a count. 0: hidden as well as the policy demands, and no better.
    """

    cells: int
    sensitive: int
    margin: int | None


def measure(table: ReviewedTable) -> Measures:
    """Measure a version of a table."""
    sides = (table.persons, table.sums)
    cells = sum(int(np.count_nonzero(side.system.printed)) for side in sides)
    sensitive = sum(int(np.count_nonzero(side.system.printed & side.system.sensitive)) for side in sides)
    return Measures(cells, sensitive, _margin(table))


def _margin(table: ReviewedTable) -> int | None:
    """Of the sensitive counts that fewest other blanks stand beside, up to forty."""
    system, blank = table.persons.system, table.persons.blank
    asked = np.flatnonzero(system.printed & system.sensitive & (system.reach > 0))
    if not asked.size:
        return None
    row_of = np.repeat(np.arange(system.remainder.size), np.diff(system.starts))
    blanks = np.bincount(row_of, blank[system.members], minlength=system.remainder.size)
    beside = np.full(system.values.size, np.iinfo(np.int64).max)
    np.minimum.at(beside, system.members, blanks[row_of].astype(np.int64))
    asked = asked[np.argsort(beside[asked], kind="stable")][:_MOST_ASKED]
    search = WitnessSearch(system, blank)
    margin = _FARTHEST
    for cell in asked.tolist():
        needed = int(system.reach[cell] - system.values[cell])
        while margin and search.change(cell, max(needed, 0) + margin) is None:
            margin -= 1
    return margin
