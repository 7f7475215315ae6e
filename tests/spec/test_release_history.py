"""Releases of nearly the same people: when a cell is counted anew, by examples to be checked by hand."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage.errors import DisclosureRefused, InputRefused
from linkage_core.disclosure.person_cells import is_small
from linkage_core.disclosure.suppression import suppress_with_proof
from linkage_core.release_history import Axis, Moves, Next, Printed, PublishedCells, next_release

POLICY = shipped_policies()["standard@1.0.0"].model_copy(update={"expected_moves": 0})
A, B, C, ALL = range(4)
FOUR = PublishedCells((Axis(((0,), (1,), (2,), (3,), (0, 1, 2, 3)), 4, ((4, (0, 1, 2, 3)),)),))
REGIONS = PublishedCells((Axis(((A,), (B,), (C,), (A, B, C)), 3, ((ALL, (A, B, C)),)),))


class Register:
    """People in three regions, release after release."""

    def __init__(self, *sizes: int, cells: PublishedCells = REGIONS, policy: DisclosurePolicy = POLICY) -> None:
        self.cells, self.policy = cells, policy
        self.now = {region: [f"{region}-{number}" for number in range(size)] for region, size in enumerate(sizes)}
        self.rows: list[tuple[str, int, int, bool]] = []
        self.releases: list[Printed] = []

    def leave(self, region: int, people: int) -> None:
        """The first of a region leave."""
        for _ in range(people):
            self.rows.append((self.now[region].pop(0), len(self.releases), region, False))

    def join(self, region: int, *names: str) -> None:
        """These join."""
        for name in names:
            self.now[region].append(name)
            self.rows.append((name, len(self.releases), region, True))

    def release(self) -> Next:
        """The next release."""
        counts = [len(people) for people in self.now.values()]
        answer = next_release(
            self.cells,
            values := np.array([*counts, sum(counts)]),
            sensitive=is_small(values, self.policy),
            earlier=self.releases,
            moves=self.moves(),
            policy=self.policy,
        )
        self.releases.append(answer.printed)
        return answer

    def moves(self) -> Moves:
        """All so far."""
        number = {name: place for place, name in enumerate(sorted({row[0] for row in self.rows}))}
        return Moves(
            np.array([number[row[0]] for row in self.rows], dtype=np.int64),
            np.array([row[1] for row in self.rows], dtype=np.int64),
            np.array([row[2] for row in self.rows], dtype=np.int64),
            np.array([row[3] for row in self.rows], dtype=np.bool_),
        )


def people(name: str, count: int) -> list[str]:
    return [f"{name}{number}" for number in range(count)]


def test_the_first_release_prints_what_a_single_one_may() -> None:
    printed = Register(100, 50, 40).release().printed
    assert printed.value.tolist() == [100, 50, 40, 190]
    assert printed.as_of.tolist() == [0, 0, 0, 0]


def test_one_who_leaves_is_not_seen() -> None:
    register = Register(100, 50, 40)
    register.release()
    register.leave(A, 1)
    answer = register.release()
    assert answer.printed.value.tolist() == [100, 50, 40, 190]
    assert answer.printed.as_of.tolist() == [0, 0, 0, 0]
    assert answer.moved.tolist() == [1, 0, 0, 1]
    assert answer.held.tolist() == [True, False, False, True]


def test_ten_different_people_let_a_cell_be_counted_anew() -> None:
    register = Register(100, 50, 40)
    register.release()
    register.leave(B, 3)
    register.join(B, *people("new", 7))
    printed = register.release().printed
    assert printed.value.tolist() == [100, 54, 40, 194]
    assert printed.as_of.tolist() == [0, 1, 0, 1]


def test_one_in_and_one_out_are_two_people_though_the_number_is_the_same() -> None:
    register = Register(100, 50, 40)
    register.release()
    register.leave(B, 5)
    register.join(B, *people("new", 5))
    answer = register.release()
    assert answer.printed.as_of.tolist() == [0, 1, 0, 1]
    register.leave(B, 1)
    register.join(B, "another")
    assert register.release().held.tolist() == [False, True, False, True]


def test_who_comes_and_goes_again_has_not_moved() -> None:
    register = Register(100, 50, 40)
    register.release()
    register.join(B, *people("guest", 9))
    register.release()
    for guest in people("guest", 9):
        register.now[B].remove(guest)
        register.rows.append((guest, 2, B, False))
    answer = register.release()
    assert answer.moved.tolist() == [0, 0, 0, 0]
    assert answer.printed.current.all()


def test_few_people_of_one_part_are_not_what_is_left_of_its_whole() -> None:
    register = Register(100, 50, 40)
    register.release()
    register.leave(A, 3)
    register.join(B, *people("new", 12))
    answer = register.release()
    # With 199 in all, 62 in B and 40 in C, A would be 97: three left.
    assert answer.moved.tolist() == [3, 12, 0, 15]
    printed = answer.printed
    assert not (printed.as_of[[B, ALL]] == 1).all()
    assert printed.value[A] == 100


def test_who_moved_in_what_is_left_beside_cells_of_two_days_is_counted_between_those_days() -> None:
    register = Register(100, 90, 80, 70, cells=FOUR)
    register.release()
    register.join(0, *people("first", 6))
    register.join(1, *people("others", 20))
    register.join(2, *people("third", 6))
    register.join(3, *people("fourth", 6))
    assert register.release().printed.as_of.tolist() == [0, 1, 0, 0, 1]
    register.join(0, *people("again", 6))
    register.join(1, *people("more", 20))
    register.join(2, "one")
    register.join(3, "another")
    answer = register.release()
    # Twelve moved in the first since it was counted. But with it told, the whole less the second would be of both
    # months, and in the first, third and fourth together only eight moved between them.
    assert answer.moved.tolist() == [12, 20, 7, 7, 28]
    assert not (answer.printed.as_of[[1, 4]] == 2).all()


def test_two_parts_with_six_each_move_beside_a_whole_that_is_counted_anew() -> None:
    register = Register(100, 50, 40)
    register.release()
    register.leave(A, 6)
    register.join(B, *people("new", 6))
    printed = register.release().printed
    assert printed.value.tolist() == [100, 50, 40, 190]
    assert printed.as_of.tolist() == [0, 0, 0, 1]


def test_a_cell_is_compared_with_each_release_that_counted_it_and_not_only_the_last() -> None:
    register = Register(100, 50, 40)
    register.release()
    register.join(B, *people("guest", 11))
    assert register.release().printed.value[B] == 61
    for guest in people("guest", 11):
        register.now[B].remove(guest)
        register.rows.append((guest, 2, B, False))
    register.join(B, "one")
    # Eleven left and one came since the last release, but only one since the first.
    answer = register.release()
    assert answer.printed.value[B] == 61
    assert answer.held[B]


def test_blanks_stay_blank_until_enough_people_moved() -> None:
    register = Register(100, 8, 40)
    answer = register.release()
    first = answer.printed
    assert first.blank[B]
    assert first.blank[[A, C]].any()
    assert answer.moved.tolist() == [0] * 4
    register.join(B, *people("late", 6))
    second = register.release().printed
    assert (second.blank >= first.blank).all()
    register.join(B, *people("later", 12))
    register.join(A, *people("a", 20))
    register.join(C, *people("c", 20))
    third = register.release().printed
    assert third.value[[A, B, C]].tolist() == [120, 26, 60]
    assert not third.blank.any()


def test_moves_that_contradict_each_other_are_refused() -> None:
    register = Register(100, 50, 40)
    register.release()
    register.join(A, "x")
    register.join(B, "x")
    with pytest.raises(InputRefused, match="in two cells at once"):
        register.release()
    register.rows[-1] = ("x", 1, A, True)
    with pytest.raises(InputRefused, match="twice in a row"):
        register.release()


def test_a_cell_that_became_small_by_few_keeps_its_number() -> None:
    register = Register(12, 50, 40)
    register.release()
    register.leave(A, 3)
    answer = register.release()
    # A blank would tell that three left at least.
    assert answer.printed.value[A] == 12
    assert not answer.printed.blank[A]
    assert answer.held[A]
    assert not answer.sensitive[A]


def test_the_small_cell_is_told_from_those_that_are_blank_for_its_sake() -> None:
    answer = Register(100, 8, 40).release()
    assert answer.sensitive.tolist() == [False, True, False, False]
    assert answer.printed.blank.sum() == 2


def test_a_number_in_which_fewer_moved_just_now_is_held_back_first() -> None:
    register = Register(100, 1000, 50)
    register.release()
    register.join(B, *people("first", 6))
    assert register.release().printed.as_of.tolist() == [0, 0, 0, 0]
    register.leave(A, 3)
    register.join(B, *people("more", 6))
    register.join(C, *people("new", 12))
    answer = register.release()
    # Of the three who left A nothing is told if B, C or all keep their number as well. Twelve moved in B in two
    # months, and twelve in C in the last: its new number tells more, though it is of fewer people.
    assert answer.printed.as_of.tolist() == [0, 0, 2, 2]
    assert answer.printed.value.tolist() == [100, 1000, 62, 1171]


def test_what_was_blank_stays_blank_before_another_number_is_given_up() -> None:
    register = Register(2, 100, 50, 60, cells=FOUR)
    assert register.release().printed.blank.tolist() == [True, False, True, False, False]
    for region, more in ((1, 20), (2, 200), (3, 60)):
        register.join(region, *people(f"{region}", more))
    # With 250 it is the largest beside the blank one, but nobody has read of it.
    answer = register.release()
    assert answer.printed.blank.tolist() == [True, False, True, False, False]
    assert answer.printed.value.tolist() == [0, 120, 0, 120, 492]
    assert answer.printed.as_of.tolist() == [-1, 1, -1, 1, 1]


def test_who_left_a_cell_that_became_small_and_came_back_is_seen_on_neither_day() -> None:
    register = Register(16, 50, 40)
    register.release()
    left = register.now[A][:12]
    register.leave(A, 12)
    register.join(B, *people("b", 30))
    register.join(C, *people("c", 30))
    assert register.release().printed.blank[A]
    register.join(A, *left[:8])
    answer = register.release()
    # Four fewer than in the first release, eight more than in the second: to say 12 would tell of both.
    assert (answer.printed.blank | (answer.printed.as_of < 2))[A]


def test_what_was_blank_is_not_told_for_being_young_too() -> None:
    register = Register(100, 8, 40, policy=shipped_policies()["standard@1.0.0"])
    assert register.release().printed.blank.tolist() == [False, True, True, False]
    register.join(B, *people("b", 30))
    register.join(C, *people("c", 30))
    assert register.release().printed.value.tolist() == [100, 38, 70, 208]
    for guest in people("c", 30):
        register.now[C].remove(guest)
        register.rows.append((guest, 2, C, False))
    # The same forty as in the first release, when they were not told; and 70 is too young to be counted anew.
    assert register.release().printed.blank[C]


def test_what_few_moved_in_since_it_was_blank_and_since_it_was_told_is_not_told() -> None:
    register = Register(100, 8, 40, 300, cells=FOUR)
    assert register.release().printed.blank.tolist() == [False, True, True, False, False]
    register.join(B, *people("b", 30))
    register.join(C, *people("c", 12))
    assert register.release().printed.value[C] == 52
    for guest in people("c", 6):
        register.now[C].remove(guest)
        register.rows.append((guest, 2, C, False))
    register.join(3, *people("d", 20))
    assert register.release().printed.as_of[C] < 2


def test_no_more_is_held_back_than_few_need() -> None:
    register = Register(100, 50, 60)
    register.release()
    moving = register.now[A][:3]
    register.leave(A, 3)
    register.join(B, *moving, *people("b", 7))
    register.join(C, *people("c", 20))
    # Ten moved in B, but only seven in A and B together: C keeps its number with A, and B need not.
    answer = register.release()
    assert answer.printed.as_of.tolist() == [0, 1, 0, 1]
    assert answer.printed.value.tolist() == [100, 60, 60, 237]


def refuse(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """So often no pattern is proved."""
    module, left = import_module("linkage_core.release_history.hold_back"), [times]

    def search(*arguments: object, **named: object) -> object:
        left[0] -= 1
        if left[0] >= 0:
            raise DisclosureRefused("no pattern")
        return suppress_with_proof(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "suppress_with_proof", search)


def test_where_nothing_is_proved_the_release_repeats_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    register = Register(100, 8, 40, 300, cells=FOUR)
    first = register.release().printed
    assert first.blank.tolist() == [False, True, True, False, False]
    register.join(0, *people("a", 20))
    register.join(2, *people("c", 20))
    refuse(monkeypatch, 2)
    answer = register.release()
    assert answer.printed.value.tolist() == first.value.tolist() == [100, 0, 0, 300, 448]
    assert answer.printed.as_of.tolist() == [0, -1, -1, 0, 0]
    assert answer.printed.blank.tolist() == first.blank.tolist()
    assert answer.held.tolist() == (~first.blank).tolist()
    assert not answer.sensitive.any()
    # In the fourth nobody moved: its number is of these people as well.
    assert answer.still.tolist() == answer.printed.current.tolist() == [False, False, False, True, False]
    assert answer.evidence is None


def test_it_repeats_the_last_one_and_none_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    register = Register(100, 8, 40, 300, cells=FOUR)
    register.release()
    for region in range(4):
        register.join(region, *people(f"{region}", 20))
    second = register.release().printed
    assert not second.blank.any()
    register.join(0, *people("more", 20))
    refuse(monkeypatch, 2)
    answer = register.release()
    assert answer.printed.value.tolist() == second.value.tolist() == [120, 28, 60, 320, 528]
    assert answer.printed.as_of.tolist() == [1] * 5


def test_where_something_is_proved_with_all_that_was_blank_it_stays_blank(monkeypatch: pytest.MonkeyPatch) -> None:
    register = Register(100, 8, 40, 300, cells=FOUR)
    assert register.release().printed.blank.tolist() == [False, True, True, False, False]
    register.join(1, *people("b", 20))
    register.join(2, *people("c", 20))
    register.join(3, *people("d", 20))
    assert not register.release().printed.blank.any()
    for region in range(4):
        register.join(region, *people(f"more {region}", 20))
    refuse(monkeypatch, 1)
    # What counts is the release before it, which had no blank.
    assert register.release().printed.as_of.tolist() == [2] * 5
    register = Register(100, 8, 40, 300, cells=FOUR)
    monkeypatch.undo()
    register.release()
    for region in range(4):
        register.join(region, *people(f"{region}", 20))
    refuse(monkeypatch, 1)
    assert register.release().printed.blank.tolist() == [False, True, True, False, False]


def test_what_nobody_moved_in_is_told_as_it_was() -> None:
    register = Register(100, 50, 40)
    register.release()
    register.leave(A, 20)
    answer = register.release()
    assert answer.still.tolist() == [False, True, True, False]
    assert answer.printed.as_of.tolist() == [1, 0, 0, 1]
    assert answer.printed.current.all()
