"""Sums of printed cells by which few people moved, and the cell that goes for each: against one relation at a time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from linkage_core.disclosure.cell_system import CellSystem
from linkage_core.release_history import Axis, PublishedCells
from linkage_core.release_history.as_system import as_system
from linkage_core.release_history.movement import Difference
from linkage_core.release_history.unions import Known, thin_unions

A, B, C, ALL = range(4)
REGIONS = PublishedCells((Axis(((A,), (B,), (C,), (A, B, C)), 3, ((ALL, (A, B, C)),)),))
SEX = Axis(((0,), (1,), (0, 1)), 2, ((2, (0, 1)),))
COUNTY = Axis(((0,), (1,), (2,), (1, 2), (0, 1, 2)), 3, ((3, (1, 2)), (4, (0, 3))))
ENOUGH = 4


def system_of(cells: PublishedCells, values: list[int]) -> CellSystem:
    numbers = np.array(values, dtype=np.int64)
    none = np.zeros(numbers.size, dtype=np.int64)
    return as_system(cells, values=numbers, sensitive=none > 0, at_least=none, reach=none)


def joined(cells: PublishedCells, *leaves: int) -> Difference:
    """One person each joined these leaf cells."""
    return Difference(np.arange(len(leaves)), np.array(leaves, dtype=np.int64), np.ones(len(leaves), dtype=np.int64))


def kept_back(*leaves: int, hidden: list[int], known: list[int]) -> list[int]:
    """Further cells of the three regions, with these joiners, hidden cells and cells known before."""
    system = system_of(REGIONS, [100, 50, 40, 190])
    current = np.isin(np.arange(4), known)
    before = [Known(current, joined(REGIONS, *leaves).incidence(REGIONS))]
    return np.flatnonzero(
        thin_unions(system, hidden=np.isin(np.arange(4), hidden), known=before, enough=ENOUGH)
    ).tolist()


def test_the_smallest_part_in_which_enough_moved_goes_with_the_few() -> None:
    assert kept_back(A, *[B] * 4, *[C] * 5, hidden=[A], known=[A, B, C, ALL]) == [C]
    assert kept_back(A, *[B] * 4, C, hidden=[A], known=[A, B, C, ALL]) == [B]


def test_the_whole_goes_where_in_no_part_enough_moved() -> None:
    assert kept_back(A, B, hidden=[A], known=[A, B, C, ALL]) == [ALL]


def test_nobody_and_enough_tell_nothing() -> None:
    assert kept_back(*[B] * 9, hidden=[A], known=[A, B, C, ALL]) == []
    assert kept_back(*[A] * 4, hidden=[A], known=[A, B, C, ALL]) == []
    assert kept_back(*[A] * 3, hidden=[A], known=[A, B, C, ALL]) == [ALL]


def test_a_sum_that_nobody_knew_before_tells_nothing() -> None:
    assert kept_back(A, hidden=[A], known=[A, ALL]) == [ALL]
    assert kept_back(A, *[C] * 4, hidden=[A], known=[B, ALL]) == []


def test_printed_parts_are_a_sum_of_their_own_where_the_whole_is_hidden() -> None:
    # A and B are known of both days, C and the whole of today's are not.
    assert kept_back(A, *[C] * 9, hidden=[C, ALL], known=[A, B]) == [B]


def test_what_is_left_beside_the_cells_known_of_both_days_tells_of_few() -> None:
    # A is told today and was not then, C the other way round: the whole less B is A and C on both days.
    assert kept_back(*[A] * 2, C, *[B] * 4, hidden=[C], known=[B, ALL]) == [B]
    assert kept_back(*[A] * 2, *[C] * 2, *[B] * 4, hidden=[C], known=[B, ALL]) == []


def test_what_was_hidden_then_and_is_told_today_is_known_of_both_days() -> None:
    # A and B were the whole less C, and are told one by one.
    assert kept_back(A, B, *[C] * 4, hidden=[C, ALL], known=[C, ALL]) == [B]


@pytest.mark.parametrize("seed", range(150))
def test_as_one_relation_at_a_time_says(seed: int) -> None:
    random = np.random.default_rng(seed)
    cells = PublishedCells((COUNTY, SEX))
    leaves = random.integers(0, 30, (3, 2))
    values = [int(leaves[np.ix_(here, there)].sum()) for here in COUNTY.below for there in SEX.below]
    system = system_of(cells, values)
    system = replace(system, implied=random.random(system.implied.size) < 0.2)
    hidden = random.random(cells.size) < 0.3
    known = []
    for _ in range(2):
        rows = int(random.integers(0, 14))
        moves = random.choice(3 * 2 * 7, rows, replace=False)
        leaf, person = np.divmod(moves, 7)
        difference = Difference(person, leaf, random.choice([-1, 1], rows))
        known.append(Known(random.random(cells.size) < 0.8, difference.incidence(cells)))
    found = thin_unions(system, hidden=hidden, known=known, enough=ENOUGH)
    assert set(np.flatnonzero(found).tolist()) == expected(system, hidden.tolist(), known)


def expected(system: CellSystem, hidden: list[bool], known: list[Known]) -> set[int]:
    """The rule, relation by relation and person by person."""
    found = set()
    for number, start in enumerate(system.starts[:-1].tolist()):
        members = system.members[start : int(system.starts[number + 1])].tolist()
        told = {cell for cell in members if not hidden[cell]}
        for one in known:
            was = {cell for cell in members if one.current[cell]}
            for terms in sums_of_both_days(members, told, was, implied=bool(system.implied[number])):
                if 0 < people_moved(terms, members[0], one) < ENOUGH:
                    found.add(min(terms, key=lambda cell: rank(cell, members[0], one, system)))
    return found


def sums_of_both_days(members: list[int], told: set[int], was: set[int], *, implied: bool) -> list[set[int]]:
    """Terms of the sums of one relation that are known today and were known then."""
    sums = []
    if implied or told & was != set(members):
        sums.append(told & was)
    if not implied and told | was == set(members):
        if told != set(members):
            sums.append(told)
        if members[0] in was:
            sums.append(told - was)
    return sums


def people_moved(terms: set[int], whole: int, one: Known) -> int:
    """Different people by whom the sum of some terms differs, parts taken from the whole if it is one of them."""
    net: dict[int, int] = defaultdict(int)
    for cell, person, change in zip(one.people.cell, one.people.person, one.people.change, strict=True):
        if int(cell) in terms:
            net[int(person)] += int(change) if cell == whole else -int(change)
    return sum(bool(change) for change in net.values())


def rank(cell: int, whole: int, one: Known, system: CellSystem) -> tuple[int, int, int]:
    """The cells that go first."""
    enough = int(np.count_nonzero(one.people.cell == cell)) >= ENOUGH
    return 1 if cell == whole else 0 if enough else 2, int(system.values[cell]), cell
