"""The kernel finds the cheapest box there is, and boxes that no coalition can rule out together."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage.errors import EventsRejected
from linkage_core.disclosure.lattice import Axis, lattice_codes, lattice_totals
from linkage_core.disclosure.lattice_sums import givers_of
from linkage_core.disclosure.primary_rules import Contributions
from linkage_core.kernels.sum_boxes import SumBoxes
from tests.generative.test_suppression_boxes import axes
from tests.reference.sum_boxes import Box, boxes, leaves_room, room_of

STANDARD = shipped_policies()["standard@1.0.0"]
NOBODY, COALITIONS = -1, -4


class Case:
    """A table of sums, some of it blank, as the kernel and its twin take it."""

    def __init__(self, own: list[Axis], gifts: list[list[int]], blank: list[int], coalition: int) -> None:
        leaves = [axis.leaves for axis in own]
        self.axes, self.coalition = own, coalition
        self.below = [axis.below for axis in own]
        people = range(len(gifts[0]))
        each = [lattice_totals(np.array([one[who] for one in gifts]).reshape(leaves), own).ravel() for who in people]
        self.sums = np.sum(each, axis=0).astype(np.int64)
        self.given = {
            cell: {who: int(each[who][cell]) for who in people if each[who][cell]} for cell in range(self.sums.size)
        }
        rows = [(cell, who, amount) for cell, own in self.given.items() for who, amount in own.items()]
        cell, who, amount = (
            np.array(one, dtype=np.int64) for one in (zip(*rows, strict=True) if rows else ([], [], []))
        )
        self.room = np.where(self.sums > 0, self.sums, -1)
        policy: DisclosurePolicy = STANDARD.model_copy(update={"coalition": coalition, "p_percent": 10})
        none = np.zeros(self.sums.size, dtype=np.bool_)
        self.givers = givers_of(Contributions(cell, who, amount), any_sign=none, policy=policy)
        self.cost = (1 + self.sums % 7).astype(np.int32)
        self.cost[[place % self.sums.size for place in blank]] = 0
        self.shown = np.zeros(self.sums.size, dtype=np.int64)

    def find(
        self, targets: list[int], holders: list[int], *, reach: int, span: int, opening: bool
    ) -> tuple[list[bool], list[list[Box]]]:
        own = (self.room, self.givers.number, self.givers.who, self.givers.own, self.cost, self.shown)
        search = SumBoxes(lattice_codes(self.axes), *own)
        size = len(targets)
        cells, signs = np.empty(40_960, dtype=np.int32), np.empty(40_960, dtype=np.int8)
        starts, task_of = np.zeros(101, dtype=np.int64), np.empty(100, dtype=np.int32)
        proved, rooms = np.zeros(size, dtype=np.uint8), np.empty((2, 100), dtype=np.int64)
        done, found = search.find(
            np.array(targets, dtype=np.int32),
            np.array(holders, dtype=np.int32),
            np.full(size, reach),
            np.full(size, span),
            proved,
            cells,
            signs,
            starts,
            task_of,
            rooms,
            coalition=self.coalition,
            opening=opening,
            keep=31,
            patience=1 << 40,
        )
        assert done == size
        own_boxes: list[list[Box]] = [[] for _ in targets]
        for move in range(found):
            entries = slice(starts[move], starts[move + 1])
            box = dict(zip(cells[entries].tolist(), signs[entries].tolist(), strict=True))
            assert room_of(box, self.room.tolist()) == tuple(rooms[:, move].tolist())
            own_boxes[task_of[move]].append(box)
        return (proved != 0).tolist(), own_boxes


@st.composite
def cases(draw: st.DrawFn) -> Case:
    own = draw(st.lists(axes(), min_size=1, max_size=2))
    size = int(np.prod([axis.leaves for axis in own]))
    amounts = st.sampled_from([0, 0, 0, 1, 2, 5, 20, 60])
    gifts = draw(st.lists(st.lists(amounts, min_size=7, max_size=7), min_size=size, max_size=size))
    return Case(own, gifts, draw(st.lists(st.integers(0, 99), max_size=12)), draw(st.integers(1, 2)))


def unmoved(case: Case, box: Box) -> bool:
    change = np.zeros(case.sums.size, dtype=np.int64)
    change[list(box)] = list(box.values())
    cube = change.reshape([len(axis.below) for axis in case.axes])
    leaves = cube[np.ix_(*(range(axis.leaves) for axis in case.axes))]
    return np.array_equal(lattice_totals(leaves, case.axes), cube)


@settings(max_examples=150)
@given(cases(), st.sampled_from([(1, 0), (5, 0), (0, 1), (0, 12)]), st.booleans())
def test_one_box_is_the_cheapest_there_is(case: Case, wanted: tuple[int, int], opening: bool) -> None:
    reach, span = wanted
    room = case.room.tolist()
    for target in range(case.sums.size):
        cost = case.cost.copy()
        fitting = []
        for box in boxes(case.below, target):
            rooms = room_of(box, room)
            price = int(cost[list(box)][list(box) != np.array(target)].sum())
            if rooms and rooms[0] >= reach and sum(rooms) >= span and (opening or price == 0):
                fitting.append(price)
        case.shown[:] = 0
        proved, found = case.find([target], [NOBODY], reach=reach, span=span, opening=opening)
        assert proved == [bool(fitting)]
        if fitting:
            assert int(cost[list(found[0][0])].sum()) - int(cost[target]) == min(fitting)
            assert found[0][0][target] == 1
            assert unmoved(case, found[0][0])
            assert not case.cost[list(found[0][0])].any()


def threats(case: Case, target: int) -> Any:
    people = range(7)
    for size in range(case.coalition + 1):
        for coalition in combinations(people, size):
            if not set(case.given[target]) <= set(coalition):
                yield coalition


@settings(max_examples=150)
@given(cases(), st.sampled_from([1, 3, 10]), st.booleans())
def test_every_coalition_that_is_not_all_of_a_cell_leaves_one_of_its_boxes(
    case: Case, reach: int, opening: bool
) -> None:
    room = case.room.tolist()
    for target in np.flatnonzero(case.sums).tolist():
        proved, found = case.find([target], [COALITIONS], reach=reach, span=0, opening=opening)
        if proved[0]:
            for coalition in threats(case, target):
                assert any(leaves_room(box, coalition, reach, room=room, given=case.given) for box in found[0])
        elif opening:
            # What is left needs a box for each of its contributors, which a leaf always has: with all its totals.
            holders = case.givers.holders(target)
            guarded, found = case.find([target] * len(holders), holders, reach=reach, span=0, opening=True)
            if all(
                code < axis.leaves
                for code, axis in zip(
                    np.unravel_index(target, [len(a.below) for a in case.axes]), case.axes, strict=True
                )
            ):
                assert all(guarded)
            for holder, good, own in zip(holders, guarded, found, strict=True):
                for coalition in threats(case, target) if good else ():
                    assert holder in coalition or leaves_room(own[0], coalition, reach, room=room, given=case.given)


def test_columns_that_do_not_fit_are_refused_by_name() -> None:
    case = Case([Axis(((0,), (1,), (0, 1)), 2)], [[5, 1, 0, 0, 0, 0, 0], [0, 3, 4, 0, 0, 0, 0]], [], 1)
    with pytest.raises(EventsRejected, match="'targets'"):
        case.find([3], [NOBODY], reach=1, span=0, opening=True)
    case.coalition = 3
    with pytest.raises(EventsRejected, match="'coalition'"):
        case.find([0], [NOBODY], reach=1, span=0, opening=True)
    case.cost[0] = -1
    with pytest.raises(EventsRejected, match="'cost'"):
        case.find([0], [NOBODY], reach=1, span=0, opening=True)
