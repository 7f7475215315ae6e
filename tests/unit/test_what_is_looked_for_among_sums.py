"""What a search for boxes of sums is asked, in what order, and which of its boxes are needed; the search is made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage.errors import DisclosureRefused
from linkage_core.disclosure import lattice_sums
from linkage_core.disclosure.lattice import Axis
from linkage_core.disclosure.lattice_sum_witnesses import witnesses_of_boxes
from linkage_core.disclosure.lattice_sums import SumMoves, hide_sums_in_lattice
from linkage_core.disclosure.magnitude_suppression import HiddenSums
from linkage_core.disclosure.primary_rules import Contributions
from tests.support.small_systems import amounts, flags, system_of

NOBODY, COALITIONS = -1, -4
TEN_PER_CENT: DisclosurePolicy = shipped_policies()["standard@1.0.0"].model_copy(
    update={"p_percent": 10, "coalition": 1}
)


@dataclass(frozen=True, slots=True)
class Tasks:
    """One asking: cells, whom boxes are guarded for, and how far they must rise or span."""

    targets: list[int]
    holders: list[int]
    reach: list[int]
    span: list[int]
    opening: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A box of a task, by its place in the asking: signs of cells, how far it rises and falls."""

    task: int
    signs: dict[int, int]
    rise: int
    fall: int
    proves: bool = True


Answer = Callable[[Tasks], tuple[list[Found], int]]
"""The boxes, and how many tasks were done."""


class MadeUp:
    """Stands in for `SumBoxes`. A box blanks its cells and shows the span of its target."""

    made: ClassVar[list[MadeUp]] = []
    answer: ClassVar[Callable[[int], Answer]] = staticmethod(lambda number: lambda tasks: ([], len(tasks.targets)))

    def __init__(
        self,
        axes: object,
        room: np.ndarray,
        number: np.ndarray,
        *rest: np.ndarray,
    ) -> None:
        self.room, self.number = room, number
        self.who, self.own, self.cost, self.shown = rest
        self.first_cost = self.cost.copy()
        self.told = type(self).answer(len(self.made))
        self.asked: list[Tasks] = []
        self.made.append(self)

    def find(
        self,
        targets: np.ndarray,
        holders: np.ndarray,
        reach: np.ndarray,
        span: np.ndarray,
        proved: np.ndarray,
        *out: np.ndarray,
        coalition: int,
        opening: bool,
        keep: int,
        patience: int,
    ) -> tuple[int, int]:
        tasks = Tasks(targets.tolist(), holders.tolist(), reach.tolist(), span.tolist(), opening)
        self.asked.append(tasks)
        cells, signs, starts, task_of, rooms = out
        # Room enough for large boxes, and for as many of them as coalitions may ask for.
        assert min(cells.size, signs.size) >= 10_240
        assert starts.size == task_of.size + 1 == rooms.shape[1] + 1 >= 4 * targets.size + 11
        assert coalition == 1
        found, done = self.told(tasks)
        for number, box in enumerate(found):
            end = starts[number] + len(box.signs)
            cells[starts[number] : end], signs[starts[number] : end] = list(box.signs), list(box.signs.values())
            starts[number + 1], task_of[number] = end, box.task
            rooms[:, number] = box.rise, box.fall
            proved[box.task] |= box.proves
            self.cost[list(box.signs)] = 0
            for cell in box.signs:
                self.shown[cell] = max(self.shown[cell], box.rise + box.fall)
        return done, len(found)


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[MadeUp]:
    """All made-up searches, in the order in which they begin."""
    found: list[MadeUp] = []
    monkeypatch.setattr(MadeUp, "made", found)
    monkeypatch.setattr(lattice_sums, "SumBoxes", MadeUp)
    return found


AXIS = Axis(((0,), (1,), (2,), (0, 1, 2)), 3)
SUMS = [100, 150, 800, 1050, 120, 170, 900, 1190, 400, 500, 600, 1500, 620, 820, 2300, 3740]


def hidden(
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer | Callable[[int], Answer],
    *,
    upper: dict[int, int],
    spans: dict[int, int],
    gifts: dict[int, Sequence[int]] | None = None,
    several: bool = False,
    at_least: np.ndarray | None = None,
) -> tuple[HiddenSums, SumMoves]:
    """Hide the sums that `upper` names; a script answers all searches, or with `several` each has its own."""
    monkeypatch.setattr(MadeUp, "answer", staticmethod(answer if several else lambda number: answer))
    known = amounts(16, {}) if at_least is None else at_least
    system = system_of(SUMS, sensitive=flags(16, *upper), at_least=known)
    told = [(cell, who, amount) for cell, own in (gifts or {}).items() for who, amount in enumerate(own)]
    cell, who, amount = (np.array([one[place] for one in told], dtype=np.int64) for place in range(3))
    return hide_sums_in_lattice(
        system,
        (4, 4),
        (AXIS, AXIS),
        upper=amounts(16, upper),
        spans=amounts(16, spans),
        given=Contributions(cell, who, amount),
        policy=TEN_PER_CENT,
    )


def box(task: int, *cells: int, rise: int = 50, fall: int = 50, proves: bool = True) -> Found:
    """Signs alternate."""
    return Found(task, {cell: 1 - 2 * (place % 2) for place, cell in enumerate(cells)}, rise, fall, proves)


def each(*cells: int) -> Answer:
    """Every task has the box of its target and these cells, once cells may be blanked; 100 wide, of widths 120."""

    def answer(tasks: Tasks) -> tuple[list[Found], int]:
        room = 60 if any(tasks.span) else 50
        found = [box(task, target, *cells, rise=room, fall=room) for task, target in enumerate(tasks.targets)]
        return found if tasks.opening else [], len(tasks.targets)

    return answer


def blanks(found: tuple[HiddenSums, SumMoves]) -> list[int]:
    return np.flatnonzero(found[0].pattern.blank).tolist()


def told(moves: SumMoves) -> list[tuple[dict[int, int], int, int, int, int, bool]]:
    """Each move: its signs, how far it rises and falls, target, holder and whether it reaches."""
    return [
        (
            dict(zip(moves.cells[a:b].tolist(), moves.signs[a:b].tolist(), strict=True)),
            *(int(own) for own in facts[:-1]),
            bool(facts[-1]),
        )
        for a, b, *facts in zip(
            moves.starts[:-1].tolist(),
            moves.starts[1:].tolist(),
            moves.rise,
            moves.fall,
            moves.target,
            moves.holder,
            moves.reaches,
            strict=True,
        )
    ]


def test_a_search_is_told_the_room_and_the_cost_of_each_sum(
    monkeypatch: pytest.MonkeyPatch, made: list[MadeUp]
) -> None:
    known = amounts(16, {1: 150, 2: 801, 5: -(1 << 60)})
    hidden(monkeypatch, each(), upper={0: 5}, spans={}, at_least=known)
    first = made[0]
    assert first.room[:6].tolist() == [100, 0, -1, 1050, 120, 1 << 59]
    assert first.first_cost[0] == 0
    assert first.first_cost[[1, 2]].tolist() == [16 + 4 * 7, 16 + 4 * 9]
    assert np.flatnonzero(first.first_cost == 0).tolist() == [0]


def test_coalitions_come_first_then_those_outside_then_widths(
    monkeypatch: pytest.MonkeyPatch, made: list[MadeUp]
) -> None:
    """Of 100 and 60 beside 1 a rise of 9 is needed, of 200 and 60 beside nothing one of 20: the larger one first."""
    gifts = {0: (100, 60, 1), 5: (200, 60), 8: (90,) * 9}
    hidden(monkeypatch, each(1, 4), upper={0: 30, 5: 20, 8: 40}, spans={0: 101, 1: 70, 4: 110, 5: 100}, gifts=gifts)
    searched = made[0].asked
    assert searched[:4] == [
        Tasks([5, 0], [COALITIONS] * 2, [20, 9], [0, 0], opening=False),
        Tasks([5, 0], [COALITIONS] * 2, [20, 9], [0, 0], opening=True),
        # Those outside must hold 0 possible further up; of 5 they need no more than coalitions do.
        Tasks([8, 0], [NOBODY] * 2, [40, 30], [0, 0], opening=False),
        Tasks([8, 0], [NOBODY] * 2, [40, 30], [0, 0], opening=True),
    ]
    # Each box shows a width of 100: one more is wanted of 0, ten more of 4, the wider one first.
    assert searched[4] == Tasks([4, 0], [NOBODY] * 2, [0, 0], [110, 101], opening=False)
    assert searched[5].opening


def test_what_cannot_be_guarded_together_is_guarded_for_each_giver(
    monkeypatch: pytest.MonkeyPatch, made: list[MadeUp]
) -> None:
    """Of every coalition of one either the first or the second is not a part: these two are guarded for."""

    def answer(tasks: Tasks) -> tuple[list[Found], int]:
        if not tasks.opening:
            return [], len(tasks.targets)
        alone = tasks.holders[0] != COALITIONS
        return [box(task, target, 1, proves=alone or target == 0) for task, target in enumerate(tasks.targets)], len(
            tasks.targets
        )

    gifts = {0: (100, 60, 1), 5: (70, 200), 6: (300,)}
    _, moves = hidden(monkeypatch, answer, upper={0: 5, 5: 5, 6: 5}, spans={}, gifts=gifts)
    assert made[0].asked == [
        Tasks([6, 5, 0], [COALITIONS] * 3, [30, 20, 9], [0] * 3, opening=False),
        Tasks([6, 5, 0], [COALITIONS] * 3, [30, 20, 9], [0] * 3, opening=True),
        Tasks([6, 5, 5], [0, 1, 0], [30, 20, 20], [0] * 3, opening=False),
        Tasks([6, 5, 5], [0, 1, 0], [30, 20, 20], [0] * 3, opening=True),
    ]
    # Boxes of what was not proved are no moves that reach.
    assert [(target, holder) for _, _, _, target, holder, _ in told(moves)] == [(0, -4), (6, 0), (5, 1), (5, 0)]


@pytest.mark.parametrize("which", ["giver", "outside", "width", "never"])
def test_what_has_no_box_is_refused(monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    """Also what never is as wide as it must be, though boxes are found."""

    def answer(tasks: Tasks) -> tuple[list[Found], int]:
        width = tasks.span[0] > 0
        fails = {
            "giver": not width and tasks.holders[0] != NOBODY,
            "outside": not width and tasks.holders[0] == NOBODY,
            "width": width,
            "never": False,
        }[which]
        found = [] if fails else [box(task, target, rise=1, fall=1) for task, target in enumerate(tasks.targets)]
        return found, len(tasks.targets)

    with pytest.raises(DisclosureRefused, match="No way was found to hide these sums from their contributors"):
        hidden(monkeypatch, answer, upper={0: 30}, spans={0: 3}, gifts={0: (100, 60, 1)})


def test_tasks_that_had_no_room_are_asked_again(monkeypatch: pytest.MonkeyPatch, made: list[MadeUp]) -> None:
    """Two at a time are done; the second of each two among blanks."""

    def answer(tasks: Tasks) -> tuple[list[Found], int]:
        done = min(2, len(tasks.targets))
        places = range(done) if tasks.opening else range(1, done)
        return [box(task, tasks.targets[task], 1) for task in places], done

    _, moves = hidden(monkeypatch, answer, upper={0: 30, 5: 20, 8: 40, 9: 10, 10: 5}, spans={})
    assert [(one.targets, one.opening) for one in made[0].asked] == [
        ([8, 0, 5, 9, 10], False),
        ([5, 9, 10], False),
        ([10], False),
        ([8, 5, 10], True),
        ([10], True),
    ]
    assert [target for _, _, _, target, _, _ in told(moves)] == [0, 9, 8, 5, 10]


def test_only_boxes_that_are_needed_are_kept(monkeypatch: pytest.MonkeyPatch, made: list[MadeUp]) -> None:
    """0 needs 1 and 4 of its own box; 1 must be 120 wide, for which the first box as wide as that brings 5 and 8.

    What was blanked for a box that was too small is printed again, and counted.
    """

    def answer(tasks: Tasks) -> tuple[list[Found], int]:
        if tasks.opening:
            return [], len(tasks.targets)
        if any(tasks.span):
            wide = {"rise": 60, "fall": 60}
            return [box(0, 1, 9, rise=40), box(0, 1, 5, 8, **wide), box(0, 1, 10, **wide)], len(tasks.targets)
        return [box(0, 0, 1, 4, rise=30, fall=30)], len(tasks.targets)

    found = hidden(monkeypatch, answer, upper={0: 30}, spans={1: 120, 4: 60, 9: 1})
    assert blanks(found) == [0, 1, 4, 5, 8]
    assert told(found[1]) == [
        ({0: 1, 1: -1, 4: 1}, 30, 30, 0, NOBODY, True),
        ({1: 1, 5: -1, 8: 1}, 60, 60, 1, NOBODY, False),
    ]
    pattern = found[0].pattern
    assert (pattern.rounds, pattern.widened, pattern.opened) == (1, 0, 2)
    assert (pattern.suppressed == pattern.blank).all()
    assert not (found[0].for_unions | found[0].for_insiders).any()


def test_a_second_search_has_what_many_boxes_need_at_half_price(
    monkeypatch: pytest.MonkeyPatch, made: list[MadeUp]
) -> None:
    """Cells 1 and 4 stand in two boxes each, cell 9 in one. The cheaper pattern is taken, of equals the first."""
    own = {0: [box(0, 0, 1, 4), box(1, 5, 1, 4, 9)], 1: [box(0, 0, 1), box(1, 5, 1)]}

    def several(number: int) -> Answer:
        return lambda tasks: ([] if tasks.opening else own[number], len(tasks.targets))

    found = hidden(monkeypatch, several, upper={0: 30, 5: 20}, spans={}, several=True)
    first, second = made
    assert first.first_cost[[1, 4, 9]].tolist() == [44, 40, 48]
    assert second.first_cost[[1, 4, 9]].tolist() == [22, 20, 48]
    assert (np.delete(first.first_cost, [1, 4]) == np.delete(second.first_cost, [1, 4])).all()
    assert blanks(found) == [0, 1, 5]
    own[0], own[1] = [box(0, 0, 1), box(1, 5, 1)], [box(0, 0, 1), box(1, 5, 1, rise=9)]
    made.clear()
    assert [
        rise for _, rise, *_ in told(hidden(monkeypatch, several, upper={0: 30, 5: 20}, spans={}, several=True)[1])
    ] == [50, 50]
    own[1] = [box(0, 0, 1, 4), box(1, 5, 1)]
    made.clear()
    assert blanks(hidden(monkeypatch, several, upper={0: 30, 5: 20}, spans={}, several=True)) == [0, 1, 5]


def test_without_partners_there_is_one_search(monkeypatch: pytest.MonkeyPatch, made: list[MadeUp]) -> None:
    found = hidden(monkeypatch, each(), upper={0: 30}, spans={})
    assert blanks(found) == [0]
    assert len(made) == 1


def test_a_box_is_kept_for_what_it_was_looked_for_and_one_for_each_width() -> None:
    """Boxes of 7 1 4 / 4 2 / 1 4 / 1 2, which may rise by 9 5 30 30 and fall by 1 2 30 30.

    The second reaches what is wanted of 4. Widths are 10 of cell 1, 7 of 2, 61 of 4 and none of 7, which is no blank.
    """
    moves = SumMoves(
        starts=np.array([0, 3, 5, 7, 9]),
        cells=np.array([7, 1, 4, 4, 2, 4, 1, 1, 2], dtype=np.int32),
        signs=np.array([1, -1, -1, 1, -1, 1, 1, -1, -1], dtype=np.int8),
        rise=np.array([9, 5, 30, 30]),
        fall=np.array([1, 2, 30, 30]),
        target=np.array([7, 4, 4, 1], dtype=np.int32),
        holder=np.full(4, NOBODY, dtype=np.int32),
        reaches=np.array([False, True, False, False]),
    )
    found = witnesses_of_boxes(moves, flags(8, 1, 2, 4), amounts(8, {1: 10, 2: 7, 4: 61}))
    assert found.starts.tolist() == [0, 3, 5, 7, 9]
    assert found.cells.tolist() == [1, 4, 7, 2, 4, 1, 4, 1, 2]
    assert found.changes.tolist() == [-1, -1, 1, -1, 1, 1, 1, -1, -1]
    assert (found.lowest.tolist(), found.highest.tolist()) == ([-1, -2, -30, -30], [9, 5, 30, 30])
    # The first is kept for cell 1, the second for 2 and 4, the others for nothing.
    assert found.proof_starts.tolist() == [0, 1, 3, 3, 3]
    assert found.proves.tolist() == [1, 2, 4]
