"""Checks one count of a release: small ones are blank, and every blank is proved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from linkage_client.certificate_check.controlled import check_controlled
from linkage_client.certificate_check.dimensions import Dimension, Ints, known_cells
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.moves import Free, check_blanks, check_moves
from linkage_client.certificate_check.release_tables import Tables, blanks_of, reasons_of, says, true_cells
from linkage_client.certificate_check.rounding import Rounding
from linkage_client.certificate_check.rules import Flags, full_class_cells, rules_of, small_cells


@dataclass(frozen=True, slots=True)
class CheckedMeasure:
    """A measure that passed.

    Args:
        values: its cells, flat.
        sensitive: those that had to be blank by themselves.
        blank: all that are.
    """

    values: Ints
    sensitive: Flags
    blank: Flags


@dataclass(frozen=True, slots=True)
class Release:
    """What is the same for all measures of a release.

    Args:
        plan, policy: layout and policy as read.
        dimensions: of the layout.
        tables: the release and its truth.
        few_behind: cells that too few prescribers or workplaces stand behind.
        rounding: of counts.
    """

    plan: dict[str, Any]
    policy: dict[str, Any]
    dimensions: list[Dimension]
    tables: Tables
    few_behind: Flags
    rounding: Rounding | None


def check_count(name: str, release: Release, moves: pa.Table) -> CheckedMeasure:
    """Check one count.

    Args:
        name: of the count.
        release: all about it that is not the count's own.
        moves: the certificates of this count.

    Raises:
        CheckFailed: the first thing that does not fit.
    """
    dimensions, tables = release.dimensions, release.tables
    rules = rules_of(name, release.plan, release.policy)
    counts = true_cells(name, tables, dimensions)
    if counts.min(initial=0) < 0:
        raise CheckFailed(f"{tables.truth_file}: column {name!r} holds a negative count")
    if counts[tuple(dimension.total for dimension in dimensions)] < rules.smallest_population:
        raise CheckFailed(f"{tables.truth_file}: fewer persons than the policy demands")
    if release.rounding is not None and release.rounding.hides_nothing:
        check_controlled(name, tables, counts, release.rounding, dimensions=dimensions, rules=rules)
        nothing = np.zeros(counts.size, dtype=np.bool_)
        return CheckedMeasure(counts.ravel(), nothing, nothing)
    searched = tables.shown & ~tables.absent
    small = small_cells(counts, rules).ravel() & searched
    full = full_class_cells(counts, rules, dimensions, shown=searched.reshape(counts.shape)).ravel()
    few = release.few_behind & searched
    blank = blanks_of(name, tables, counts, rounding=release.rounding)
    for demanded, why in (
        (small, "small"),
        (full, "part of a class that one part holds all of"),
        (few, "of too few prescribers or workplaces"),
        (tables.absent, "without a row, which readers shall not tell from blank ones,"),
    ):
        if np.any(demanded & ~blank):
            raise CheckFailed(f"{tables.released_file}: a cell is {why} and printed")
    reason = reasons_of(name, tables, blank)
    for word, cells in (("small_cell", small), ("absent", tables.absent)):
        if not np.array_equal(says(reason, word), cells[tables.place]):
            raise CheckFailed(f"{tables.officer_file}: does not say {word} exactly where it is so")
    blank &= ~tables.absent
    free = Free(blank, searched, known_cells(release.plan, dimensions) & ~(small | full | few))
    shown = check_moves(moves, counts, free, dimensions=dimensions, rules=rules, row_place=tables.place)
    check_blanks(shown, counts, blank, small & rules.reach, rules)
    return CheckedMeasure(counts.ravel(), small | full | few, blank)
