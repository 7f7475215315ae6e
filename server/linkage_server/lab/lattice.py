"""A table of leaf cells becomes all its published cells, totals of every hierarchy included, and their relations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import DisclosureRefused
from linkage_core.disclosure.boxes import Grid
from linkage_core.disclosure.cell_system import CellSystem, Flags, Ints
from linkage_core.disclosure.lattice import Axis, lattice_totals
from linkage_core.disclosure.lattice_suppression import Witnesses, hide_in_lattice
from linkage_core.disclosure.person_cells import is_small
from linkage_core.disclosure.primary_rules import Mark, all_in_one
from linkage_core.disclosure.suppression import Pattern
from linkage_core.release_history import Axis as PublishedAxis
from linkage_core.release_history import PublishedCells
from linkage_core.release_history.as_system import as_system, grids_of
from linkage_server.lab.layout import Codes


def with_totals(leaves: Ints, dimensions: Sequence[Codes]) -> Ints:
    """All published cells from the leaf cells, exactly, in whole numbers."""
    return lattice_totals(leaves, lattice_axes(dimensions))


def absent_cells(places: tuple[Ints, ...], dimensions: Sequence[Codes]) -> Flags:
    """Cells, flat, that have no row, and totals of none but such.

    Args:
        places: number of the leaf of each row, by dimension.
        dimensions: of the table.
    """
    rows = np.zeros([one.leaves for one in dimensions], dtype=np.int64)
    np.add.at(rows, places, 1)
    absent: Flags = with_totals(rows, dimensions).ravel() == 0
    return absent


def lattice_axes(dimensions: Sequence[Codes]) -> list[Axis]:
    """The dimensions without the names of their codes."""
    return [Axis(dimension.below, dimension.leaves) for dimension in dimensions]


def mark_counts(
    counts: Ints, dimensions: Sequence[Codes], policy: DisclosurePolicy, *, published: Flags | None = None
) -> Ints:
    """Marks of a table of persons by its counts alone, flat: small cells, and levels that hold all of a shown total.

    Cells that no table shows have none.
    """
    shown = np.ones(counts.size, dtype=np.bool_) if published is None else published
    small = is_small(counts.ravel(), policy) & shown
    marks = np.where(small, Mark.SMALL_CELL, 0).astype(np.int64)
    if policy.class_disclosure:
        for line in _published(counts.shape, dimensions).lines():
            whole, part = line.wholes(), line.parts().T
            full = all_in_one(counts.ravel()[whole], counts.ravel()[part]) & ~small[whole] & shown[whole]
            marks[part[full]] |= Mark.CLASS_DISCLOSURE
    return np.where(shown, marks, 0)


def hide_counts(
    counts: Ints,
    marks: Ints,
    dimensions: Sequence[Codes],
    policy: DisclosurePolicy,
    *,
    published: Flags | None = None,
    may_be_absent: bool = False,
    known: Flags | None = None,
) -> tuple[Pattern, Witnesses]:
    """Suppress a table of persons, or several of one crossing; returns also the moves that prove every blank.

    Args:
        counts: all cells with their totals.
        marks: of the sensitive ones, flat.
        dimensions: of the table.
        policy: the rules.
        published: cells that some table shows, flat; all if it is left out.
        may_be_absent: a reader cannot tell a blank from a cell that has no row.
        known: cells whose numbers a reader has already, flat; of these the sensitive ones are hidden all the same.

    Raises:
        DisclosureRefused: too few persons, or no safe pattern.
    """
    if counts[(-1,) * counts.ndim] < policy.minimum_population:
        raise DisclosureRefused(
            f"The table has fewer persons than the {policy.minimum_population} that policy {policy.name} demands.",
            mend="Use a larger population.",
        )
    small = (marks & Mark.SMALL_CELL) != 0
    return hide_in_lattice(
        counts,
        lattice_axes(dimensions),
        sensitive=marks != 0,
        reach=np.where(small, policy.minimum_cell if policy.reach_threshold else 0, 0),
        # Where a full level is hidden, so are the zeros beside it: a blank may be a zero.
        lowest=int(policy.zero_shown and not policy.class_disclosure and not may_be_absent),
        candidates=policy.minimum_candidates,
        published=published,
        known=None if known is None else known & (marks == 0),
    )


def lattice_system(
    shape: tuple[int, ...], dimensions: Sequence[Codes], *, values: Ints, sensitive: Flags, at_least: Ints, reach: Ints
) -> CellSystem:
    """The cells and relations of a table with all its totals."""
    cells = _published(shape, dimensions)
    return as_system(cells, values=values, sensitive=sensitive, at_least=at_least, reach=reach)


def lattice_grids(shape: tuple[int, ...], dimensions: Sequence[Codes]) -> list[Grid]:
    """One grid per choice of a family on each axis: its children, and the parent as their total."""
    return grids_of(_published(shape, dimensions))


def _published(shape: tuple[int, ...], dimensions: Sequence[Codes]) -> PublishedCells:
    """The cells with their families; dimensions whose codes do not add up have none."""
    cells = PublishedCells(
        tuple(PublishedAxis(one.below, one.leaves, one.families if one.adds_up else ()) for one in dimensions)
    )
    assert cells.shape == shape
    return cells
