"""The kernel of boxes finds what its twin finds, and what it opens stays proved and costs less."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.disclosure.lattice import Axis, lattice_codes, lattice_totals
from linkage_core.kernels.suppression_boxes import BoxSearch
from tests.reference.suppression_boxes import Twin


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    """Leaves under a total, under groups of one hierarchy, or under groups of two."""
    leaves = draw(st.integers(1, 5))
    below = [(leaf,) for leaf in range(leaves)]
    for _ in range(draw(st.integers(0, 2))):
        group_of = draw(st.lists(st.integers(0, 2), min_size=leaves, max_size=leaves))
        below += [tuple(i for i in range(leaves) if group_of[i] == group) for group in sorted(set(group_of))]
    return Axis((*below, tuple(range(leaves))), leaves)


class Case:
    """A table, its small cells blank, as the kernel and its twin take it."""

    def __init__(
        self,
        own: list[Axis],
        leaves: Any,
        *,
        lowest: int,
        threshold: int,
        candidates: int,
        keep: int,
        unseen: int = 0,
        bends: int = 0,
    ) -> None:
        counts = lattice_totals(np.asarray(leaves, dtype=np.int64), own)
        self.axes, self.keep, self.candidates, self.bends = own, keep, candidates, bends
        # Every so manyth cell is printed by nobody: it may be 0, and needs no proof.
        hidden = np.arange(counts.size) % unseen == 0 if unseen else np.zeros(counts.size, dtype=np.bool_)
        self.room = counts.ravel() - np.where(hidden, 0, lowest)
        self.sensitive = (self.room >= 0) & (counts.ravel() < threshold) & ~hidden
        self.price = (1 + counts.ravel() % 7).astype(np.int32)
        self.hidden = hidden
        self.reach = np.where(hidden, -1, np.where(self.sensitive, threshold - counts.ravel(), 0)).astype(np.int16)
        self.blank = (self.sensitive | hidden).astype(np.uint8)
        self.targets = np.flatnonzero(self.sensitive).astype(np.int32)

    def kernel(self) -> BoxSearch:
        return BoxSearch(
            lattice_codes(self.axes),
            self.room,
            self.price,
            self.sensitive.astype(np.uint8),
            self.reach,
            self.blank,
            candidates=self.candidates,
        )

    def twin(self) -> Twin:
        blank = (self.sensitive | self.hidden).tolist()
        columns = (self.room.tolist(), self.price.tolist(), self.reach.tolist(), blank)
        return Twin([axis.below for axis in self.axes], *columns, self.candidates, self.keep, self.bends)

    def unmoved(self, cells: Any, changes: Any, multiple: int) -> None:
        """Assert that a move keeps every total and every bound."""
        change = np.zeros(self.room.size, dtype=np.int64)
        np.add.at(change, cells, changes)
        cube = change.reshape([len(axis.below) for axis in self.axes])
        assert np.array_equal(
            lattice_totals(cube[np.ix_(*(range(axis.leaves) for axis in self.axes))], self.axes), cube
        )
        assert np.all((self.room + multiple * change)[change != 0] >= 0)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    own = draw(st.lists(axes(), min_size=1, max_size=3))
    shape = [axis.leaves for axis in own]
    size = int(np.prod(shape))
    counts = draw(st.lists(st.sampled_from([0, 0, 1, 1, 2, 3, 4, 6, 9, 30]), min_size=size, max_size=size))
    return Case(
        own,
        np.array(counts).reshape(shape),
        lowest=draw(st.integers(0, 1)),
        threshold=draw(st.sampled_from([3, 5, 10])),
        candidates=draw(st.integers(2, 5)),
        keep=draw(st.integers(1, 4)),
        unseen=draw(st.sampled_from([0, 0, 2, 3])),
        bends=draw(st.sampled_from([0, 1, 5])),
    )


def same(search: BoxSearch, case: Case, twin: Twin) -> None:
    assert case.blank.astype(bool).tolist() == twin.blank
    starts, lowest, highest, cells, changes = search.moves()
    found = [
        (low, high, dict(zip(cells[one:end].tolist(), changes[one:end].tolist(), strict=True)))
        for low, high, one, end in zip(
            lowest.tolist(), highest.tolist(), starts[:-1].tolist(), starts[1:].tolist(), strict=True
        )
    ]
    assert found == [(move.lowest, move.highest, move.change) for move in twin.moves]
    seen, _ = search.evidence()
    assert seen.tolist() == [twin.up, twin.down, twin.high]


@settings(max_examples=200)
@given(cases())
def test_the_kernel_finds_the_boxes_of_its_twin(case: Case) -> None:
    search, twin = case.kernel(), case.twin()
    for opening in (False, True):
        search.prove(case.targets, opening=opening, keep=case.keep, patience=1 << 40, bends=case.bends)
        twin.prove(case.targets.tolist(), opening=opening)
    same(search, case, twin)
    assert not case.sensitive[search.unmet()].any()


def test_an_inner_code_with_very_many_leaves_on_both_sides_is_paired_by_its_cheapest() -> None:
    north, south = tuple(range(35)), tuple(range(35, 70))
    region = Axis((*((leaf,) for leaf in range(70)), north, south, tuple(range(70))), 70)
    random = np.random.default_rng(3)
    counts = np.stack([random.integers(0, 9, 70), random.integers(0, 2, 70) * (random.random(70) < 0.1)], axis=1)
    case = Case([region, Axis(((0,), (1,), (0, 1)), 2)], counts, lowest=1, threshold=10, candidates=3, keep=3)
    assert case.sensitive.reshape(73, 3)[70:].any()
    search, twin = case.kernel(), case.twin()
    search.prove(case.targets, opening=True, keep=3, patience=1 << 40)
    twin.prove(case.targets.tolist(), opening=True)
    same(search, case, twin)


@settings(max_examples=150)
@given(cases(), st.booleans(), st.randoms(use_true_random=False))
def test_what_is_opened_costs_less_and_all_else_stays_proved(case: Case, opening: bool, random: Any) -> None:
    search = case.kernel()
    targets = case.targets
    while targets.size:
        search.prove(targets, opening=True, keep=case.keep, patience=1 << 40, bends=case.bends)
        targets = search.unmet()
    before, cost = case.blank.copy(), int(case.price[case.blank != 0].sum())
    partners = np.flatnonzero((case.blank != 0) & ~case.sensitive & ~case.hidden).astype(np.int32)
    random.shuffle(cells := partners.tolist())
    starts = sorted({0, len(cells), *(random.randint(0, len(cells)) for _ in range(3))})
    better = search.try_without(
        np.array(cells, dtype=np.int32),
        np.array(starts),
        opening=opening,
        keep=case.keep,
        patience=1000,
        work=10**9,
        bends=case.bends,
    )
    after = int(case.price[case.blank != 0].sum())
    assert (after < cost) if better else np.array_equal(case.blank, before)
    assert case.blank[case.sensitive].all()
    assert opening or not (case.blank & ~before).any()
    assert not search.unmet().size
    starts_of, lowest, highest, cells_of, changes = search.moves()
    _, by = search.evidence()
    for move in np.unique(by[:, case.blank != 0]).tolist():
        if move < 0:
            continue
        entries = slice(starts_of[move], starts_of[move + 1])
        assert case.blank[cells_of[entries]].all()
        for multiple in (int(lowest[move]), int(highest[move])):
            case.unmoved(cells_of[entries], changes[entries], multiple)


def test_a_ring_of_six_cells_is_found_where_a_box_would_blank_a_dear_one() -> None:
    # 2 at the top left; the ring goes through the cells of 6 and leaves out 90 and the totals.
    own = [Axis(((0,), (1,), (2,), (0, 1, 2)), 3)] * 2
    case = Case(own, [[2, 6, 90], [6, 90, 6], [90, 6, 6]], lowest=1, threshold=3, candidates=3, keep=8, bends=4)
    counts = np.array([2, 6, 90, 98, 6, 90, 6, 102, 90, 6, 6, 102, 98, 102, 102, 302])
    case.price = counts.astype(np.int32)
    search = case.kernel()
    search.prove(case.targets, opening=True, keep=8, patience=1000, bends=4)
    assert np.flatnonzero(case.blank).tolist() == [0, 1, 4, 6, 9, 10]
    assert not search.unmet().size
    alone = Case(own, [[2, 6, 90], [6, 90, 6], [90, 6, 6]], lowest=1, threshold=3, candidates=3, keep=8)
    alone.price = case.price
    alone.kernel().prove(case.targets, opening=True, keep=8, patience=1000)
    assert alone.price[alone.blank != 0].sum() > case.price[case.blank != 0].sum()


def test_columns_that_do_not_fit_are_refused_by_name() -> None:
    case = Case([Axis(((0,), (1,), (0, 1)), 2)], [3, 9], lowest=1, threshold=5, candidates=3, keep=3)
    search = case.kernel()
    with pytest.raises(EventsRejected, match="'targets'"):
        search.prove(np.array([3], dtype=np.int32), opening=True, keep=3, patience=9)
    with pytest.raises(EventsRejected, match="'keep'"):
        search.prove(case.targets, opening=True, keep=32, patience=9)
    with pytest.raises(EventsRejected, match="'starts'"):
        search.try_without(case.targets, np.array([0, 9]), opening=True, keep=3, patience=9, work=9)
    with pytest.raises(EventsRejected, match="'cells'"):
        search.try_without(np.array([-1], np.int32), np.array([0, 1]), opening=True, keep=3, patience=9, work=9)
    case.price[0] = 0
    with pytest.raises(EventsRejected, match="'price'"):
        case.kernel()
    case.price = case.price[:1]
    with pytest.raises(EventsRejected, match="'room'"):
        case.kernel()
