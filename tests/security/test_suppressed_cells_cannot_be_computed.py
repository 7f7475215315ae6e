"""Nobody who holds a released table, knows the rules and owns a solver learns a small count (R16)."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage.errors import DisclosureRefused
from linkage_core.counted_table import CountedTable, Line, PersonCube, Statistic
from linkage_core.disclosure import ProtectedTable, protect, to_bytes
from tests.support.attackers import STRATA, TOTAL, Cell, Printed, Programme, read, subtract
from tests.support.random_tables import random_table, with_margins

POLICY = shipped_policies()["standard@1.0.0"]
SEEDS = int(os.environ.get("LINKAGE_ATTACK_SEEDS", "60"))
SOLVED_PER_TABLE = int(os.environ.get("LINKAGE_ATTACKED_CELLS", "6"))


def truth_of(table: CountedTable) -> dict[Cell, int]:
    """Exact counts by (set, levels in the order of STRATA)."""
    truth: dict[Cell, int] = {}
    for cube in table.person_cubes:
        for place in np.ndindex(cube.persons.shape):
            at = {d.name: [*d.levels, TOTAL][i] for d, i in zip(cube.dimensions, place, strict=True)}
            truth[cube.persons_key, tuple(at.get(name, TOTAL) for name in STRATA)] = int(cube.persons[place])
    return truth


def sensitive_sums(printed: Printed, truth: dict[Cell, int]) -> list[list[tuple[Cell, int]]]:
    """Counts of 1-9 that a reader may be after: cells, and persons of a whole outside its part."""
    cells = [[(cell, 1)] for cell in sorted(printed.blank) if 1 <= truth[cell] < 10]
    outside = [[(w, 1), (p, -1)] for w, p in printed.subsets if 1 <= truth[w] - truth[p] < 10]
    return [*cells, *outside]


def told_all_zeros(printed: Printed, truth: dict[Cell, int]) -> Printed:
    """A numerator of 0 over a hidden denominator is not printed. Grant the attacker which blanks are 0."""
    zeros = {cell: 0 for cell in printed.blank if truth[cell] == 0}
    return Printed({**printed.known, **zeros}, printed.blank - set(zeros), printed.relations, printed.subsets)


@cache
def protected_table(seed: int) -> tuple[CountedTable, ProtectedTable]:
    """The same made-up tables are attacked in several ways, and protected once."""
    table = random_table(seed)
    return table, protect(table, POLICY)


@pytest.mark.parametrize("block", range(10))
def test_no_attacker_narrows_a_small_count_to_fewer_than_three_numbers(block: int) -> None:
    attacked = 0
    for seed in range(block, SEEDS, 10):
        table, protected = protected_table(seed)
        truth = truth_of(table)
        printed = told_all_zeros(read(protected.table), truth)
        assert not [cell for cell, value in printed.known.items() if 1 <= value < 10], seed
        assert all(truth[cell] == value for cell, value in printed.known.items()), seed
        assert not subtract(printed), seed
        wanted = sensitive_sums(printed, truth)
        picks = np.random.default_rng(seed).permutation(len(wanted))[:SOLVED_PER_TABLE]
        programme = Programme(printed) if len(picks) else None
        for pick in picks.tolist():
            assert programme is not None
            low, high = programme.range_of(wanted[pick])
            assert high - low >= 2, (seed, wanted[pick], low, high)
            if len(wanted[pick]) == 1:
                assert high >= 10, (seed, wanted[pick], low, high)
            attacked += 1
    assert attacked > SEEDS // 10


def test_every_suppressed_count_keeps_three_candidates() -> None:
    for seed in range(6):
        table, protected = protected_table(seed)
        printed = told_all_zeros(read(protected.table), truth_of(table))
        programme = Programme(printed)
        for cell in sorted(printed.blank):
            low, high = programme.range_of([(cell, 1)])
            assert high - low >= 2, (seed, cell)


def test_the_attackers_break_a_protector_that_blanks_small_cells_only() -> None:
    broken, tables = 0, 20
    for seed in range(tables):
        table, protected = protected_table(seed)
        truth = truth_of(table)
        printed = told_all_zeros(read(protected.table), truth)
        small_only = {cell for cell in printed.blank if 1 <= truth[cell] < 10}
        named = {cell: truth[cell] for cell in printed.blank | set(printed.known)}
        weak = Printed(
            {cell: value for cell, value in named.items() if cell not in small_only},
            small_only,
            printed.relations,
            printed.subsets,
        )
        solved = subtract(weak)
        assert all(truth[cell] == value for cell, value in solved.items())
        broken += bool(solved)
    assert broken > tables // 2


def test_the_solver_finds_what_subtraction_does_not() -> None:
    # A 2 x 2 table with all margins printed and all inner cells blank but for a margin of 2: each part is 1.
    def at(a: str, b: str) -> Cell:
        return "population", (a, b, TOTAL, TOTAL)

    known = {at(TOTAL, TOTAL): 22, at("a", TOTAL): 2, at("b", TOTAL): 20, at(TOTAL, "x"): 11, at(TOTAL, "y"): 11}
    blank = {at(a, b) for a in "ab" for b in "xy"}
    relations = [(at(a, TOTAL), [at(a, b) for b in "xy"]) for a in "ab"]
    relations += [(at(TOTAL, b), [at(a, b) for a in "ab"]) for b in "xy"]
    printed = Printed(known, blank, relations, [])
    assert not subtract(printed)
    assert Programme(printed).range_of([(at("a", "x"), 1)]) == (1, 1)


def test_sums_of_blanks_do_not_come_back_by_subtraction() -> None:
    for seed in range(20):
        _, protected = protected_table(seed)
        lines = [x for x in protected.table.to_pylist() if (x["indicator"], x["statistic"]) == ("cost", "sum")]
        values: dict[tuple[str, ...], Any] = {tuple(x.get(n, TOTAL) for n in STRATA): x["value"] for x in lines}
        levels = [sorted({place[axis] for place in values} - {TOTAL}) for axis in range(len(STRATA))]
        for place in values:
            for axis, name in enumerate(STRATA):
                parts = [(*place[:axis], level, *place[axis + 1 :]) for level in levels[axis]]
                if place[axis] != TOTAL or not parts or not all(part in values for part in parts):
                    continue
                blanks = [p for p in (place, *parts) if values[p] is None]
                assert len(blanks) != 1, (seed, name, place)


def test_the_same_table_gives_the_same_bytes() -> None:
    for seed in range(5):
        assert to_bytes(protected_table(seed)[1]) == to_bytes(protect(random_table(seed), POLICY))


def test_zeros_are_shown_and_large_tables_lose_nothing() -> None:
    _, protected = protected_table(3)
    table = random_table(3)
    axes = table.person_cubes[0].dimensions
    counts = with_margins(np.full([len(a.levels) for a in axes], 500, dtype=np.int64))
    zeros = counts.copy() * 0
    names = tuple(a.name for a in axes)
    big = CountedTable(
        (PersonCube("population", axes, counts), PersonCube("none", axes, zeros)),
        (),
        (),
        (Line("none", "", Statistic.SHARE, names, "none", "population", interval="wilson"),),
    )
    printed = protect(big, POLICY).table
    assert set(printed["status"].to_pylist()) == {"ok"}
    assert set(printed["numerator"].to_pylist()) == {0.0}
    assert isinstance(protected.table, pa.Table)


def test_a_population_below_the_minimum_gets_no_table() -> None:
    table = random_table(1)
    axes = table.person_cubes[0].dimensions
    few = with_margins(np.zeros([len(a.levels) for a in axes], np.int64))
    few[(0,) * few.ndim] = 49
    few = with_margins(few[tuple(slice(0, -1) for _ in axes)])
    line = Line("population", "", Statistic.PERSONS, tuple(a.name for a in axes), numerator_key="population")
    with pytest.raises(DisclosureRefused, match="fewer persons"):
        protect(CountedTable((PersonCube("population", axes, few),), (), (), (line,)), POLICY)


def test_primary_and_secondary_blanks_look_alike() -> None:
    for seed in range(20):
        _, protected = protected_table(seed)
        suppressed = protected.table.filter(pa.compute.equal(protected.table["status"], "suppressed"))
        assert set(suppressed["reason"].to_pylist()) <= {"small_cell_protection"}
        for column in ("value", "lower", "upper", "numerator", "denominator", "person_time"):
            assert suppressed[column].null_count == suppressed.num_rows


def test_only_protect_makes_a_protected_table() -> None:
    _, made = protected_table(0)
    with pytest.raises(TypeError, match="protect"):
        ProtectedTable(made.table, (), made.reasons, made.officer_reasons, 0, {}, "standard", "1.0.0", "0" * 64)
