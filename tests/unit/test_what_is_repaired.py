"""Blanks that resist proof: what they are asked to change by, how far around, and what is blanked for it. By hand."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from linkage.errors import DisclosureRefused
from linkage_core.disclosure import suppression
from linkage_core.disclosure.boxes import BoxMoves, Grid
from linkage_core.disclosure.cell_system import CellSystem
from linkage_core.disclosure.components import components
from linkage_core.disclosure.evidence import Demand, Evidence
from linkage_core.disclosure.repair import Repair
from linkage_core.disclosure.suppression import suppress, suppress_with_proof
from tests.support.small_systems import amounts, flags, system_of

Asked = list[tuple[str, int, int, int]]


class Never:
    """Stands in for `Repair`, and finds nothing."""

    asked: ClassVar[Asked] = []

    def __init__(self, system: CellSystem, evidence: Evidence, *, furthest: int) -> None:
        assert furthest == 40

    def partners(self, target: int, change: int, blank: np.ndarray, *, hops: int) -> np.ndarray:
        self.asked.append(("partners", target, change, hops))
        return np.empty(0, dtype=np.int64)

    def whole_relations(self, target: int, blank: np.ndarray, *, hops: int) -> np.ndarray:
        self.asked.append(("whole", target, 0, hops))
        return np.empty(0, dtype=np.int64)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    monkeypatch.setattr(Never, "asked", [])
    monkeypatch.setattr(suppression, "Repair", Never)
    return Never.asked


def pair(first: int, **fields: np.ndarray) -> CellSystem:
    """A cell, one of 20, and their total; the first is sensitive."""
    own = {"sensitive": flags(3, 0), "at_least": amounts(3, {0: 1, 1: 1, 2: 1})} | fields
    return system_of([first, 20, first + 20], [(2, (0, 1))], **own)


def refused(system: CellSystem, *, candidates: int = 3, spans: dict[int, int] | None = None) -> None:
    with pytest.raises(DisclosureRefused, match="No way was found to hide the small cells"):
        suppress(system, Demand(candidates, amounts(system.values.size, spans or {})), furthest=40)


def test_three_attempts_go_twice_as_far_each_time_then_whole_relations_are_blanked(asked: Asked) -> None:
    refused(pair(3, reach=amounts(3, {0: 5})))
    changes = (2, -1, 1)
    assert asked[:9] == [("partners", 0, change, hops) for hops in (2, 4, 6) for change in changes]
    assert asked[9:] == [("whole", 0, 0, hops) for hops in range(1, 58)]


def test_a_cell_that_cannot_fall_is_asked_to_rise_twice(asked: Asked) -> None:
    refused(pair(1))
    assert asked[:2] == [("partners", 0, 2, 2), ("partners", 0, 1, 2)]


def test_a_sum_is_asked_to_change_by_its_width(asked: Asked) -> None:
    refused(pair(9), candidates=1, spans={0: 7})
    assert asked[0] == ("partners", 0, 7, 2)
    assert asked[1] == ("partners", 0, 7, 4)


def test_a_remainder_is_known_to_be_none_or_more(asked: Asked) -> None:
    """Cell 1 is within cell 0, and how many are not in it is hidden, whatever cells are known to be at least."""
    for rest, changes in ((2, (-1, 1)), (0, (2, 1))):
        asked.clear()
        system = system_of(
            [20 + rest, 20], [], [(0, (1,))], remainder_sensitive=flags(1, 0), at_least=amounts(2, {0: 9, 1: 9})
        )
        refused(system)
        assert asked[:2] == [("partners", 2, change, 2) for change in changes]


def test_what_is_blanked_as_a_last_resort_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(Never):
        def whole_relations(self, target: int, blank: np.ndarray, *, hops: int) -> np.ndarray:
            return np.array([1] if hops == 2 else [], dtype=np.int64)

    monkeypatch.setattr(suppression, "Repair", Late)
    pattern = suppress(pair(3, reach=amounts(3, {0: 5})), Demand(3, amounts(3, {})), furthest=40)
    assert (pattern.rounds, pattern.widened, pattern.opened) == (6, 2, 0)
    assert np.flatnonzero(pattern.blank).tolist() == [0, 1]


def test_a_cover_is_proved_before_anything_else_is_blanked(asked: Asked) -> None:
    """With cell 1 under it from the beginning nothing has to be repaired, and with the total too it is opened."""
    system = pair(3, reach=amounts(3, {0: 5}))
    for cover, opened in (((1,), 0), ((1, 2), 1)):
        pattern, _ = suppress_with_proof(system, Demand(3, amounts(3, {})), furthest=40, cover=flags(3, *cover))
        assert (pattern.rounds, pattern.opened, np.count_nonzero(pattern.blank)) == (1, opened, 2)
    assert asked == []


def evidence_of(system: CellSystem, candidates: int = 3) -> Evidence:
    return Evidence(system, Demand(candidates, amounts(system.values.size, {})))


def test_partners_are_those_that_cost_least_and_no_blank_among_them() -> None:
    """Cell 0 rises by 2 if another falls; cell 3 is dearest, 2 cheaper than 1, and what is blank costs nothing."""
    system = system_of([3, 20, 20, 20, 63], [(4, (0, 1, 2, 3))], own_prices=np.array([1.0, 5, 4, 9, 99]))
    for blank, found in (((0,), [2]), ((0, 3), [])):
        evidence = evidence_of(system)
        partners = Repair(system, evidence, furthest=40).partners(0, 2, flags(5, *blank), hops=2)
        assert partners.tolist() == found
        (move,) = evidence.moves_of(0)
        assert dict(zip(move.names.tolist(), move.step.tolist(), strict=True)) == {0: 2, (found or [3])[0]: -2}
        assert move.factors == (1,)
    # Cell 2 falls by 20 alone, but not where 1 is its least, nor where no cell is moved by more than 19.
    sums, price = [(4, (0, 1, 2, 3))], system.own_prices
    known = system_of([3, 20, 20, 20, 63], sums, own_prices=price, at_least=amounts(5, {2: 1}))
    for own, furthest, found in ((system, 40, [2]), (known, 40, [1, 2]), (system, 19, [1, 2])):
        assert Repair(own, evidence_of(own), furthest=furthest).partners(0, 20, flags(5, 0), hops=2).tolist() == found


def test_a_change_that_does_not_fit_has_no_partners() -> None:
    """A cell that is less than what is known of it is known itself."""
    for least, partners in ((20, [2]), (21, [])):
        system = system_of([3, 20, 23], [(2, (0, 1))], at_least=amounts(3, {1: least + 1, 2: least + 3}))
        evidence = evidence_of(system)
        assert Repair(system, evidence, furthest=40).partners(0, 1, flags(3, 0), hops=2).tolist() == partners
        assert len(evidence.moves_of(0)) == len(partners)


def test_all_that_is_printed_around_a_target_is_blanked_at_last() -> None:
    system = system_of([3, 20, 23, 7, 30], [(2, (0, 1)), (4, (2, 3))], printed=~flags(5, 1))
    repair = Repair(system, evidence_of(system), furthest=40)
    assert repair.whole_relations(0, flags(5, 0), hops=1).tolist() == [0, 2]
    assert repair.whole_relations(0, flags(5, 0), hops=2).tolist() == [0, 2, 3, 4]


def test_groups_of_blanks_are_told_with_their_relations() -> None:
    """Two rows: 0 and 1 hang together, and so do 3 and 4; cell 6 stands alone, and its group has no relation."""
    system = system_of([5, 5, 10, 6, 6, 12, 8], [(2, (0, 1)), (5, (3, 4))])
    blank = flags(7, 0, 1, 3, 4, 6)

    def told(*targets: int) -> list[tuple[list[int], list[int], list[list[float]]]]:
        found = components(system, blank, np.array(targets))
        return [(cells.tolist(), rows.tolist(), matrix.toarray().tolist()) for cells, rows, matrix in found]

    first, second = ([0, 1], [0], [[-1, -1]]), ([3, 4], [1], [[-1, -1]])
    assert told(0) == [first]
    assert told(4) == told(7 + 1) == [second]
    assert sorted(told(0, 1, 3)) == [first, second]
    assert [(cells, rows) for cells, rows, _ in told(6)] == [([6], [])]
    # A relation without blanks has nothing that could move.
    assert list(components(system, flags(7, 0), np.array([7 + 1]))) == []


def two_by_two(values: list[int], **fields: np.ndarray) -> tuple[CellSystem, Grid]:
    """With totals, 3 by 3: cells 0 1 2 / 3 4 5 / 6 7 8."""
    cells = np.arange(9).reshape(3, 3)
    leaves = np.array(values).reshape(2, 2)
    rows = np.concatenate([leaves, leaves.sum(axis=1, keepdims=True)], axis=1)
    numbers = np.concatenate([rows, rows.sum(axis=0, keepdims=True)]).ravel()
    sums = [(own[-1], tuple(own[:-1])) for own in (*cells.tolist(), *cells.T.tolist())]
    own = {"sensitive": flags(9, 0), "reach": amounts(9, {0: 5}), "at_least": amounts(9, dict.fromkeys(range(9), 1))}
    return system_of(numbers.tolist(), sums, **(own | fields)), Grid(cells, (False, False))


@pytest.mark.parametrize(
    ("values", "factors"),
    [
        # The box of the four leaves rises as far as 1 and 3 fall, and falls as far as 0 and 4 do.
        ((3, 20, 9, 30), (-2, -1, 1, 2, 3, 8)),
        ((1, 20, 30, 30), (1, 2, 3, 19)),
        ((4, 3, 30, 30), (-3, -2, -1, 1, 2)),
        ((4, 6, 30, 90), (-3, -2, -1, 1, 2, 3, 5)),
        ((3, 20, 99, 99), (-2, -1, 1, 2, 3, 15)),
    ],
)
def test_a_box_has_multiples_near_by_and_at_both_ends(values: tuple[int, ...], factors: tuple[int, ...]) -> None:
    prices = np.array([1.0, 1, 9, 1, 1, 9, 9, 9, 9])
    furthest = 15 if factors[-1] == 15 else 40
    system, grid = two_by_two(list(values), own_prices=prices)
    evidence = evidence_of(system)
    blank = flags(9, 0)
    BoxMoves(system, [grid], evidence, furthest=furthest).hide(np.array([0]), blank)
    assert np.flatnonzero(blank).tolist() == [0, 1, 3, 4]
    (move,) = evidence.moves_of(0)
    assert dict(zip(move.names.tolist(), move.step.tolist(), strict=True)) == {0: 1, 1: -1, 3: -1, 4: 1}
    assert move.factors == factors


def test_a_box_with_a_total_moves_all_one_way() -> None:
    """Cell 1 may not move, so that 0 moves with its row's total: down the column one falls, the others follow."""
    system, grid = two_by_two([3, 20, 9, 30], at_least=amounts(9, {0: 1, 1: 21, 2: 1, 3: 1, 4: 1, 5: 1}))
    evidence = evidence_of(system)
    blank = flags(9, 0)
    BoxMoves(system, [grid], evidence, furthest=40).hide(np.array([0]), blank)
    (move,) = evidence.moves_of(0)
    assert dict(zip(move.names.tolist(), move.step.tolist(), strict=True)) == {0: 1, 2: 1, 3: -1, 5: -1}
    assert move.factors == (-2, -1, 1, 2, 3, 8)
    assert np.flatnonzero(blank).tolist() == [0, 2, 3, 5]


@pytest.mark.parametrize(("first", "candidates", "found"), [(3, 3, True), (2, 3, False), (2, 2, True), (2, 4, False)])
def test_a_box_must_have_room_for_as_many_values_as_are_asked_for(first: int, candidates: int, *, found: bool) -> None:
    """Its one cell that may fall is 1, of which 1 less than it is are left to fall; nothing else may move."""
    known = amounts(9, {cell: 1 if cell in (0, 1, 3, 4) else 999 for cell in range(9)})
    system, grid = two_by_two([1, first, 90, 90], reach=amounts(9, {0: 2}), at_least=known)
    blank = flags(9, 0)
    BoxMoves(system, [grid], evidence_of(system, candidates), furthest=40).hide(np.array([0]), blank)
    assert np.flatnonzero(blank).tolist() == ([0, 1, 3, 4] if found else [0])


def test_a_remainder_is_hidden_by_its_whole_only_where_that_is_blank() -> None:
    """Cell 9 is within cell 0, all but 2 of it: the cheapest box is one around the part, where 0 is open."""
    cells = np.arange(9).reshape(3, 3)
    upper, _ = two_by_two([30, 40, 50, 60])
    values = np.concatenate([upper.values, [28, 38, 66, 48, 58, 106, 76, 96, 172]])
    sums = [(own[-1], tuple(own[:-1])) for own in (*cells.tolist(), *cells.T.tolist())]
    below = [(whole + 9, tuple(part + 9 for part in parts)) for whole, parts in sums]
    system = system_of(
        values.tolist(),
        sums + below,
        [(cell, (cell + 9,)) for cell in range(9)],
        remainder_sensitive=flags(21, 12),
        remainder_reach=amounts(21, {12: 3}),
    )
    grids = [Grid(cells, (False, False)), Grid(cells + 9, (False, False), cells)]
    for open_, moved in ((True, 9), (False, 0)):
        blank = flags(18, *([] if open_ else [0]))
        evidence = evidence_of(system)
        BoxMoves(system, grids, evidence, furthest=40).hide(np.array([18 + 12]), blank)
        moves = evidence.moves_of(18 + 12)
        assert moves[0].names[0] == moved
        assert blank[moved]
        if open_:
            assert not blank[:9].any()
