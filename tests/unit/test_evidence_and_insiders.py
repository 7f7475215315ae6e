"""What moves prove of blanks, and what contributors know who give to them, by hand."""

from __future__ import annotations

import dataclasses
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import linprog

from linkage_core.disclosure.cell_system import CellSystem
from linkage_core.disclosure.evidence import Demand, Evidence, Move, multiples_within, whole_numbers
from linkage_core.disclosure.insiders import Insiders, breached
from linkage_core.disclosure.magnitude_suppression import hide_from_contributors
from linkage_core.disclosure.primary_rules import Contributions
from linkage_core.disclosure.sum_witnesses import KeptMoves
from linkage_core.disclosure.suppression import suppress
from linkage_core.disclosure.thorough_pairs import further_pairs
from tests.support.small_systems import system_of


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def square(values: list[int], **fields: np.ndarray) -> CellSystem:
    """Two by two with margins: cells 0 1 2 / 3 4 5 / 6 7 8, totals last; and a remainder of cell 2 without cell 0."""
    leaves = np.array(values).reshape(2, 2)
    full = np.concatenate([leaves, leaves.sum(axis=1, keepdims=True)], axis=1)
    numbers = np.concatenate([full, full.sum(axis=0, keepdims=True)]).ravel()
    sums = [(2, (0, 1)), (5, (3, 4)), (8, (6, 7)), (6, (0, 3)), (7, (1, 4)), (8, (2, 5))]
    return system_of(numbers.tolist(), sums, [(2, (0,))], **fields)


ROUND = ints(0, 1, 3, 4), ints(1, -1, -1, 1)
"""The move of the four leaves."""


def evidence(candidates: int = 3, **fields: np.ndarray) -> Evidence:
    spans = fields.pop("spans", np.zeros(9, dtype=np.int64))
    return Evidence(square([5, 6, 7, 8], **fields), Demand(candidates, spans))


def test_a_cell_is_proved_by_as_many_values_as_are_demanded() -> None:
    found = evidence()
    assert found.unmet(np.arange(9)).all()
    found.record(*ROUND, (1,))
    assert found.unmet(np.arange(9)).all()
    found.record(*ROUND, (-1,))
    assert np.flatnonzero(~found.unmet(np.arange(9))).tolist() == [0, 1, 3, 4]
    assert evidence(candidates=1).unmet(np.arange(9)).sum() == 0


def test_the_same_value_counts_once() -> None:
    found = evidence()
    found.record(*ROUND, (1,))
    found.record(ints(0, 1, 6, 7), ints(1, -1, 1, -1), (1,))
    assert found.unmet(ints(0))[0]
    found.record(*ROUND, (2,))
    assert not found.unmet(ints(0))[0]


def test_a_value_far_off_counts_as_one_beside_those_near_by() -> None:
    found = evidence()
    found.record(*ROUND, (1, 500, -500))
    assert not found.unmet(ints(0, 1)).any()
    assert (found.high[0], found.low[0]) == (500, -500)
    far = evidence()
    far.record(*ROUND, (500, 600))  # beyond what is told apart
    assert far.unmet(ints(0, 1)).all()
    two = evidence(candidates=2)
    two.record(*ROUND, (500,))
    assert not two.unmet(ints(0, 1, 3, 4)).any()


def test_a_sensitive_cell_must_be_shown_to_reach_a_number() -> None:
    found = evidence(candidates=2, reach=ints(8, 0, 0, 0, 0, 0, 0, 0, 0))
    assert found.missing_rise(ints(0, 1)).tolist() == [3, 0]
    found.record(*ROUND, (2,))
    assert found.unmet(ints(0))[0]
    assert found.missing_rise(ints(0)).tolist() == [3]
    found.record(*ROUND, (3,))
    assert not found.unmet(ints(0))[0]
    assert found.missing_rise(ints(0)).tolist() == [0]
    # 5 is its number: nothing is missing at that.
    assert evidence(reach=ints(5, 0, 0, 0, 0, 0, 0, 0, 0)).missing_rise(ints(0)).tolist() == [0]


def test_a_remainder_must_reach_its_number_where_it_is_sensitive() -> None:
    reach = np.array([0, 0, 0, 0, 0, 0, 9])
    for sensitive, missing in ((True, 3), (False, 0)):
        flags = np.array([False] * 6 + [sensitive])
        found = evidence(remainder_sensitive=flags, remainder_reach=reach)
        assert found.missing_rise(ints(9 + 6)).tolist() == [missing]


def test_a_sum_must_be_held_possible_over_a_width() -> None:
    found = evidence(candidates=1, spans=ints(4, 5, 0, 0, 0, 0, 0, 0, 0))
    assert found.unmet(ints(0, 1, 2)).tolist() == [True, True, False]
    found.record(*ROUND, (3, -1))
    assert found.unmet(ints(0, 1)).tolist() == [False, True]


def test_forgotten_moves_prove_nothing_until_they_are_restored() -> None:
    found = evidence()
    other = ints(0, 2, 6, 8), ints(1, 1, 1, 1)
    found.record(*ROUND, (1, -1))
    found.record(*other, (2,))
    assert len(found.moves_of(0)) == 2
    gone = found.forget(ints(4))
    assert gone.names.tolist() == [0, 1, 3, 4]
    assert found.unmet(ints(0, 1, 3, 4)).all()
    # What the other move shows of cell 0 still counts.
    assert (found.high[0], found.low[0], found.high[2]) == (2, 0, 2)
    assert len(found.moves_of(0)) == 1
    assert found.moves_of(4) == []
    assert found.moves_of(5) == []
    found.restore(gone)
    assert not found.unmet(ints(0, 1, 3, 4)).any()
    assert (found.high[0], found.low[0]) == (2, -1)
    assert len(found.moves_of(0)) == 2


def test_what_does_not_move_is_no_evidence() -> None:
    found = evidence()
    found.record(ints(0, 1, 2), ints(1, -1, 0), (1, -1))
    assert found.moves_of(2) == []
    assert found.unmet(ints(2))[0]


def test_multiples_stay_above_what_a_cell_is_at_least() -> None:
    # 7 down is the most that the second may lose, two a step: three steps; the first five up or down.
    assert multiples_within(ints(1, -2), ints(-5, -7), limit=100) == [1, 2, 3, -1, -2, -3, -5]
    assert multiples_within(ints(1, -2), ints(0, -7), limit=100) == [1, 2, 3]
    assert multiples_within(ints(1, -1), ints(0, 0), limit=100) == []
    assert multiples_within(ints(1), ints(0), limit=10) == [1, 2, 3, 10]
    assert multiples_within(ints(4), ints(0), limit=10) == [1, 2]
    assert multiples_within(ints(40), ints(0), limit=10) == [1]


def test_a_point_becomes_its_smallest_step_in_whole_numbers() -> None:
    step = whole_numbers(np.array([2.0000001, -4.0, 0.0]))
    assert step is not None
    assert step.tolist() == [1, -2, 0]
    assert whole_numbers(np.array([0.2, -0.3])) is None
    assert whole_numbers(np.empty(0)) is None


def insiders(*rows: tuple[int, int, int], coalition: int = 1, p_percent: int = 10) -> Insiders:
    cell, who, amount = np.array(rows, dtype=np.int64).T
    return Insiders.of(Contributions(cell, who, amount), cells=9, p_percent=p_percent, coalition=coalition)


def test_rows_of_a_contributor_and_cell_are_added_up() -> None:
    found = insiders((3, 7, 10), (0, 8, 5), (3, 7, 20), (3, 6, 1), (0, 7, 2))
    assert found.parts(3) == {6: 1, 7: 30}
    assert found.parts(0) == {7: 2, 8: 5}
    assert found.parts(1) == {}
    assert found.everybody == {6, 7, 8}
    nobody = Insiders.of(Contributions(ints(), ints(), ints()), cells=9, p_percent=10, coalition=1)
    assert nobody.parts(0) == {}


def test_a_coalition_knows_its_parts_and_the_cells_it_is_alone_in() -> None:
    found = insiders((0, 1, 10), (0, 2, 20), (3, 1, 7), (4, 2, 9), (4, 3, 1))
    alone = found.knowledge((1,))
    assert (alone.cells.tolist(), alone.own.tolist(), alone.alone.tolist()) == ([0, 3], [10, 7], [False, True])
    both = found.knowledge((1, 2))
    assert (both.cells.tolist(), both.own.tolist()) == ([0, 3, 4], [30, 7, 9])
    assert both.alone.tolist() == [True, True, False]


def test_its_own_part_is_the_least_of_a_cell_unless_others_may_be_negative() -> None:
    system = square([30, 40, 7, 10], at_least=ints(0, 0, 0, 0, 0, 0, 12, -5, 0))
    found = insiders((0, 1, 10), (0, 2, 20), (3, 1, 7), (6, 1, 10), (6, 2, 27), (7, 1, 10), (7, 2, 40))
    least = found.knowledge((1,)).least(system)
    # Cell 3 is known; that of 6 is more than the own part; of 7, where corrections are possible, the part says nothing.
    assert least.tolist() == [10, 0, 0, 8, 0, 0, 12, -5, 0]
    assert system.at_least.tolist() == [0, 0, 0, 0, 0, 0, 12, -5, 0]


def test_how_far_up_a_sum_must_be_possible_is_by_its_largest_other_contributor() -> None:
    found = insiders((0, 1, 1))
    # Of 1000, 30 and 20 a reader must be off by 100: 50 are the others', 50 are missing. Hundredths are rounded up.
    sizes = {1: 1000, 2: 30, 3: 20}
    assert found.needed(sizes, ()) == 50
    assert found.needed(sizes, (2,)) == 80
    assert found.needed(sizes, (2, 3)) == 100
    assert found.needed(sizes, (1,)) == 3 - 20
    assert found.needed({1: 1001}, ()) == 101
    assert found.needed({1: 1001}, (1,)) == 0
    assert found.needed({}, ()) == 0


def test_who_is_asked_against_a_sum_is_everybody_in_a_blank_if_a_reader_would_come_too_close() -> None:
    found = insiders((0, 1, 1000), (0, 2, 30), (0, 3, 20), (3, 4, 5), (4, 4, 5), (4, 5, 5))
    blank = np.isin(np.arange(9), [0, 3])
    assert found.of_blanks(blank) == ([1, 2, 3, 4], [4])
    # 4 gives nothing to the cell and must be kept from it as any reader must; 1 would look for 2 with 20 left over.
    assert found.against(0, [1, 2, 3, 4], [4]) == {(2,): 80, (3,): 70, (4,): 50}
    assert found.wanted(blank, ints(0)) == {(2,): {0: 80}, (3,): {0: 70}, (4,): {0: 50}}


def test_where_a_reader_is_kept_off_anyway_only_contributors_to_it_are_asked() -> None:
    found = insiders((0, 1, 100), (0, 2, 100), (0, 3, 100), (3, 4, 5))
    assert found.against(0, [1, 2, 3, 4], [4]) == {}
    two = insiders((0, 1, 100), (0, 2, 100), (0, 3, 5), (3, 4, 5))
    assert two.against(0, [1, 2, 3, 4], [4]) == {(1,): 5, (2,): 5}
    # Room of one unit is room.
    assert insiders((0, 1, 10), (0, 2, 100)).against(0, [1, 2], []) == {(1,): 10, (2,): 1}


def test_two_pool_what_they_know_if_the_policy_reckons_with_it() -> None:
    rows = ((0, 1, 100), (0, 2, 100), (0, 3, 100), (3, 4, 5))
    assert insiders(*rows, coalition=2).against(0, [1, 2, 3, 4], [4]) == {(1, 2): 10, (1, 3): 10, (2, 3): 10}
    many = insiders(*((0, who, 1000 - who) for who in range(8)), coalition=2, p_percent=700)
    pairs = {one for one in many.against(0, list(range(8)), [7]) if len(one) == 2}
    # The five largest, and who is alone in a blank.
    assert pairs == {(a, b) for a in (0, 1, 2, 3, 4, 7) for b in (0, 1, 2, 3, 4, 7) if a < b}


@pytest.mark.parametrize(("knows", "comes_close"), [(False, False), (True, True)])
def test_who_is_alone_in_a_blank_comes_close_where_that_blank_was_needed(knows: bool, comes_close: bool) -> None:
    # Four blanks move against each other. If 9 alone makes up cell 1, nothing moves for it any more.
    system = square([1000, 1000, 1000, 1000])
    others = [(cell, who, 500) for cell in (3, 4) for who in (5, 6)]
    rows = [(0, 1, 900), (0, 2, 100), *others, *([(1, 9, 1000)] if knows else [(1, 9, 500), (1, 8, 500)])]
    found = insiders(*rows)
    blank = np.isin(np.arange(9), [0, 1, 3, 4])
    problems = list(breached(system, blank, {(9,): {0: 80}}, found, KeptMoves()))
    assert bool(problems) is comes_close
    for problem in problems:
        assert np.flatnonzero(problem.sensitive).tolist() == [0]
        assert problem.reach[0] == 1080
        assert problem.at_least[1] == 1001
        assert not problem.printed[0]
        assert problem.printed[1]


def highest(system: CellSystem, blank: np.ndarray, target: int) -> float:
    """How large a reader may take a cell to be at most, who knows that nothing is negative."""
    rows = np.zeros((system.remainder.size, system.values.size))
    np.add.at(rows, (np.repeat(np.arange(rows.shape[0]), np.diff(system.starts)), system.members), system.signs)
    exact = ~system.implied
    bounds = [(0, None) if open_ else (value, value) for open_, value in zip(blank, system.values, strict=True)]
    cost = -(np.arange(system.values.size) == target).astype(float)
    least = {"A_ub": -rows[~exact], "b_ub": np.zeros(int((~exact).sum()))}
    done = linprog(cost, A_eq=rows[exact], b_eq=np.zeros(int(exact.sum())), bounds=bounds, **least)
    return np.inf if done.status == 3 else float(-done.fun)


@pytest.mark.parametrize("values", [[1000, 800, 900, 700], [500, 4000, 300, 60], [20, 30, 5000, 4000]])
def test_two_companies_that_know_their_own_sums_do_not_come_close_to_the_other_ones(values: list[int]) -> None:
    system = square(values, sensitive=np.arange(9) < 2)
    own = Contributions(ints(0, 1), ints(1, 2), system.values[:2])
    demand = Demand(1, np.where(np.arange(9) < 2, system.values // 10, 1))
    plain = suppress(system, demand, furthest=20_000)
    pattern = hide_from_contributors(system, demand, own, percent=10, furthest=20_000)
    assert pattern.blank.sum() > plain.blank.sum()
    for company, other in ((0, 1), (1, 0)):
        known = pattern.blank & (np.arange(9) != company)
        assert highest(system, known, other) >= 1.1 * system.values[other]
    # Sums that are no secret are kept from nobody.
    told = dataclasses.replace(system, sensitive=np.arange(9) == 3)
    assert (
        hide_from_contributors(told, demand, own, percent=10, furthest=20_000).blank
        == suppress(told, demand, furthest=20_000).blank
    ).all()


def times(move: Move, reach: int) -> int:
    """The multiple of a move that raises cell 0 so far; 0 where none does."""
    step = int(move.step[move.names == 0][0])
    wanted = -(-reach // abs(step)) * (1 if step > 0 else -1)
    return wanted if move.factors[0] <= wanted <= move.factors[-1] else 0


def leaves(move: Move, reach: int, pair: tuple[int, ...], system: CellSystem, found: Insiders) -> bool:
    """Whether two who pool what they know must hold a move possible that raises cell 0 so far."""
    factor = times(move, reach)
    for cell, change in zip(move.names.tolist(), (factor * move.step).tolist(), strict=True):
        own = found.parts(cell)
        known = sum(own.get(who, 0) for who in pair)
        if not own.keys() - set(pair) or (change < 0 and system.values[cell] + change < known):
            return False
    return factor != 0


def random_moves(random: np.random.Generator, system: CellSystem) -> KeptMoves:
    """Two moves of cell 0 and another, with all multiples that leave no cell below 0."""
    kept = KeptMoves()
    for other in random.choice([1, 3, 4], 2, replace=False).tolist():
        step = random.choice([-1, 1], 2)
        values = system.values[[0, other]]
        lowest = max((-int(value) for value, one in zip(values, step, strict=True) if one > 0), default=-5000)
        highest = min((int(value) for value, one in zip(values, step, strict=True) if one < 0), default=5000)
        kept.keep(Move(ints(0, other), step, (lowest, highest)), 0)
    return kept


def test_the_pair_that_rules_out_all_moves_of_a_sum_is_found_among_few() -> None:
    outcomes = {True: 0, False: 0}
    for seed in range(250):
        random = np.random.default_rng(seed)
        rows = [
            (cell, int(who), int(10 ** random.uniform(1, 3)))
            for cell in (0, 1, 3, 4)
            for who in random.choice(8, int(random.integers(1, 5)), replace=False)
        ]
        found = insiders(*rows, coalition=2, p_percent=20)
        system = square([sum(found.parts(cell).values()) for cell in (0, 1, 3, 4)])
        kept = random_moves(random, system)
        sizes, pairs = found.parts(0), list(combinations(sorted(found.everybody), 2))
        rooms = {pair: room for pair in pairs if (room := found.needed(sizes, pair)) > 0}
        # What goes far enough against those who must be kept furthest is among the moves.
        if not rooms or not any(times(move, max(rooms.values())) for move in kept.moves_of(0)):
            continue
        against = {
            pair
            for pair, room in rooms.items()
            if not any(leaves(move, room, pair, system, found) for move in kept.moves_of(0))
        }
        told = further_pairs(system, ints(0), found, kept)
        outcomes[bool(against)] += 1
        assert bool(told) == bool(against), seed
        for pair, asked in told.items():
            assert pair in against
            assert asked == {0: rooms[pair]}
    assert min(outcomes.values()) > 10


def test_pairs_are_asked_only_where_the_policy_reckons_with_them() -> None:
    found = insiders((0, 1, 900), (0, 2, 50), (0, 3, 50), (1, 4, 1000))
    kept = KeptMoves()
    kept.keep(Move(ints(0, 1), ints(1, -1), (-500, 500)), 0)
    system = square([1000, 1000, 10, 10])
    assert further_pairs(system, ints(0), found, kept) == {}
    two = dataclasses.replace(found, coalition=2, p_percent=20)
    assert list(further_pairs(system, ints(0), two, kept))
    assert further_pairs(system, ints(), two, kept) == {}
