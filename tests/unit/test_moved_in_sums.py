"""How many different people sums of cells differ by, counted by hand."""

from __future__ import annotations

import numpy as np

from linkage_core.release_history.movement import Incidence


def incidence(*rows: tuple[int, int, int]) -> Incidence:
    """Cell, person, change; sorted by cell."""
    cell, person, change = (np.array([row[i] for row in rows], dtype=np.int64) for i in range(3))
    return Incidence(cell, person, change)


def moved(people: Incidence, *sums: list[tuple[int, int]]) -> list[int]:
    """Different people of each sum, which is given as cells with their signs."""
    terms = [(group, cell, sign) for group, own in enumerate(sums) for cell, sign in own]
    group, cell, sign = (np.array([term[i] for term in terms], dtype=np.int64) for i in range(3))
    return people.moved_in_sums(group, cell, sign, groups=len(sums)).tolist()


# Person 0 joined cell 0, person 1 left it for cell 1, person 2 joined cell 3; nobody moved in cells 2 and 4.
PEOPLE = incidence((0, 0, 1), (0, 1, -1), (1, 1, 1), (3, 2, 1))


def test_a_sum_of_one_cell_has_the_people_of_the_cell() -> None:
    assert moved(PEOPLE, [(0, 1)], [(1, 1)], [(2, 1)], [(3, 1)], [(4, 1)]) == [2, 1, 0, 1, 0]


def test_who_leaves_one_cell_of_a_sum_for_another_of_it_has_not_moved() -> None:
    assert moved(PEOPLE, [(0, 1), (1, 1)]) == [1]


def test_who_leaves_a_cell_for_one_that_is_taken_off_has_moved_once() -> None:
    # Person 1 makes the difference of both cells smaller by two; she is one person.
    assert moved(PEOPLE, [(0, 1), (1, -1)]) == [2]


def test_who_is_in_a_whole_and_in_a_part_that_is_taken_off_has_not_moved() -> None:
    people = incidence((0, 0, 1), (1, 0, 1), (1, 1, 1))
    assert moved(people, [(1, 1), (0, -1)]) == [1]


def test_sums_are_kept_apart_also_where_one_person_moved_in_all() -> None:
    one = incidence((0, 0, 1), (1, 0, 1), (2, 0, -1))
    assert moved(one, [(0, 1)], [(1, 1)], [(2, 1)], [(1, 1), (2, 1)]) == [1, 1, 1, 0]


def test_sums_of_cells_in_which_nobody_moved_have_nobody() -> None:
    nobody = incidence()
    assert moved(nobody, [(0, 1)], [(7, 1), (3, -1)]) == [0, 0]


def test_changes_of_one_person_in_a_cell_add_up() -> None:
    of = Incidence.of(np.array([4, 2, 4, 2]), np.array([70, 70, 70, 9]), np.array([1, 1, -1, -1]))
    # Person 70 left one part of cell 4 for another part of it; people are numbered from 0.
    assert (of.cell.tolist(), of.person.tolist(), of.change.tolist()) == ([2, 2], [0, 1], [-1, 1])
    assert of.moved(5).tolist() == [0, 0, 2, 0, 0]
