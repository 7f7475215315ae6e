"""A table that an officer changed by hand is as safe as the run's own, and the audit finds one that is not."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from linkage.disclosure_policy import shipped_policies
from linkage.errors import DisclosureRefused
from linkage_core.counted_table import TOTAL, CountedTable
from linkage_core.disclosure import protect
from linkage_core.disclosure.cell_names import CellName
from linkage_core.disclosure.protected_table import Hidden
from linkage_core.table_review.audit import audit
from linkage_core.table_review.coarsening import coarsened
from linkage_core.table_review.coarser_levels import coarser_steps
from linkage_core.table_review.reviewed_table import ReviewedTable, open_for_review
from tests.support.attackers import STRATA, Cell, Printed, Programme, read, subtract
from tests.support.random_tables import random_table

POLICY = shipped_policies()["standard@1.0.0"]
SEEDS = range(int(os.environ.get("LINKAGE_ATTACK_SEEDS", "24")))
# Of larger tables a pattern that does not hold takes minutes to give up on.
LARGEST = 200


def tables() -> list[tuple[int, CountedTable]]:
    """Random tables of few cells, by their seed."""
    found = [(seed, random_table(seed)) for seed in SEEDS]
    return [(seed, table) for seed, table in found if sum(cube.persons.size for cube in table.person_cubes) < LARGEST]


def reviewed(table: CountedTable, by_hand: tuple[CellName, ...] = ()) -> tuple[ReviewedTable, Printed]:
    protected = protect(table, POLICY, by_hand=by_hand)
    assert protected.hidden is not None
    return open_for_review(table, POLICY, protected.hidden, by_hand=by_hand), read(protected.table)


def place_of(name: CellName) -> Cell:
    at = dict(name.at)
    return name.key, tuple(at.get(stratum, TOTAL) for stratum in STRATA)


def open_cells(table: ReviewedTable) -> list[CellName]:
    side = table.persons
    shown = side.system.printed & ~side.blank & (side.system.values > 0)
    return [side.names[cell] for cell in np.flatnonzero(shown).tolist()]


def test_nobody_computes_a_cell_that_was_hidden_by_hand() -> None:
    attacked = 0
    for seed, counted in tables():
        before, _ = reviewed(counted)
        wanted = open_cells(before)
        if not wanted:
            continue
        hand = wanted[int(np.random.default_rng(seed).integers(len(wanted)))]
        try:
            table, printed = reviewed(counted, (hand,))
        except DisclosureRefused:
            continue
        assert audit(table).holds, seed
        assert place_of(hand) in printed.blank, seed
        zeros = {cell: 0 for cell in printed.blank if value_of(table, cell) == 0}
        printed = Printed(printed.known | zeros, printed.blank - set(zeros), printed.relations, printed.subsets)
        assert not subtract(printed), seed
        low, high = Programme(printed).range_of([(place_of(hand), 1)])
        assert high - low >= 2, (seed, hand, low, high)
        attacked += 1
    assert attacked > len(SEEDS) // 4


def value_of(table: ReviewedTable, cell: Cell) -> int:
    side = table.persons
    place = {place_of(name): number for number, name in enumerate(side.names)}
    return int(side.system.values[place[cell]])


def test_the_audit_holds_for_coarser_tables() -> None:
    looked = 0
    for seed, counted in tables()[::2]:
        for step in coarser_steps(counted):
            coarse = coarsened(counted, step)
            protected = protect(coarse, POLICY)
            assert protected.hidden is not None
            assert audit(open_for_review(coarse, POLICY, protected.hidden)).holds, (seed, step)
            looked += 1
    assert looked > 5


def test_the_audit_finds_a_protector_that_blanks_small_cells_only() -> None:
    found, weakened = 0, 0
    for seed, counted in tables()[::2]:
        table, printed = reviewed(counted)
        side = table.persons
        small_only = side.system.sensitive | ~side.system.printed
        if np.array_equal(small_only, side.blank):
            continue
        weak = replace(table, persons=replace(side, blank=small_only))
        solved = subtract(told(weak, printed))
        weakened += 1
        holds = audit(weak).holds
        found += not holds
        assert not solved or not holds, seed
    assert found > weakened // 2


def told(weak: ReviewedTable, printed: Printed) -> Printed:
    """What a reader has of the weak pattern."""
    side = weak.persons
    blank = {place_of(side.names[c]) for c in np.flatnonzero(side.blank & side.system.printed).tolist()}
    named = printed.blank | set(printed.known)
    known = {cell: value_of(weak, cell) for cell in named - blank}
    zeros = {cell: 0 for cell in blank if value_of(weak, cell) == 0}
    return Printed(known | zeros, blank - set(zeros), printed.relations, printed.subsets)


def test_a_pattern_that_is_stored_is_the_one_that_was_proved() -> None:
    counted = random_table(3)
    protected = protect(counted, POLICY)
    assert isinstance(protected.hidden, Hidden)
    table = open_for_review(counted, POLICY, protected.hidden)
    assert len(table.rules["persons"]) + len(table.rules["sum"]) == sum(protected.suppressed_by_reason.values())
