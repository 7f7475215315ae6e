"""A table of leaf cells becomes all its published cells, totals of every hierarchy included, and their relations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import DisclosureRefused
from linkage_core.disclosure.boxes import Grid
from linkage_core.disclosure.cell_system import CellSystem, Flags, Ints, Relations
from linkage_core.disclosure.lattice import Axis, lattice_totals
from linkage_core.disclosure.lattice_suppression import Witnesses, hide_in_lattice
from linkage_core.disclosure.person_cells import is_small
from linkage_core.disclosure.primary_rules import Mark, all_in_one
from linkage_core.disclosure.suppression import Pattern
from linkage_server.lab.layout import Codes


def with_totals(leaves: Ints, dimensions: Sequence[Codes]) -> Ints:
    """All published cells from the leaf cells, exactly, in whole numbers."""
    return lattice_totals(leaves, lattice_axes(dimensions))


def lattice_axes(dimensions: Sequence[Codes]) -> list[Axis]:
    """The dimensions without the names of their codes."""
    return [Axis(dimension.below, dimension.leaves) for dimension in dimensions]


def mark_counts(counts: Ints, dimensions: Sequence[Codes], policy: DisclosurePolicy) -> Ints:
    """Marks of a table of persons by its counts alone, flat: small cells, and levels that hold all of a shown total."""
    small = is_small(counts.ravel(), policy)
    marks = np.where(small, Mark.SMALL_CELL, 0).astype(np.int64)
    if policy.class_disclosure:
        wholes, parts = _families(counts.shape, dimensions)
        for whole, part in zip(wholes, parts, strict=True):
            full = all_in_one(counts.ravel()[whole], counts.ravel()[part]) & ~small[whole]
            marks[part[full]] |= Mark.CLASS_DISCLOSURE
    return marks


def hide_counts(
    counts: Ints, marks: Ints, dimensions: Sequence[Codes], policy: DisclosurePolicy
) -> tuple[Pattern, Witnesses]:
    """Suppress a table of persons; returns also the moves that prove every blank.

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
        lowest=int(policy.zero_shown and not policy.class_disclosure),
        candidates=policy.minimum_candidates,
    )


def _families(shape: tuple[int, ...], dimensions: Sequence[Codes]) -> tuple[list[Ints], list[Ints]]:
    """Cell numbers of each family's wholes, shape (relations,), and of their parts, shape (relations, parts).

    Dimensions whose codes do not add up have none.
    """
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    wholes: list[Ints] = []
    parts: list[Ints] = []
    for axis, dimension in enumerate(dimensions):
        along = np.moveaxis(numbers, axis, 0)
        for parent, children in dimension.families if dimension.adds_up else ():
            wholes.append(along[parent].ravel())
            parts.append(along[list(children)].reshape(len(children), -1).T)
    return wholes, parts


def lattice_system(
    shape: tuple[int, ...], dimensions: Sequence[Codes], *, values: Ints, sensitive: Flags, at_least: Ints, reach: Ints
) -> CellSystem:
    """The cells and relations of a table with all its totals."""
    relations = Relations()
    for whole, part in zip(*_families(shape, dimensions), strict=True):
        relations.add(whole, part, implied=False)
    starts, members, remainder, implied = relations.build(values)
    none = np.zeros(remainder.size, dtype=np.int64)
    return CellSystem(
        values=values,
        printed=np.ones(values.size, dtype=np.bool_),
        at_least=at_least.astype(np.int64),
        uses=np.ones(values.size, dtype=np.int64),
        strata=np.sum(np.array(shape) - 1 != np.indices(shape).T, axis=-1).T.ravel(),
        sensitive=sensitive,
        reach=reach.astype(np.int64),
        starts=starts,
        members=members,
        remainder=remainder,
        implied=implied,
        remainder_sensitive=np.zeros(remainder.size, dtype=np.bool_),
        remainder_reach=none,
        pairs=np.empty((0, 2), dtype=np.int64),
    )


def lattice_grids(shape: tuple[int, ...], dimensions: Sequence[Codes]) -> list[Grid]:
    """One grid per choice of a family on each axis: its children, and the parent as their total."""
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    choices = product(*(dimension.families for dimension in dimensions))
    picked = [[[*children, parent] for parent, children in choice] for choice in choices]
    return [Grid(numbers[np.ix_(*axes)], (False,) * len(axes)) for axes in picked]
