"""Class disclosure among counts of persons: where everybody of a shown total is of one kind, a count tells of each.

Looked for among those who are counted (numerators): the persons they are counted among are described by whoever sent
them in, or by the rules that define them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from linkage.policy_exceptions import SignedException
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure.cell_system import Flags, Ints
from linkage_core.disclosure.excepted_cells import excepted_cells
from linkage_core.disclosure.linked_cells import Numbered
from linkage_core.disclosure.primary_rules import all_in_one


def full_classes(
    table: CountedTable,
    cells: Numbered,
    *,
    starts: Ints,
    members: Ints,
    implied: Flags,
    small: Flags,
    exceptions: Iterable[SignedException] = (),
) -> tuple[Flags, Flags]:
    """Which cells, and which remainders of relations, tell the class of everybody in a total that is shown.

    Args:
        table, cells: the table and its numbered cells.
        starts, members, implied: the relations, as in `CellSystem`.
        small: cells that are sensitive anyway; a total that is one of them is not shown.
        exceptions: of an officer; a cell that one is about is not marked.

    Returns:
        Flags of cells (a full level, the zeros beside it, a numerator that is its denominator) and of relations (of
        which nobody is left beside the numerator).
    """
    marked = np.zeros(cells.values.size, dtype=np.bool_)
    lengths = np.diff(starts)
    counted = _numerators(table, cells)
    for length in np.unique(lengths[~implied & (lengths > 2)]).tolist():
        rows = np.flatnonzero(~implied & (lengths == length))
        family = members[starts[rows][:, np.newaxis] + np.arange(length)]
        shown = counted[family[:, 0]] & ~small[family[:, 0]]
        full = shown & all_in_one(cells.values[family[:, 0]], cells.values[family[:, 1:]])
        marked[family[full, 1:]] = True
    whole, part = _full_lines(table, cells, small)
    marked[part] = True
    free = excepted_cells(exceptions, "class_disclosure", table, cells, key_of=lambda line: line.numerator_key)
    marked &= ~free
    whole, part = whole[~free[part]], part[~free[part]]
    rows = np.flatnonzero(implied & (lengths == 2))
    pairs = members[starts[rows]] * cells.values.size + members[starts[rows] + 1]
    remainders = np.zeros(lengths.size, dtype=np.bool_)
    remainders[rows[np.isin(pairs, whole * cells.values.size + part)]] = True
    return marked, remainders


def _numerators(table: CountedTable, cells: Numbered) -> Flags:
    keys = {line.numerator_key for line in table.lines}
    found = np.zeros(cells.values.size, dtype=np.bool_)
    for (key, _), block in cells.blocks.items():
        if key in keys:
            found[block] = True
    return found


def _full_lines(table: CountedTable, cells: Numbered, small: Flags) -> tuple[Ints, Ints]:
    """Denominators that are shown and all of whom are counted, and their numerators."""
    whole, part = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for line in table.lines:
        if line.numerator_key and line.denominator_key:
            among = cells.cube(line.denominator_key, line.dimensions).ravel()
            own = cells.cube(line.numerator_key, line.dimensions).ravel()
            full = (cells.values[own] == cells.values[among]) & (cells.values[own] > 0) & ~small[among] & (own != among)
            whole.append(among[full])
            part.append(own[full])
    return np.concatenate(whole), np.concatenate(part)
