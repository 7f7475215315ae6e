"""What a search for boxes is asked, in what order, and what of its answers is written down; the search is made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest

from linkage.errors import DisclosureRefused
from linkage_core.disclosure import lattice_suppression
from linkage_core.disclosure.lattice import Axis, lattice_totals
from linkage_core.disclosure.lattice_suppression import Witnesses, count_prices, hide_in_lattice
from linkage_core.disclosure.suppression import Pattern

Move = tuple[dict[int, int], int, int]
"""Changes of cells, and the lowest and highest multiple."""


@dataclass
class Script:
    """What a made-up search finds.

    Args:
        hides: cells that it blanks when it may.
        unmet: what is not proved after each round; nothing once the list is at its end.
        opens: groups that it does without at each asking; 0 once the list is at its end.
        moves: that it found.
        rises, by: as `BoxSearch.evidence` gives them: by ones, falls, at all.
    """

    hides: Sequence[int] = ()
    unmet: list[list[int]] = field(default_factory=list)
    opens: list[int] = field(default_factory=list)
    moves: Sequence[Move] = ()
    rises: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    by: dict[int, tuple[int, int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proof:
    targets: list[int]
    opening: bool
    bends: int


@dataclass(frozen=True, slots=True)
class Without:
    groups: list[list[int]]
    opening: bool
    work: int
    bends: int


class MadeUp:
    """Stands in for `BoxSearch`."""

    made: ClassVar[list[MadeUp]] = []
    script: ClassVar[Callable[[int], Script]] = staticmethod(lambda number: Script())
    work = 0

    def __init__(
        self,
        _axes: object,
        room: np.ndarray,
        price: np.ndarray,
        sensitive: np.ndarray,
        reach: np.ndarray,
        blank: np.ndarray,
        *,
        candidates: int,
    ) -> None:
        self.room, self.price, self.sensitive, self.reach = room, price, sensitive, reach
        self.blank, self.candidates = blank, candidates
        self.told = type(self).script(len(self.made))
        self.asked: list[Proof | Without] = []
        self.made.append(self)

    def prove(self, targets: np.ndarray, *, opening: bool, keep: int, patience: int, bends: int = 0) -> None:
        self.asked.append(Proof(targets.tolist(), opening, bends))
        if opening:
            self.blank[list(self.told.hides)] = 1

    def try_without(
        self, cells: np.ndarray, starts: np.ndarray, *, opening: bool, keep: int, patience: int, work: int, bends: int
    ) -> int:
        groups = [own.tolist() for own in np.split(cells, starts[1:-1])]
        assert starts[0] == 0
        assert starts[-1] == cells.size
        self.asked.append(Without(groups, opening, work, bends))
        self.work += 10**12
        return self.told.opens.pop(0) if self.told.opens else 0

    def unmet(self) -> np.ndarray:
        return np.array(self.told.unmet.pop(0) if self.told.unmet else [], dtype=np.int32)

    def moves(self) -> tuple[np.ndarray, ...]:
        moves = self.told.moves
        return (
            np.cumsum([0, *(len(change) for change, _, _ in moves)]),
            np.array([low for _, low, _ in moves], dtype=np.int16),
            np.array([high for _, _, high in moves], dtype=np.int16),
            np.array([cell for change, _, _ in moves for cell in change], dtype=np.int32),
            np.array([step for change, _, _ in moves for step in change.values()], dtype=np.int16),
        )

    def evidence(self) -> tuple[np.ndarray, np.ndarray]:
        rises = np.zeros((3, self.blank.size), dtype=np.int16)
        by = np.full((3, self.blank.size), -1, dtype=np.int32)
        for cell, own in self.told.rises.items():
            rises[:, cell] = own
        for cell, own in self.told.by.items():
            by[:, cell] = own
        return rises, by

    def provings(self) -> list[Proof]:
        return [one for one in self.asked if isinstance(one, Proof)]

    def withouts(self) -> list[Without]:
        return [one for one in self.asked if isinstance(one, Without)]


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[MadeUp]:
    """All made-up searches, in the order in which they begin."""
    found: list[MadeUp] = []
    monkeypatch.setattr(MadeUp, "made", found)
    monkeypatch.setattr(lattice_suppression, "BoxSearch", MadeUp)
    return found


def axis(leaves: int) -> Axis:
    return Axis((*((leaf,) for leaf in range(leaves)), tuple(range(leaves))), leaves)


def hidden(
    monkeypatch: pytest.MonkeyPatch,
    leaves: Sequence[int] | np.ndarray,
    script: Script | Callable[[int], Script],
    *,
    sensitive: Sequence[int] = (0,),
    reach: int = 6,
    candidates: int = 3,
    **more: np.ndarray,
) -> tuple[Pattern, Witnesses]:
    """Hide these cells; a script tells what a search finds, or for each search, by number, its own."""
    given = (lambda number: script) if isinstance(script, Script) else script
    monkeypatch.setattr(MadeUp, "script", staticmethod(given))
    cube = np.array(leaves)
    axes = [axis(size) for size in cube.shape]
    counts = lattice_totals(cube, axes)
    small = np.isin(np.arange(counts.size), list(sensitive))
    return hide_in_lattice(
        counts,
        axes,
        sensitive=small,
        reach=np.where(small, reach, 0),
        lowest=1,
        candidates=candidates,
        **more,
    )


SQUARE = [[2, 20, 60], [20, 30, 50], [50, 60, 70]]
"""With totals 4 by 4: row totals are the cells 3, 7, 11, column totals 12 to 14."""


def test_a_search_is_told_what_may_move_and_what_must(monkeypatch: pytest.MonkeyPatch, made: list[MadeUp]) -> None:
    numbers = np.arange(16)
    pattern, _ = hidden(
        monkeypatch,
        SQUARE,
        Script(hides=[1, 4]),
        sensitive=(0, 5),
        reach=6,
        published=numbers != 8,
        known=numbers == 2,
    )
    first = made[0]
    # All but 1 of a count; a cell that no table shows falls to 0, and what is known stays put.
    assert first.room.tolist() == [1, 19, -1, 81, 19, 29, 49, 99, 50, 59, 69, 179, 71, 109, 179, 361]
    assert (
        first.price.tolist()
        == count_prices(
            np.array([*(2, 20, 60, 82), *(20, 30, 50, 100), *(50, 60, 70, 180), *(72, 110, 180, 362)]), (4, 4)
        ).tolist()
    )
    assert np.flatnonzero(first.sensitive).tolist() == [0, 5]
    # 2 must be held possible up to 6; 30 is more than that.
    assert first.reach.tolist() == [4, *[0] * 7, -1, *[0] * 7]
    assert first.candidates == 3
    assert np.flatnonzero(first.blank).tolist() == [0, 1, 4, 5, 8]
    assert np.flatnonzero(pattern.blank).tolist() == [0, 1, 4, 5, 8]
    assert np.flatnonzero(pattern.suppressed).tolist() == [0, 1, 4, 5]
    assert pattern.widened == 0


def test_the_smallest_are_proved_first_and_what_is_left_in_further_rounds(
    monkeypatch: pytest.MonkeyPatch, made: list[MadeUp]
) -> None:
    pattern, _ = hidden(monkeypatch, SQUARE, Script(hides=[1, 4], unmet=[[4, 1], [1]]), sensitive=(8, 0, 5), reach=90)
    assert made[0].provings() == [
        Proof([0, 5, 8], opening=False, bends=0),
        Proof([0, 5, 8], opening=True, bends=4),
        Proof([4, 1], opening=False, bends=0),
        Proof([4, 1], opening=True, bends=4),
        Proof([1], opening=False, bends=0),
        Proof([1], opening=True, bends=4),
    ]
    assert pattern.rounds == 3


def test_after_twelve_rounds_a_table_is_refused(monkeypatch: pytest.MonkeyPatch, made: list[MadeUp]) -> None:
    with pytest.raises(DisclosureRefused, match="No way was found to hide the small cells"):
        hidden(monkeypatch, SQUARE, Script(unmet=[[0]] * 99))
    assert len(made[0].provings()) == 24


def test_blanks_are_done_without_alone_first_then_lines_of_them(
    monkeypatch: pytest.MonkeyPatch, made: list[MadeUp]
) -> None:
    """Counts 60 50 / 20 30 / 20 of the cells 2 6 / 1 5 / 4, and 50, 60 of 8 and 9; each costs 16 more."""
    hides = [1, 2, 4, 5, 6, 8, 9]
    hidden(monkeypatch, SQUARE, Script(hides=hides))
    singly = [[2], [9], [6], [8], [5], [1], [4]]
    assert made[0].withouts() == [
        Without(singly, opening=False, work=400_000_800, bends=4),
        Without(singly, opening=True, work=0, bends=4),
        # Columns: 1 5 9 cost 158, 2 6 cost 142, 4 8 cost 102. Rows: 4 5 6 cost 148, 8 9 142 and 1 2 112.
        Without([[1, 5, 9], [2, 6], [4, 8]], opening=True, work=0, bends=4),
        Without([[4, 5, 6], [8, 9], [1, 2]], opening=True, work=0, bends=4),
    ]


def test_a_cell_that_many_moves_need_is_tried_later(monkeypatch: pytest.MonkeyPatch, made: list[MadeUp]) -> None:
    """Cell 2 costs 76, and 25 1/3 for each of two moves and itself; cell 6 costs 66, cell 5 46, and 23 for one."""
    moves = [({0: 1, 2: -1}, 0, 1), ({2: 1, 5: -1}, 0, 1)]
    hidden(monkeypatch, SQUARE, Script(hides=[1, 2, 5, 6], moves=moves))
    assert made[0].withouts()[0].groups == [[6], [1], [2], [5]]


def test_where_nothing_but_small_cells_is_blank_nothing_is_done_without(
    monkeypatch: pytest.MonkeyPatch, made: list[MadeUp]
) -> None:
    hidden(monkeypatch, SQUARE, Script(), published=np.arange(16) != 8)
    assert [one.groups for one in made[0].withouts()] == [[[]]] * 4


@pytest.mark.parametrize(("partners", "together"), [(20, True), (21, False)])
def test_twenty_of_a_line_are_done_without_together(
    monkeypatch: pytest.MonkeyPatch, made: list[MadeUp], partners: int, *, together: bool
) -> None:
    hides = list(range(1, 1 + partners))
    hidden(monkeypatch, [2, *[9] * 30], Script(hides=hides))
    assert made[0].withouts()[-1].groups == ([hides] if together else [[]])


@pytest.mark.parametrize(("hides", "askings"), [(499, 5), (500, 3)])
def test_it_is_looked_on_while_one_in_five_hundred_blanks_gets_better(
    monkeypatch: pytest.MonkeyPatch, made: list[MadeUp], hides: int, askings: int
) -> None:
    """Blanks are those and cell 0. In the first round they are asked for alone only, and it is never the last."""
    script = Script(hides=range(1, 1 + hides), opens=[0, 0, 1])
    hidden(monkeypatch, [2, *[9] * 600], script)
    assert len(made[0].withouts()) == askings


def test_twelve_rounds_are_looked_for_less(monkeypatch: pytest.MonkeyPatch, made: list[MadeUp]) -> None:
    hidden(monkeypatch, SQUARE, Script(hides=[1, 2], opens=[1] * 99))
    assert len(made[0].withouts()) == 1 + 11 * 3
    assert [one.opening for one in made[0].withouts()[:3]] == [False, True, True]


def test_what_is_done_without_is_counted(monkeypatch: pytest.MonkeyPatch, made: list[MadeUp]) -> None:
    class Opens(MadeUp):
        def try_without(self, cells: np.ndarray, starts: np.ndarray, **own: object) -> int:
            self.blank[[1, 4]] = 0
            return 0

    monkeypatch.setattr(lattice_suppression, "BoxSearch", Opens)
    pattern, _ = hidden(monkeypatch, SQUARE, Script(hides=[1, 2, 4, 5]))
    assert pattern.opened == 2
    assert np.flatnonzero(pattern.suppressed).tolist() == [0, 2, 5]


@pytest.mark.parametrize(("leaves", "bends"), [(49_999, 4), (50_000, 0)])
def test_in_large_tables_no_corner_is_led_around(
    monkeypatch: pytest.MonkeyPatch, made: list[MadeUp], leaves: int, bends: int
) -> None:
    hidden(monkeypatch, np.full(leaves, 9), Script(hides=[1]))
    (search,) = made
    assert [one.bends for one in search.provings()] == [0, bends]
    assert {one.bends for one in search.withouts()} == {bends}


@pytest.mark.parametrize(("leaves", "searches"), [(2, 64), (49, 61), (199, 16), (1999, 16), (3999, 11)])
def test_small_tables_are_searched_often(
    monkeypatch: pytest.MonkeyPatch, made: list[MadeUp], leaves: int, searches: int
) -> None:
    hidden(monkeypatch, np.full(leaves, 9), Script(hides=[1]))
    assert len(made) == searches


def test_other_searches_are_paid_other_prices(monkeypatch: pytest.MonkeyPatch, made: list[MadeUp]) -> None:
    """Up to 15 in 100 more or less, then 70, in turn; both ends are met among so many."""
    hidden(monkeypatch, np.full(39, 984), Script(hides=[1]))
    price = made[0].price
    assert price[0] == 2 * 1000
    for number, most in ((1, 0.15), (2, 0.7), (3, 0.15), (4, 0.7)):
        paid = made[number].price / price
        assert max(abs(paid - 1)) <= most
        assert min(paid) < 1 - 0.8 * most
        assert max(paid) > 1 + 0.8 * most


def test_the_cheapest_pattern_is_taken_and_of_equals_the_first(
    monkeypatch: pytest.MonkeyPatch, made: list[MadeUp]
) -> None:
    """What a blank costs is reckoned at the true prices: cells 1 and 4 have 20 each, cell 6 has 50."""
    found = {0: [5, 6], 3: [1, 4], 4: [1, 5], 7: [2], 9: [1, 4]}

    def script(number: int) -> Script:
        own = {0: (1, 1, 4)}
        moves = [({0: 1 + number}, 0, 1)]
        return Script(hides=found.get(number, [9, 10]), moves=moves, rises=own, by={0: (0, 0, 0)})

    pattern, witnesses = hidden(monkeypatch, SQUARE, script)
    assert np.flatnonzero(pattern.suppressed).tolist() == [0, 1, 4]
    assert witnesses.changes.tolist() == [4]


def test_of_all_moves_those_are_written_down_that_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three values are asked for.

    Cell 0 must reach a number: the move that takes it highest, and the one by ones; with its own number and that far
    one these are three values. Cell 1 rises by 1 and 2. Cell 4 rises by 1 and needs what it falls by, which the same
    move shows. Cell 5 falls only. Cell 6 rises by 1 and, by another move, by 3. Cell 2 is not blank.
    """
    moves = [
        ({4: -1, 0: 1, 5: 1, 1: -1}, -1, 2),
        ({9: 1, 10: -1}, -7, 7),
        ({0: 2, 2: -2}, 0, 3),
        ({6: 3, 5: -3, 10: 1}, -1, 1),
        ({5: 1, 4: 1, 1: -2}, -2, 0),
    ]
    script = Script(
        hides=[1, 4, 5, 6, 9, 10],
        moves=moves,
        rises={0: (1, 1, 6), 1: (2, 0, 2), 2: (1, 0, 1), 4: (1, 1, 1), 5: (0, 3, 0), 6: (1, 0, 3), 9: (2, 0, 2)},
        by={
            0: (0, 0, 2),
            1: (0, 1, 0),
            2: (1, 1, 1),
            4: (0, 0, 0),
            5: (-1, 4, -1),
            6: (0, 4, 3),
            9: (-1, -1, -1),
            10: (-1, -1, -1),
        },
    )
    _, witnesses = hidden(monkeypatch, SQUARE, script)
    starts, proof_starts = witnesses.starts.tolist(), witnesses.proof_starts.tolist()
    told = [
        (
            dict(zip(witnesses.cells[a:b].tolist(), witnesses.changes[a:b].tolist(), strict=True)),
            (int(low), int(high)),
            witnesses.proves[c:d].tolist(),
        )
        for a, b, c, d, low, high in zip(
            starts[:-1],
            starts[1:],
            proof_starts[:-1],
            proof_starts[1:],
            witnesses.lowest,
            witnesses.highest,
            strict=True,
        )
    ]
    assert told == [
        ({0: 1, 1: -1, 4: -1, 5: 1}, (-1, 2), [0, 1, 4, 6]),
        ({0: 2, 2: -2}, (0, 3), [0]),
        ({5: -3, 6: 3, 10: 1}, (-1, 1), [6]),
        ({1: -2, 4: 1, 5: 1}, (-2, 0), [5]),
    ]
    assert [list(change) for change, _, _ in told] == [sorted(change) for change, _, _ in told]
    assert starts[0] == proof_starts[0] == 0
