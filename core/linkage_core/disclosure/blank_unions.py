"""Unions of blanks that a table tells all the same: a printed total less its printed parts.

The union of a total's blank parts is as good as printed, so it must pass the primary rules itself, with the
contributions of one contributor to several of its cells added up.
"""

from __future__ import annotations

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy
from linkage_core.disclosure.cell_system import CellSystem, Flags, Ints
from linkage_core.disclosure.primary_rules import Contributions, mark_sums, profile


def cells_that_mend_unions(
    system: CellSystem, blank: Flags, given: Contributions, policy: DisclosurePolicy
) -> tuple[Ints, Ints]:
    """Open parts to blank, so that no union of blanks of one printed total breaks a rule any more.

    The cheapest parts are blanked first. With all parts blank the union is the total, which is printed because it
    passes the rules.

    Args:
        system: sums and their relations.
        blank: cells unknown to a reader.
        given: who gives what to each cell.
        policy: the rules.

    Returns:
        Cells to blank, and the relations whose unions broke a rule.
    """
    rows, unions = _implied(system, blank)
    broken = rows[_breaks(unions, given, policy)]
    further: set[int] = set()
    for row in broken.tolist():
        parts = system.members[system.starts[row] + 1 : system.starts[row + 1]]
        union = parts[blank[parts]].tolist()
        some = parts[~blank[parts] & (system.values[parts] >= system.at_least[parts])]
        for part in some[np.argsort(system.prices[some], kind="stable")].tolist():
            union.append(part)
            further.add(part)
            if not _breaks([np.array(union)], given, policy)[0]:
                break
    return np.array(sorted(further), dtype=np.int64), broken


def _implied(system: CellSystem, blank: Flags) -> tuple[Ints, list[Ints]]:
    """Relations with a printed whole and blank parts, and these parts; a single one is a matter for the proofs."""
    row_of = np.repeat(np.arange(system.remainder.size), np.diff(system.starts))
    blanks = np.bincount(row_of[blank[system.members]], minlength=system.remainder.size)
    rows = np.flatnonzero(~system.implied & ~blank[system.members[system.starts[:-1]]] & (blanks > 1))
    members = [system.members[system.starts[row] : system.starts[row + 1]] for row in rows.tolist()]
    return rows, [own[blank[own]] for own in members]


def _breaks(unions: list[Ints], given: Contributions, policy: DisclosurePolicy) -> Flags:
    """Which unions break a rule, contributors merged."""
    if not unions:
        return np.zeros(0, dtype=np.bool_)
    sizes = [one.size for one in unions]
    cells = np.concatenate(unions)
    union = np.repeat(np.arange(len(unions)), sizes)
    # Rows of each cell stand together: one slice a cell and union.
    order = np.argsort(given.cell, kind="stable")
    sorted_cells = given.cell[order]
    first, last = np.searchsorted(sorted_cells, cells), np.searchsorted(sorted_cells, cells, side="right")
    many = last - first
    step = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    rows = order[np.repeat(first, many) + step]
    merged = Contributions(np.repeat(union, many), given.contributor[rows], given.amount[rows])
    return mark_sums(profile(merged, cells=len(unions)), policy).sensitive
