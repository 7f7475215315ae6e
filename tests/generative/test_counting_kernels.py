"""Counting kernels agree with their twins in tests/reference, for any persons, cells, periods and levels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.events import Population
from linkage_core.kernels.count_levels import count_levels
from linkage_core.kernels.count_persons import add_fractions, add_values, count_sets
from linkage_core.kernels.give_reasons import give_reasons
from linkage_core.kernels.person_sets import find_subsets, pack_codes
from linkage_core.kernels.stratum_levels import cross_levels, place_codes
from linkage_core.person_sets import PersonSets
from linkage_core.strata import stratum_rule
from tests.reference.counting import add_by_cell, count_by_cell, count_by_level, millionths, reasons_given, subsets
from tests.reference.strata import cell, stratum
from tests.support.counted_tables import made_up_population

SEEDS = st.integers(0, 1 << 32)


def made_up_sets(rng: np.random.Generator, *, persons: int, count: int) -> tuple[PersonSets, list[list[bool]]]:
    """Sets of a block, sparse and dense, equal and nested, and who is in each."""
    sets, masks = PersonSets(persons), [[True] * persons, [False] * persons]
    odds = rng.choice([0, 0.02, 0.5, 0.98, 1], count)
    code = [(rng.random(persons) < share).astype(np.uint8) * np.uint8(3) for share in odds]
    wanted = rng.integers(0, 2, count) * 3
    assert sets.of_codes(code, wanted.tolist())
    masks += [(one == what).tolist() for one, what in zip(code, wanted, strict=True)]
    return sets, masks


def bits_of(mask: list[bool]) -> list[int]:
    """Words of 64 persons."""
    return [
        sum(is_in << place for place, is_in in enumerate(mask[first : first + 64])) for first in range(0, len(mask), 64)
    ]


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, persons=st.integers(1, 200), count=st.integers(1, 9))
def test_sets_of_the_same_persons_are_one_row(seed: int, persons: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    sets = PersonSets(persons)
    code = [(rng.random(persons) < 0.5).astype(np.uint8) for _ in range(3)]
    chosen = rng.integers(0, 3, count).tolist()
    wanted = rng.integers(0, 2, count).tolist()
    rows = sets.of_codes([code[one] for one in chosen], wanted)
    rows += sets.of_positive([code[one] == what for one, what in zip(chosen, wanted, strict=True)], [0] * count)
    rows += [sets.without([row]) for row in rows] + [sets.union(rows[:2]), 0, 1]
    known: dict[tuple[bool, ...], int] = {}
    for row in rows:
        mask = tuple(sets.mask(row).tolist())
        assert known.setdefault(mask, row) == row
    assert len(known) == len(set(rows))


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, persons=st.integers(0, 200), count=st.integers(1, 5))
def test_sets_are_packed_counted_and_compared(seed: int, persons: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    sets, masks = made_up_sets(rng, persons=persons, count=count)
    assert sets.bits.tolist() == [bits_of(mask) for mask in masks]
    assert sets.persons.tolist() == [sum(mask) for mask in masks]
    kinds = [np.bool_, np.uint8, np.int32, np.int64]
    within = rng.integers(0, len(masks), len(kinds)).tolist()
    value = [rng.integers(0 if kind in (np.bool_, np.uint8) else -2, 2, persons).astype(kind) for kind in kinds]
    found = sets.of_positive([column[::1] for column in value], within)
    for row, around, column in zip(found, within, value, strict=True):
        expected = [bool(here > 0) and is_in for here, is_in in zip(column, masks[around], strict=True)]
        assert sets.mask(row).tolist() == expected
    masks = [sets.mask(row).tolist() for row in range(len(sets.bits))]
    chosen = rng.integers(0, len(masks), rng.integers(0, 4)).tolist()
    either = [any(masks[row][person] for row in chosen) for person in range(persons)]
    assert sets.mask(sets.union(chosen)).tolist() == either
    assert sets.mask(sets.without(chosen)).tolist() == [not is_in for is_in in either]
    row = rng.integers(0, len(masks), (rng.integers(0, 6), rng.integers(1, 3)))
    inside = find_subsets(row, sets.bits, sets.persons, everybody=persons)
    assert inside.tolist() == subsets([[masks[one] for one in rows] for rows in row.tolist()])


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, persons=st.integers(0, 200), cells=st.integers(1, 5))
def test_persons_values_and_fractions_add_up_by_cell(seed: int, persons: int, cells: int) -> None:
    rng = np.random.default_rng(seed)
    sets, masks = made_up_sets(rng, persons=persons, count=4)
    cell = rng.integers(0, cells, persons).astype(np.int32)
    row = rng.integers(0, len(masks), 8)
    counts = np.zeros((len(row), cells), np.int64)
    count_sets(sets.bits, sets.persons, row, cell, counts)
    assert counts.tolist() == [count_by_cell(cell, masks[one], cells) for one in row.tolist()]
    for kind in (np.int32, np.int64):
        value, of = rng.integers(-(1 << 30), 1 << 30, persons).astype(kind), rng.integers(-2, 400, persons).astype(kind)
        value[rng.random(persons) < rng.random()] = 0
        for bits, mask in zip(sets.bits, masks, strict=True):
            sums, parts = np.zeros((2, cells), np.int64)
            add_values(bits, value, cell, sums)
            add_fractions(bits, value % kind(4001) - kind(2000), of, cell, parts, scale=1_000_000)
            assert sums.tolist() == add_by_cell(cell, mask, value, cells)
            whole = millionths(value.astype(np.int64) % 4001 - 2000, of.astype(np.int64))
            assert parts.tolist() == add_by_cell(cell, mask, whole, cells)


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, persons=st.integers(120, 200), most=st.sampled_from([1, 365, 1 << 20, (1 << 31) - 1]))
def test_fractions_of_everybody_are_added_as_those_of_each(seed: int, persons: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    value, of = rng.integers(0, most + 1, (2, persons)).astype(np.int32)
    cell = rng.integers(0, 4, persons).astype(np.int32)
    sums = np.zeros(4, np.int64)
    add_fractions(PersonSets(persons).bits[0], value, of, cell, sums, scale=1_000_000)
    whole = millionths(value.astype(np.int64), of.astype(np.int64))
    assert sums.tolist() == add_by_cell(cell, [True] * persons, whole, 4)


@pytest.mark.parametrize("outside", [-1, 4])
def test_a_cell_that_there_is_not_is_refused_wherever_a_person_has_a_fraction(outside: int) -> None:
    cell, sums = np.zeros(128, np.int32), np.zeros(4, np.int64)
    cell[70] = outside
    value, of = np.full(128, 3, np.int32), np.full(128, 4, np.int32)
    with pytest.raises(EventsRejected, match="row 70"):
        add_fractions(PersonSets(128).bits[0], value, of, cell, sums, scale=1_000_000)


@given(large=st.integers(0, 1 << 42), of=st.integers(1, 1 << 31))
def test_fractions_are_rounded_exactly_also_where_doubles_would_not(large: int, of: int) -> None:
    sums = np.zeros(1, np.int64)
    nowhere, her = np.zeros(1, np.int32), np.ones(1, np.uint64)
    add_fractions(her, np.array([large]), np.array([of]), nowhere, sums, scale=1_000_000)
    assert sums[0] == (2_000_000 * large + of) // (2 * of)


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, persons=st.integers(0, 150), periods=st.integers(1, 3), levels=st.integers(1, 4))
def test_entries_are_counted_by_cell_period_and_level(seed: int, persons: int, periods: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    cell = rng.integers(0, 2, persons).astype(np.int32)
    among = rng.integers(0, 2, (periods, persons)).astype(np.uint8)
    entries = [np.divmod(np.flatnonzero(rng.random(persons * levels) < 0.4), levels) for _ in range(periods)]
    person = np.concatenate([part[0] for part in entries]).astype(np.int32)
    level = np.concatenate([part[1] for part in entries]).astype(np.int32)
    starts = np.cumsum([0, *(len(part[0]) for part in entries)]).astype(np.int64)
    value = rng.integers(-9, 9, len(person))
    used = np.zeros(levels, np.uint8)
    counts, sums = np.zeros((2, periods + 1, levels), np.int64), np.zeros((2, periods, levels), np.int64)
    # As the indicators' kernel writes them: person and level are two halves of a word, the value is the word after it.
    words = np.empty((len(person), 2), np.int64)
    words.view(np.int32)[:, 0], words.view(np.int32)[:, 1], words[:, 1] = person, level, value
    parts = [words[first:last] for first, last in pairwise(starts)]
    persons_of = [part.view(np.int32)[:, 0] for part in parts]
    levels_of = [part.view(np.int32)[:, 1] for part in parts]
    count_levels(persons_of, levels_of, [part[:, 1] for part in parts], list(among), cell, used, counts, sums)
    expected = count_by_level(person, level, value, starts, among=among, cell=cell, levels=levels)
    assert (counts.tolist(), sums.tolist(), used.tolist()) == expected
    only_counts = np.zeros_like(counts)
    count_levels(persons_of, levels_of, None, list(among), cell, used, only_counts, None)
    assert (only_counts == counts).all()


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, persons=st.integers(0, 40), first=st.integers(0, 40))
@pytest.mark.parametrize("spec", ["sex", "age:<60,60-79,80+", "age:65-70", "hospital", "index:quarter"])
def test_levels_of_a_part_are_those_of_the_whole(spec: str, seed: int, persons: int, first: int) -> None:
    population = made_up_population(np.random.default_rng(seed), persons=persons)
    rule, whole = stratum_rule(population, spec), stratum(population, spec)
    names = np.array([*whole.dimension.levels, "none"], object)
    part = Population(
        population.hashed_ids[first:],
        population.index_date[first:],
        population.birth_date[first:],
        population.sex[first:],
        {name: column[first:] for name, column in population.strata.items()},
    )
    read = np.array(rule.dimension.levels, object)[rule.levels(part)]
    assert read.tolist() == names[whole.level[first:]].tolist()


@settings(deadline=None)
@given(days=st.lists(st.tuples(st.integers(-300_000, 60_000), st.integers(-300_000, 60_000)), max_size=20))
def test_ages_are_completed_years_on_any_days(days: list[tuple[int, int]]) -> None:
    people = [place.to_bytes(16, "big") for place in range(len(days))]
    population = Population(
        pa.array(people, pa.binary(16)),
        index_date=pa.array([on for _, on in days], pa.int32()).cast(pa.date32()),
        birth_date=pa.array([born for born, _ in days], pa.int32()).cast(pa.date32()),
    )
    spec = "age:<1," + ",".join(f"{age}-{age}" for age in range(1, 120)) + ",120+"
    rule, whole = stratum_rule(population, spec), stratum(population, spec)
    assert [rule.dimension.levels[level] for level in rule.levels(population)] == [
        whole.dimension.levels[level] for level in whole.level
    ]


def test_what_is_out_of_range_is_refused() -> None:
    cell, sets = np.array([0, 3], np.int32), PersonSets(2)
    with pytest.raises(EventsRejected, match="row 1, column 'cell': the value is outside its range"):
        count_sets(sets.bits, sets.persons, np.zeros(1, np.int64), cell, np.zeros((1, 3), np.int64))
    with pytest.raises(EventsRejected, match="row 1, column 'cell'"):
        add_values(sets.bits[0], np.ones(2, np.int64), cell, np.zeros(3, np.int64))
    with pytest.raises(EventsRejected, match="row 1, column 'row': the value is outside its range"):
        count_sets(sets.bits, sets.persons, np.array([1, 2]), cell, np.zeros((2, 4), np.int64))
    with pytest.raises(EventsRejected, match="column 'code': the value differs in length"):
        code = [np.zeros(1, np.uint8)]
        pack_codes(code, np.zeros(1, np.uint8), np.zeros(1, np.int64), sets.bits, sets.persons, everybody=2)
    with pytest.raises(EventsRejected, match="row 1, column 'code'"):
        place_codes(np.array([0, -1], np.int8), np.zeros(2, np.int32), np.zeros(2, np.int32))


@given(
    sizes=st.lists(st.integers(1, 20), max_size=5),
    persons=st.lists(st.lists(st.integers(0, 19), min_size=5, max_size=5), max_size=4),
    repeated=st.sampled_from([1, 400]),
)
def test_levels_are_crossed_as_the_digits_of_a_number(
    sizes: list[int], persons: list[list[int]], repeated: int
) -> None:
    levels = [[own[place] % size for place, size in enumerate(sizes)] for own in persons] * repeated
    found = np.full(len(levels), -7, np.int32)
    # Columns are slices of longer ones.
    columns = [np.array([9, *(own[place] for own in levels)], np.int32)[1:] for place in range(len(sizes))]
    cross_levels(columns, np.array(sizes, np.int32), found)
    assert found.tolist() == [cell(own, sizes) for own in levels]


def test_levels_that_are_not_of_the_same_persons_are_not_crossed() -> None:
    level, three = np.zeros(2, np.int32), np.zeros(3, np.int32)
    for columns, sizes in (([level], [2]), ([three], [2, 2])):
        with pytest.raises(EventsRejected, match="differs in length"):
            cross_levels(columns, np.array(sizes, np.int32), three)
    with pytest.raises(EventsRejected, match="outside its range"):
        cross_levels([three] * 33, np.ones(33, np.int32), three)


@pytest.mark.parametrize(
    ("person", "level", "rule"),
    [
        ([70, 1], [0, 0], "out of order"),
        ([1, 99], [0, 1], "outside its range"),
        ([1, 100], [0, 0], "outside its range"),
    ],
)
def test_entries_out_of_place_are_refused(person: list[int], level: list[int], rule: str) -> None:
    with pytest.raises(EventsRejected, match=f"row 1, column 'level': the value is {rule}"):
        count_levels(
            [np.array(person, np.int32)], [np.array(level, np.int32)], None, [np.ones(100, np.uint8)],
            np.zeros(100, np.int32), np.zeros(1, np.uint8), np.zeros((1, 2, 1), np.int64), None,
        )  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, persons=st.integers(0, 200), rules=st.integers(0, 5), far=st.booleans())
def test_the_first_rule_that_speaks_gives_the_reason(seed: int, persons: int, rules: int, far: bool) -> None:
    rng = np.random.default_rng(seed)
    persons += 8192 * far  # Behind the persons whose reasons are given together.
    before = rng.integers(0, 4)
    # A slice of a longer column, as persons of a block are.
    speaks = [(rng.random(persons + before) < rng.choice([0, 0.1, 0.9, 1]))[before:] for _ in range(rules)]
    number = rng.integers(1, 256, rules).tolist()
    leave_out = int(rng.integers(0, rules + 1))
    reason, counted = rng.integers(0, 256, (2, persons)).astype(np.uint8)
    everybody = give_reasons([one.view(np.uint8) for one in speaks], number, reason, counted, leave_out=leave_out)
    expected, are_counted = reasons_given(speaks, number, persons=persons, leave_out=leave_out)
    assert (reason.tolist(), counted.tolist()) == (expected, are_counted)
    assert everybody == all(are_counted)


def test_reasons_of_other_persons_are_refused() -> None:
    reason, counted = np.zeros((2, 3), np.uint8)
    with pytest.raises(EventsRejected, match="length"):
        give_reasons([np.zeros(2, np.uint8)], [1], reason, counted, leave_out=1)
    with pytest.raises(EventsRejected, match="range"):
        give_reasons([np.zeros(3, np.uint8)], [1], reason, counted, leave_out=2)
