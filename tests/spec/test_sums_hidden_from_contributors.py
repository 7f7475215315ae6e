"""Two sums that two companies are alone in do not hide each other: either takes its own away and knows the other's.

Tables are small enough to be checked by hand. A column has firms of its own; all of them give to the row below, too.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage_core.disclosure.cell_system import Flags
from linkage_core.disclosure.lattice import Axis, lattice_totals
from linkage_core.disclosure.lattice_sums import SumMoves, givers_of, hide_sums_in_lattice
from linkage_core.disclosure.primary_rules import Contributions, mark_sums, profile
from linkage_core.release_history import Axis as PublishedAxis
from linkage_core.release_history import PublishedCells
from linkage_core.release_history.as_system import as_system
from tests.reference.sum_boxes import leaves_room

STANDARD = shipped_policies()["standard@1.0.0"]
TEN = {"p_percent": 10, "minimum_contributors": 2, "sum_width_percent": 1}


def hidden(gifts: list[list[dict[int, int]]], policy: DisclosurePolicy) -> tuple[Flags, SumMoves]:
    """Blanks of a table of rows and columns, with the totals last, and the moves that prove them."""
    rows, columns = len(gifts), len(gifts[0])
    axes = [Axis((*((i,) for i in range(n)), tuple(range(n))), n) for n in (rows, columns)]
    shape = (rows + 1, columns + 1)
    published = PublishedCells(
        tuple(PublishedAxis(axis.below, axis.leaves, ((axis.leaves, axis.below[-1]),)) for axis in axes)
    )
    given = [
        (r * shape[1] + c, who, amount)
        for i in range(rows)
        for j in range(columns)
        for who, amount in gifts[i][j].items()
        for r in (i, rows)
        for c in (j, columns)
    ]
    rows_of = Contributions(*(np.array(one, dtype=np.int64) for one in zip(*given, strict=True)))
    sums = lattice_totals(np.array([[sum(own.values()) for own in row] for row in gifts]), axes)
    marked = mark_sums(profile(rows_of, cells=sums.size), policy)
    values = sums.ravel()
    system = as_system(
        published,
        values=values,
        sensitive=marked.sensitive,
        at_least=np.zeros(values.size, dtype=np.int64),
        reach=values + marked.upper,
    )
    spans = np.maximum(values * policy.sum_width_percent // 100, 1)
    found, moves = hide_sums_in_lattice(
        system, shape, axes, upper=marked.upper, spans=spans, given=rows_of, policy=policy
    )
    return found.pattern.suppressed.reshape(shape), moves


def many(first: int, amount: int = 10) -> dict[int, int]:
    return dict.fromkeys(range(first, first + 10), amount)


ALONE_IN_TWO = [[{0: 100}, {1: 100}, many(10), many(20)], [many(30), many(40), many(50), many(60)]]


@pytest.mark.parametrize("coalition", [1, 2])
def test_a_third_blank_goes_where_two_companies_are_alone(coalition: int) -> None:
    policy = STANDARD.model_copy(update={**TEN, "coalition": coalition})
    blank, moves = hidden(ALONE_IN_TWO, policy)
    assert blank[0, :2].all()
    assert blank[0].sum() >= 3
    assert blank[:, 0].sum() >= 2
    assert set(moves.target[moves.reaches].tolist()) == {0, 1}


def test_without_p_percent_two_blanks_in_a_line_are_enough() -> None:
    policy = STANDARD.model_copy(update={"p_percent": 0, "minimum_contributors": 2, "sum_width_percent": 1})
    blank, _ = hidden(ALONE_IN_TWO, policy)
    assert blank.tolist() == [[True, True, False, False, False], [True, True, False, False, False], [False] * 5]


def test_two_who_pool_what_they_know_leave_a_third_unknown() -> None:
    gifts = [[{0: 100}, {1: 100}, {2: 100}, many(10), many(20)], [many(30 + 10 * i) for i in range(5)]]
    one, _ = hidden(gifts, STANDARD.model_copy(update={**TEN, "coalition": 1}))
    two, _ = hidden(gifts, STANDARD.model_copy(update={**TEN, "coalition": 2}))
    # Of three, one knows its own and leaves two; two know theirs and leave one, which needs a fourth beside it.
    assert one[0].tolist() == [True, True, True, False, False, False]
    assert two[0].sum() >= 4


def test_a_company_that_is_alone_in_both_blanks_knows_nothing_of_others_by_them() -> None:
    gifts = [[{0: 100}, {0: 100}, many(10), many(20)], [many(30), many(40), many(50), many(60)]]
    blank, _ = hidden(gifts, STANDARD.model_copy(update={**TEN, "coalition": 1}))
    # Their sum is its own as well: a printed total less printed parts would give 200 away.
    assert blank[0].sum() >= 3


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("coalition", [1, 2])
def test_for_every_coalition_one_of_the_moves_holds_the_largest_other_possible_by_ten_per_cent_more(
    seed: int, coalition: int
) -> None:
    random = np.random.default_rng(seed)

    def gifts_of_cell() -> dict[int, int]:
        firms = random.choice(12, int(random.integers(1, 3) if random.random() < 0.4 else 8), replace=False).tolist()
        return {who: int(random.integers(20, 200)) for who in firms}

    gifts = [[gifts_of_cell() for _ in range(5)] for _ in range(4)]
    blank, moves = hidden(gifts, STANDARD.model_copy(update={**TEN, "coalition": coalition}))
    whole: dict[int, dict[int, int]] = {cell: {} for cell in range(5 * 6)}
    for row, column in np.ndindex(4, 5):
        for cell in (row * 6 + column, row * 6 + 5, 24 + column, 29):
            for who, amount in gifts[row][column].items():
                whole[cell][who] = whole[cell].get(who, 0) + amount
    room = [sum(own.values()) for own in whole.values()]
    checked = 0
    for target in np.flatnonzero(blank.ravel()).tolist():
        own = [
            dict(zip(moves.cells[a:b].tolist(), moves.signs[a:b].tolist(), strict=True))
            for a, b, cell in zip(moves.starts[:-1], moves.starts[1:], moves.target, strict=True)
            if cell == target
        ]
        for size in range(coalition + 1):
            for together in combinations(range(12), size):
                left = [amount for who, amount in whole[target].items() if who not in together]
                needed = -(-max(left, default=0) // 10) - (sum(left) - max(left, default=0))
                if needed > 0:
                    assert any(leaves_room(box, together, needed, room=room, given=whole) for box in own)
                    checked += 1
    assert checked > 20


@pytest.mark.parametrize("p_percent", [0, 10])
@pytest.mark.parametrize("seed", range(6))
def test_every_hidden_sum_has_moves_that_show_its_width_and_how_far_up_it_may_be(seed: int, p_percent: int) -> None:
    random = np.random.default_rng(100 + seed)

    def gifts_of_cell() -> dict[int, int]:
        firms = random.choice(12, int(random.integers(1, 3) if random.random() < 0.4 else 8), replace=False).tolist()
        return {who: int(random.integers(20, 200)) for who in firms}

    gifts = [[gifts_of_cell() for _ in range(4)] for _ in range(3)]
    policy = STANDARD.model_copy(
        update={"p_percent": p_percent, "minimum_contributors": 3, "sum_width_percent": 20, "coalition": 1}
    )
    blank, moves = hidden(gifts, policy)
    sums = np.array([[sum(own.values()) for own in row] for row in gifts])
    sums = np.vstack([np.column_stack([sums, sums.sum(1)]), [*sums.sum(0), sums.sum()]]).ravel()
    shown = np.zeros(sums.size, dtype=np.int64)
    assert moves.starts[-1] == moves.cells.size == moves.signs.size
    for number, (start, end) in enumerate(zip(moves.starts[:-1].tolist(), moves.starts[1:].tolist(), strict=True)):
        cells, signs = moves.cells[start:end], moves.signs[start:end]
        assert blank.ravel()[cells].all(), "an open cell moves"
        change = np.zeros(sums.size, dtype=np.int64)
        change[cells] = signs
        cube = change.reshape(4, 5)
        assert np.array_equal(cube[:, -1], cube[:, :-1].sum(1)), "a total is not the sum of its row"
        assert np.array_equal(cube[-1], cube[:-1].sum(0)), "a total is not the sum of its column"
        assert (sums[cells[signs < 0]] >= moves.rise[number]).all(), "a sum falls below nothing"
        assert (sums[cells[signs > 0]] >= moves.fall[number]).all(), "a sum falls below nothing"
        assert cube.ravel()[moves.target[number]] == 1
        shown[cells] = np.maximum(shown[cells], moves.rise[number] + moves.fall[number])
    widths = np.maximum(sums // 5, 1)  # 20 per cent
    assert (shown >= widths)[blank.ravel()].all()
    # A contributor of two has to leave the other ten per cent; a reader as much of the largest.
    cells = [*(gifts[row][column] for row, column in np.ndindex(3, 4))]
    for (row, column), own in zip(np.ndindex(3, 4), cells, strict=True):
        if len(own) < 3:
            assert blank[row, column]
            target = row * 5 + column
            risen = moves.rise[(moves.target == target) & moves.reaches]
            largest, *others = sorted(own.values(), reverse=True)
            needed = -(-p_percent * largest // 100) - sum(others)
            assert needed <= 0 or risen.max() >= needed


def test_what_coalitions_know_of_a_sum_is_by_its_largest_contributors() -> None:
    """Of 100, 30, 20, 10, 5 and 1: one knows 10 % of 100 less all but the next one; of two cells it is one of two."""
    rows = [(0, who, amount) for who, amount in enumerate([5, 100, 30, 1, -20, 10])]
    rows += [(1, 7, 50), (1, 8, 4), (2, 9, 40), (2, 9, 2), (4, 3, 1)]
    given = Contributions(*(np.array(one, dtype=np.int64) for one in zip(*rows, strict=True)))
    any_sign = np.array([False, False, False, False, True])
    found = givers_of(given, any_sign=any_sign, policy=STANDARD.model_copy(update={**TEN, "coalition": 1}))
    assert found.number.tolist() == [6, 2, 1, 0, 1]
    assert found.who.T.tolist() == [[1, 2, 4, 5], [7, 8, -3, -3], [9, -3, -3, -3], [-3] * 4, [3, -3, -3, -3]]
    assert found.own.T.tolist() == [[100, 30, 20, 10, 5], [50, 4, 0, 0, 0], [42, 0, 0, 0, 0], [0] * 5, [0] * 5]
    # 10 less 36 is nothing; 5 of 50 and 5 of 42 (rounded up), and 1 of 1, which nobody else gives to.
    assert found.needed.tolist() == [0, 5, 5, 0, 1]
    assert [found.holders(cell) for cell in range(5)] == [[1, 2], [7, 8], [9], [], [3]]
    two = givers_of(given, any_sign=any_sign, policy=STANDARD.model_copy(update={**TEN, "coalition": 2}))
    assert [two.holders(cell) for cell in range(5)] == [[1, 2, 4], [7, 8], [9], [], [3]]
    sixty = STANDARD.model_copy(update={**TEN, "p_percent": 60, "coalition": 2})
    assert givers_of(given, any_sign=any_sign, policy=sixty).needed.tolist() == [44, 30, 26, 0, 1]
