"""When a number is old enough to be counted anew, by examples to be checked by hand."""

from __future__ import annotations

import numpy as np

from linkage.disclosure_policy import shipped_policies
from linkage_core.release_history.pace import too_early
from linkage_core.release_history.published_cells import Axis, PublishedCells
from tests.spec.test_release_history import ALL, A, B, Register, people

STANDARD = shipped_policies()["standard@1.0.0"]
# Three regions and their total: the kinds are the regions and the total.
KINDS = np.array([0, 0, 0, 1])
VALUES = np.array([200, 100, 100, 400])


def early(*moved: int, expected: int = 20, said: tuple[int, ...] = (200, 100, 100, 400), of: int = 0) -> list[bool]:
    """Which of the regions and their total have to wait after so many moved since release 0."""
    as_of = np.full(4, of)
    flags = too_early(
        values=VALUES, kinds=KINDS, said=np.array(said), as_of=as_of, moved_since=[np.array(moved)], expected=expected
    )
    return [bool(flag) for flag in flags]


def test_who_moved_in_the_cells_of_a_kind_together_say_how_many_are_to_be_expected_in_each() -> None:
    # 48 moved in all: 24 are to be expected among 200 of 400 persons, 12 among 100.
    assert early(24, 12, 12, 48) == [False, True, True, False]
    # 39 moved: 19.5 are to be expected among the 200.
    assert early(15, 12, 12, 39) == [True, True, True, False]
    assert early(16, 12, 12, 40) == [False, True, True, False]


def test_it_does_not_matter_in_which_cell_they_moved() -> None:
    assert early(20, 20, 0, 40)[:2] == early(8, 31, 1, 40)[:2] == [False, True]


def test_a_cell_that_changes_faster_than_its_kind_is_counted_when_twice_as_many_moved() -> None:
    assert early(1, 39, 0, 40) == [False, True, False, False]
    assert early(1, 40, 0, 41) == [False, False, False, False]
    # An empty one has no share of who is expected.
    assert early(0, 39, 0, 39, said=(200, 0, 100, 400))[1]
    assert not early(0, 40, 0, 40, said=(200, 0, 100, 400))[1]


def test_the_only_cell_of_its_kind_waits_for_nothing() -> None:
    assert early(1, 0, 0, 1) == [True, False, False, False]


def test_cells_in_which_nobody_moved_and_blanks_are_not_early() -> None:
    assert early(0, 19, 0, 19) == [False, True, False, False]
    assert early(5, 5, 5, 15, of=-1) == [False] * 4


def test_no_number_is_early_without_the_rule() -> None:
    assert early(1, 1, 1, 3, expected=0) == [False] * 4


def test_each_number_is_compared_with_the_release_that_it_is_of() -> None:
    flags = too_early(
        values=VALUES,
        kinds=KINDS,
        said=VALUES,
        as_of=np.array([1, 0, 1, 1]),
        moved_since=[np.array([40, 20, 20, 80]), np.array([4, 2, 2, 8])],
        expected=20,
    )
    assert flags.tolist() == [True, False, True, False]


def test_kinds_are_leaves_what_is_between_and_totals_of_each_axis() -> None:
    region = Axis(((0,), (1,), (2,), (0, 1), (0, 1, 2)), 3, ((3, (0, 1)), (4, (3, 2))))
    sex = Axis(((0,), (1,), (0, 1)), 2, ((2, (0, 1)),))
    kinds = PublishedCells((region, sex)).kinds().reshape(5, 3)
    assert (kinds[:3, :2] == kinds[0, 0]).all()
    assert kinds[3, 0] == kinds[3, 1]
    assert len(np.unique(kinds)) == 6


def test_a_release_counts_a_region_anew_when_enough_are_to_be_expected_and_the_total_at_once() -> None:
    register = Register(1000, 500, 400, policy=STANDARD)
    register.release()
    register.leave(A, 12)
    register.leave(B, 12)
    printed = register.release().printed
    # 24 moved among 1900 persons: 12.6 are to be expected in A.
    assert printed.value.tolist() == [1000, 500, 400, 1876]
    register.join(A, *people("a", 13))
    register.join(B, *people("b", 13))
    printed = register.release().printed
    # 50 moved: 26 are to be expected in A and 13 in B, but A alone would be told with what is left of the total.
    assert printed.value[ALL] == 1902
    assert printed.as_of[ALL] == 2
    assert printed.as_of[[A, B]].tolist() == [0, 0]
