"""Checks one count of a release: small ones are blank, and every blank is proved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from linkage_client.certificate_check.company import company_cells
from linkage_client.certificate_check.controlled import check_controlled
from linkage_client.certificate_check.count_moves import Free, check_blanks, check_moves
from linkage_client.certificate_check.dimensions import Ints, known_cells
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.release import CheckedMeasure, Release
from linkage_client.certificate_check.release_tables import blanks_of, reasons_of, says, true_cells
from linkage_client.certificate_check.rules import (
    CountRules,
    Flags,
    excepted_cells,
    full_class_cells,
    rules_of,
    small_cells,
)


@dataclass(frozen=True, slots=True)
class Marks:
    """Cells that a rule marks, flat; what the policy excepts is left out.

    Args:
        small: counts below the threshold.
        full: parts of a whole of which one holds all.
        secret: that tell what too few companies sell.
        few: that too few prescribers or workplaces stand behind.
    """

    small: Flags
    full: Flags
    secret: Flags
    few: Flags

    @property
    def any_rule(self) -> Flags:
        """Cells that some rule marks."""
        return self.small | self.full | self.secret | self.few


def counted(name: str, release: Release, rules: CountRules) -> Ints:
    """The true cells of a count, one axis a dimension.

    Raises:
        CheckFailed: one is negative, or there are too few persons for any table.
    """
    counts = true_cells(name, release.tables, release.dimensions)
    if counts.min(initial=0) < 0:
        raise CheckFailed(f"{release.tables.truth_file}: column {name!r} holds a negative count")
    if counts[tuple(dimension.total for dimension in release.dimensions)] < rules.smallest_population:
        raise CheckFailed(f"{release.tables.truth_file}: fewer persons than the policy demands")
    return counts


def marks_of(name: str, counts: Ints, release: Release, rules: CountRules) -> Marks:
    """What the rules mark of a count, among the cells that are shown and have a row."""
    dimensions, policy, searched = release.dimensions, release.policy, release.tables.shown & ~release.tables.absent
    excepted, none = excepted_cells(name, policy, dimensions), np.zeros(counts.size, dtype=np.bool_)
    full = full_class_cells(counts, rules, dimensions, shown=searched.reshape(counts.shape)).ravel()
    secret = company_cells(name, "count", policy, dimensions, release.suppliers) & (counts.ravel() > 0) & searched
    return Marks(
        small_cells(counts, rules).ravel() & searched,
        full & ~excepted.get("class_disclosure", none),
        secret & ~excepted.get("company_secrecy", none),
        release.few_behind & searched,
    )


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
    counts = counted(name, release, rules)
    if release.rounding is not None and release.rounding.hides_nothing:
        check_controlled(name, tables, counts, release.rounding, dimensions=dimensions, rules=rules)
        nothing = np.zeros(counts.size, dtype=np.bool_)
        return CheckedMeasure(counts.ravel(), nothing, nothing)
    searched = tables.shown & ~tables.absent
    marks = marks_of(name, counts, release, rules)
    blank = blanks_of(name, tables, counts, rounding=release.rounding)
    for demanded, why in (
        (marks.small, "small"),
        (marks.full, "part of a class that one part holds all of"),
        (marks.secret, "of what too few companies sell"),
        (marks.few, "of too few prescribers or workplaces"),
        (tables.absent, "without a row, which readers shall not tell from blank ones,"),
    ):
        if np.any(demanded & ~blank):
            raise CheckFailed(f"{tables.released_file}: a cell is {why} and printed")
    reason = reasons_of(name, tables, blank)
    for word, cells in (
        ("small_cell", marks.small),
        ("class_disclosure", marks.full),
        ("company_secrecy", marks.secret),
        ("absent", tables.absent),
        ("protects_small_cell", blank & ~marks.any_rule & ~tables.absent),
    ):
        if not np.array_equal(says(reason, word), cells[tables.place]):
            raise CheckFailed(f"{tables.officer_file}: does not say {word} exactly where it is so")
    blank &= ~tables.absent
    known = known_cells(release.plan, dimensions) & ~marks.any_rule
    free = Free(blank, searched, known, np.full(counts.size, rules.lowest))
    shown = check_moves(moves, counts, free, dimensions=dimensions, rules=rules, row_place=tables.place)
    check_blanks(shown, counts, blank, marks.small & rules.reach, dimensions=dimensions, rules=rules)
    return CheckedMeasure(counts.ravel(), marks.any_rule, blank)
