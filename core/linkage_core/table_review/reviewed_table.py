"""A protected table taken apart again: its cells, what ties them, which are blank, and by which rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure.cell_names import CellName, flagged, names_of
from linkage_core.disclosure.cell_system import CellSystem, Flags, Ints
from linkage_core.disclosure.evidence import Demand
from linkage_core.disclosure.excepted_cells import excepted_cells
from linkage_core.disclosure.linked_cells import Numbered
from linkage_core.disclosure.person_cells import crowded, in_small_strata, is_small, number_persons, person_system
from linkage_core.disclosure.protected_table import Hidden
from linkage_core.disclosure.sum_cells import number_sums, sum_system
from linkage_core.disclosure.withheld import WithheldIndicators, withheld_persons, withheld_sums


class Rule(StrEnum):
    """Why a cell is blank; the first that holds, in this order."""

    HIDDEN_BY_HAND = "hidden_by_hand"
    COMPANY_SECRECY = "company_secrecy"
    SMALL_CELL = "small_cell"
    SMALL_STRATUM = "small_stratum"
    FEW_OF_THE_INHABITANTS_LEFT = "few_of_the_inhabitants_left"
    CLASS_DISCLOSURE = "class_disclosure"
    FEW_CONTRIBUTORS = "few_contributors"
    CONTRIBUTORS_HIDDEN = "contributors_hidden"
    TELLS_OF_FEW = "tells_of_few"
    # The whole of a relation of which few are left over beside the parts.
    HOLDS_A_SMALL_REST = "holds_a_small_rest"
    HOLDS_ANOTHER = "holds_another"
    STANDS_BESIDE = "stands_beside"


EXCEPTIONS = "exceptions"
"""Cells that an officer excepted from class disclosure."""


@dataclass(frozen=True)
class CellSide:
    """The cells of one kind.

    Args:
        kind: counts of persons, or sums.
        cells: by number.
        system: what ties them, and what a reader knows.
        demand: how well each blank must be hidden.
        blank: what a reader must not learn, cells that no line prints included.
    """

    kind: str
    cells: Numbered
    system: CellSystem
    demand: Demand
    blank: Flags

    @property
    def hidden(self) -> Ints:
        """Printed cells that are blank, ascending."""
        return np.flatnonzero(self.blank & self.system.printed)

    @cached_property
    def names(self) -> list[CellName]:
        """The name of each cell."""
        return names_of(self.cells, "persons" if self.kind == "persons" else "sum")


@dataclass(frozen=True)
class ReviewedTable:
    """One version of an order's table with all that it was made of; for officers alone.

    Args:
        counted: exact counts.
        policy: the rules.
        persons, sums: the cells of either kind.
        rules: by kind, the rule behind each hidden cell, by number.
        listed: by kind and rule, the cells that rules are about which counts alone do not decide: by hand, company
            secrecy, exceptions from class disclosure.
    """

    counted: CountedTable
    policy: DisclosurePolicy
    persons: CellSide
    sums: CellSide
    rules: dict[str, dict[int, Rule]]
    listed: dict[str, dict[str, Flags]]

    def side(self, kind: str) -> CellSide:
        """The cells of one kind."""
        return self.persons if kind == "persons" else self.sums


def open_for_review(
    counted: CountedTable,
    policy: DisclosurePolicy,
    hidden: Hidden,
    *,
    secret: WithheldIndicators | None = None,
    by_hand: Sequence[CellName] = (),
) -> ReviewedTable:
    """Take a protected table apart.

    Args:
        counted, policy, secret, by_hand: what `protect` was given.
        hidden: which cells it left blank.
    """
    cells = number_persons(counted)
    counts = person_system(counted, cells, policy, withheld=secret, by_hand=by_hand)
    demand = Demand(policy.minimum_candidates, np.zeros(counts.values.size, dtype=np.int64))
    persons = CellSide("persons", cells, counts, demand, hidden.persons)
    numbered = number_sums(counted)
    amounts, widths = sum_system(
        counted,
        numbered,
        cells,
        hidden_persons=counts.sensitive | (hidden.persons & counts.printed),
        policy=policy,
        withheld=secret,
        by_hand=by_hand,
        without_thresholds=hidden.without_thresholds,
    )
    sums = CellSide("sum", numbered, amounts, widths, hidden.sums)
    rules = {
        "persons": _person_rules(counted, persons, policy, secret=secret or {}, by_hand=by_hand),
        "sum": _sum_rules(counted, sums, persons, policy, secret=secret or {}, by_hand=by_hand),
    }
    listed = {
        "persons": {
            Rule.HIDDEN_BY_HAND.value: flagged(by_hand, "persons", cells),
            Rule.COMPANY_SECRECY.value: withheld_persons(counted, cells, secret or {}, policy.exceptions),
            EXCEPTIONS: excepted_cells(
                policy.exceptions, "class_disclosure", counted, cells, key_of=lambda line: line.numerator_key
            ),
        },
        "sum": {
            Rule.HIDDEN_BY_HAND.value: flagged(by_hand, "sum", numbered),
            Rule.COMPANY_SECRECY.value: withheld_sums(counted, numbered, secret or {}, policy.exceptions),
        },
    }
    return ReviewedTable(counted, policy, persons, sums, rules, listed)


def _person_rules(
    counted: CountedTable,
    side: CellSide,
    policy: DisclosurePolicy,
    *,
    secret: WithheldIndicators,
    by_hand: Sequence[CellName],
) -> dict[int, Rule]:
    cells, system = side.cells, side.system
    causes = {
        Rule.HIDDEN_BY_HAND: flagged(by_hand, "persons", cells),
        Rule.COMPANY_SECRECY: withheld_persons(counted, cells, secret, policy.exceptions),
        Rule.SMALL_CELL: is_small(cells.values, policy),
        Rule.SMALL_STRATUM: in_small_strata(cells, policy) & (cells.values > 0),
        Rule.FEW_OF_THE_INHABITANTS_LEFT: crowded(counted, cells, policy),
    }
    # What else is sensitive is so by the rule that is left.
    causes[Rule.CLASS_DISCLOSURE if policy.class_disclosure else Rule.TELLS_OF_FEW] = system.sensitive
    return _first_of(causes, side) | _of_partners(side, np.logical_or.reduce(list(causes.values())))


def _sum_rules(
    counted: CountedTable,
    side: CellSide,
    persons: CellSide,
    policy: DisclosurePolicy,
    *,
    secret: WithheldIndicators,
    by_hand: Sequence[CellName],
) -> dict[int, Rule]:
    cells, size = side.cells, side.cells.values.size
    few, behind = np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.bool_)
    hidden_persons = persons.system.sensitive | (persons.blank & persons.system.printed)
    for cube in counted.sum_cubes:
        names = tuple(axis.name for axis in cube.dimensions)
        own, theirs = cells.cube(cube.sum_key, names), persons.cells.cube(cube.contributors_key, names)
        contributors = persons.cells.values[theirs]
        few[own] = (contributors > 0) & (contributors < policy.minimum_contributors)
        behind[own] = hidden_persons[theirs]
    causes = {
        Rule.HIDDEN_BY_HAND: flagged(by_hand, "sum", cells),
        Rule.COMPANY_SECRECY: withheld_sums(counted, cells, secret, policy.exceptions),
        Rule.FEW_CONTRIBUTORS: few,
        Rule.CONTRIBUTORS_HIDDEN: behind,
        Rule.TELLS_OF_FEW: side.system.sensitive,
    }
    return _first_of(causes, side) | _of_partners(side, np.logical_or.reduce(list(causes.values())))


def _first_of(causes: dict[Rule, Flags], side: CellSide) -> dict[int, Rule]:
    found: dict[int, Rule] = {}
    hidden = np.zeros(side.blank.size, dtype=np.bool_)
    hidden[side.hidden] = True
    for rule, flags in causes.items():
        for cell in np.flatnonzero(flags & hidden).tolist():
            found.setdefault(cell, rule)
    return found


def _of_partners(side: CellSide, caused: Flags) -> dict[int, Rule]:
    """Rules of the hidden cells that are not sensitive by themselves."""
    system = side.system
    row_of = np.repeat(np.arange(system.remainder.size), np.diff(system.starts))
    in_small_rest = np.zeros(side.blank.size, dtype=np.bool_)
    in_small_rest[system.members[system.remainder_sensitive[row_of]]] = True
    holding = holds_another(side, caused)
    return {
        cell: Rule.HOLDS_ANOTHER
        if holding[cell]
        else Rule.HOLDS_A_SMALL_REST
        if in_small_rest[cell]
        else Rule.STANDS_BESIDE
        for cell in side.hidden.tolist()
        if not caused[cell]
    }


def holds_another(side: CellSide, caused: Flags) -> Flags:
    """Blanks that hang together, through relations of the table, with one that is sensitive by itself."""
    system = side.system
    row_of = np.repeat(np.arange(system.remainder.size), np.diff(system.starts))
    members_blank = side.blank[system.members]
    reached = caused & side.blank
    while True:
        rows = np.zeros(system.remainder.size, dtype=np.bool_)
        rows[row_of[reached[system.members]]] = True
        further = reached.copy()
        further[system.members[rows[row_of] & members_blank]] = True
        if np.array_equal(further, reached):
            return reached
        reached = further
