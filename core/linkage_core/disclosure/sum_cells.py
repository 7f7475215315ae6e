"""Sums as one system of cells: blank where their contributors are, and hidden as intervals."""

from __future__ import annotations

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure.cell_system import CellSystem, Flags, Relations
from linkage_core.disclosure.evidence import Demand
from linkage_core.disclosure.linked_cells import Numbered, number_cells, tie_margins, tie_nestings, tie_splits

_ANY_SIGN = -(1 << 50)
"""Lower end of a sum that may be negative (corrections), for a reader who knows nothing else."""


def number_sums(table: CountedTable) -> Numbered:
    """Number the cells of all sums of a table."""
    return number_cells((cube.sum_key, cube.dimensions, cube.sums) for cube in table.sum_cubes)


def sum_system(
    table: CountedTable, sums: Numbered, persons: Numbered, *, hidden_persons: Flags, policy: DisclosurePolicy
) -> tuple[CellSystem, Demand]:
    """State the protection problem of all sums of a table.

    Args:
        table: the table.
        sums: its numbered sums.
        persons: its numbered person cells.
        hidden_persons: person cells that are sensitive, or printed but suppressed. Their sums go with them.
        policy: the rules.
    """
    relations = Relations()
    tie_margins(sums, relations, negative=bool(np.any(sums.values < 0)))
    tie_splits(sums, table.splits, relations)
    tie_nestings(sums, table.nestings, relations)
    starts, members, remainder, implied = relations.build(sums.values)
    contributors = np.zeros(sums.values.size, dtype=np.int64)
    hidden = np.zeros(sums.values.size, dtype=np.bool_)
    lowest = np.zeros(sums.values.size, dtype=np.int64)
    for cube in table.sum_cubes:
        names = tuple(axis.name for axis in cube.dimensions)
        own = sums.cube(cube.sum_key, names)
        theirs = persons.cube(cube.contributors_key, names)
        contributors[own] = persons.values[theirs]
        hidden[own] = hidden_persons[theirs]
        lowest[own] = _ANY_SIGN if np.any(cube.sums < 0) else 0
    few = (contributors > 0) & (contributors < policy.minimum_contributors)
    # Nobody contributes: the sum is known to be 0 and cannot stand in for another.
    lowest = np.where((contributors == 0) & ~hidden, sums.values + 1, lowest)
    uses = _uses(table, sums)
    system = CellSystem(
        values=sums.values,
        printed=uses > 0,
        at_least=lowest,
        uses=np.maximum(uses, 1),
        strata=sums.strata,
        sensitive=(few | hidden) & (uses > 0),
        reach=np.zeros(sums.values.size, dtype=np.int64),
        starts=starts,
        members=members,
        remainder=remainder,
        implied=implied,
        remainder_sensitive=np.zeros(remainder.size, dtype=np.bool_),
        remainder_reach=np.zeros(remainder.size, dtype=np.int64),
        pairs=np.empty((0, 2), dtype=np.int64),
    )
    spans = np.maximum(-(-np.abs(sums.values) * policy.sum_width_percent // 100), 1)
    return system, Demand(candidates=1, spans=np.where(system.printed, spans, 0))


def _uses(table: CountedTable, sums: Numbered) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    uses = np.zeros(sums.values.size, dtype=np.int64)
    for line in table.lines:
        for key in (line.sum_key, line.person_time_key):
            if key:
                uses[sums.cube(key, line.dimensions)] += 1
    return uses
