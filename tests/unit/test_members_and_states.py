"""Who stands in which cell, how two releases differ in that, and what an earlier one said of the cells of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from pyroaring import BitMap

from linkage.errors import InputRefused
from linkage_core.counted_persons import BlockPersons, CountedPersons
from linkage_core.counted_table import Dimension
from linkage_core.disclosure.linked_cells import Numbered, number_cells
from linkage_core.layout import Layout
from linkage_core.release_history import (
    Axis,
    CellStates,
    Incidence,
    Members,
    Moves,
    Printed,
    PublishedCells,
    differences,
    number_members,
)
from linkage_core.strata import StratumRule

AGES = ("young", "middle", "old")
SEXES = ("man", "woman")


def with_margins(leaves: np.ndarray) -> np.ndarray:
    for axis in range(leaves.ndim):
        leaves = np.concatenate([leaves, leaves.sum(axis=axis, keepdims=True)], axis=axis)
    return leaves


def by_age_and_sex(*, ages: Sequence[str] = AGES, key: str = "users", first: int = 1) -> Numbered:
    """Counts that all differ, so that a cell is known by its number."""
    leaves = (first + np.arange(len(ages) * 2).reshape(len(ages), 2) ** 2).astype(np.int64)
    return number_cells([(key, (Dimension("age", tuple(ages)), Dimension("sex", SEXES)), with_margins(leaves))])


def printed(cells: Numbered, **fields: np.ndarray) -> Printed:
    size = cells.values.size
    said = {
        "value": cells.values,
        "as_of": np.zeros(size, dtype=np.int64),
        "current": np.ones(size, dtype=np.bool_),
        "blank": np.zeros(size, dtype=np.bool_),
    }
    return Printed(**said | fields)


def beside(
    states: CellStates,
    cells: Numbered,
    *,
    number: int = 5,
    numbers: Mapping[str, int] | None = None,
    alike: Mapping[str, Sequence[str]] | None = None,
    same_table: bool = True,
) -> Printed:
    return states.beside(
        cells,
        number=number,
        numbers={"march": 3} if numbers is None else numbers,
        alike=lambda key: (alike or {}).get(key, ()),
        same_table=same_table,
    )


def test_a_release_says_of_its_own_cells_what_it_printed() -> None:
    cells = by_age_and_sex()
    size = cells.values.size
    number = np.arange(size)
    said = printed(
        cells,
        value=cells.values + 1000,
        as_of=np.where(number % 3 == 0, -1, number % 2),
        current=number % 2 == 1,
        blank=number % 3 == 0,
    )
    # Releases 0 and 1 of those it knows are number 3 and itself among those that are looked at.
    found = beside(CellStates.of(cells, said, names=("march", "april")), cells)
    assert found.value.tolist() == said.value.tolist()
    assert found.as_of.tolist() == [-1 if n % 3 == 0 else (3, 5)[n % 2] for n in range(size)]
    assert found.current.tolist() == said.current.tolist()
    assert found.blank.tolist() == said.blank.tolist()


def test_cells_are_found_by_their_levels_and_not_by_their_place() -> None:
    earlier, now = by_age_and_sex(), by_age_and_sex(ages=("old", "young", "middle"))
    found = beside(CellStates.of(earlier, printed(earlier), names=("march",)), now)
    then = earlier.cube("users", ("age", "sex"))[[2, 0, 1, 3]]
    assert found.value[now.cube("users", ("age", "sex"))].tolist() == earlier.values[then].tolist()
    assert set(found.as_of.tolist()) == {3}


@pytest.mark.parametrize("same_table", [True, False])
def test_a_level_that_a_release_of_the_same_table_did_not_have_was_empty(same_table: bool) -> None:
    earlier, now = by_age_and_sex(ages=("young", "old")), by_age_and_sex()
    found = beside(CellStates.of(earlier, printed(earlier), names=("march",)), now, same_table=same_table)
    middle = now.cube("users", ("age", "sex"))[1]
    assert found.value[middle].tolist() == [0, 0, 0]
    assert found.as_of[middle].tolist() == ([5, 5, 5] if same_table else [-1, -1, -1])
    assert found.current[middle].tolist() == [same_table] * 3
    assert not found.blank[middle].any()
    others = np.setdiff1d(np.arange(now.values.size), middle)
    assert found.current[others].all()
    assert (found.as_of[others] == 3).all()


def test_of_cells_that_it_did_not_count_a_release_said_nothing() -> None:
    earlier = by_age_and_sex(key="users")
    now = number_cells([("others", (Dimension("sex", SEXES),), np.array([4, 5, 9]))])
    states = CellStates.of(earlier, printed(earlier, blank=np.ones(earlier.values.size, np.bool_)), names=("march",))
    found = beside(states, now)
    assert (found.as_of == -1).all()
    assert not (found.current | found.blank).any()
    assert not found.value.any()


def test_and_what_it_said_of_others_is_found_behind_them() -> None:
    axis = (Dimension("sex", SEXES),)
    earlier = number_cells([("b", axis, np.array([4, 5, 9]))])
    now = number_cells([(key, axis, np.array([4, 5, 9])) for key in ("a", "b")])
    found = beside(CellStates.of(earlier, printed(earlier), names=("march",)), now)
    assert found.value[now.cube("a", ("sex",))].tolist() == [0, 0, 0]
    assert found.value[now.cube("b", ("sex",))].tolist() == [4, 5, 9]


def test_a_set_is_found_under_the_name_of_one_with_the_same_members() -> None:
    earlier = by_age_and_sex(key="users")
    now = by_age_and_sex(key="takers")
    states = CellStates.of(earlier, printed(earlier), names=("march",))
    assert beside(states, now, alike={"takers": ["sellers", "users"]}).value.tolist() == now.values.tolist()
    assert not beside(states, now).current.any()


def test_its_own_name_comes_first() -> None:
    axis = (Dimension("sex", SEXES),)
    earlier = number_cells([("a", axis, np.array([4, 5, 9])), ("b", axis, np.array([1, 2, 3]))])
    states = CellStates.of(earlier, printed(earlier), names=("march",))
    now = number_cells([("b", axis, np.array([7, 7, 14]))])
    assert sorted(beside(states, now, alike={"b": ["a", "b"]}).value.tolist()) == [1, 2, 3]


def test_a_release_without_cells_tells_of_empty_ones_at_most() -> None:
    none = number_cells([])
    states = CellStates.of(none, printed(none), names=("march",))
    now = by_age_and_sex()
    for same_table in (True, False):
        found = beside(states, now, same_table=same_table)
        assert not (found.current | found.blank).any()
        assert (found.as_of == -1).all()


def members(
    people: Mapping[int, tuple[str, str]], users: Sequence[int], *, periods: Mapping[str, Sequence[int]] | None = None
) -> Members:
    """People by age and sex, some of them users, of a calendar if that is given."""
    population = BitMap(people)
    columns = tuple(BitMap(own) for own in (periods or {}).values())
    return Members(
        {"population": (population,), "users": (*columns, BitMap(users))},
        {"population": ("", ()), "users": ("year", tuple(periods)) if periods else ("", ())},
        {
            "age": {level: BitMap(n for n, (age, _) in people.items() if age == level) for level in AGES},
            "sex": {level: BitMap(n for n, (_, sex) in people.items() if sex == level) for level in SEXES},
        },
    )


PEOPLE = {n: (AGES[n % 3], SEXES[n % 2]) for n in range(1, 13)}


def moved_in(cells: Numbered, people: Incidence) -> dict[tuple[object, ...], int]:
    """Number of different people by coordinates (age, sex), "all" for totals."""
    moved = people.moved(cells.values.size)
    cube = moved[cells.cube("users", ("age", "sex"))]
    return {
        (age, sex): int(cube[i, j])
        for i, age in enumerate((*AGES, "all"))
        for j, sex in enumerate((*SEXES, "all"))
        if cube[i, j]
    }


def test_nobody_moved_between_a_release_and_itself() -> None:
    now = members(PEOPLE, [1, 2, 3])
    assert not moved_in(by_age_and_sex(), differences(by_age_and_sex(), now=now, earlier=now))


def test_who_comes_and_who_goes_move_in_each_of_their_cells() -> None:
    cells = by_age_and_sex()
    # 1 is a young woman ((middle, woman) by its number); she leaves, 6 comes: (young, man).
    found = differences(cells, now=members(PEOPLE, [2, 3, 6]), earlier=members(PEOPLE, [1, 2, 3]))
    assert PEOPLE[1] == ("middle", "woman")
    assert PEOPLE[6] == ("young", "man")
    assert moved_in(cells, found) == {
        ("middle", "woman"): 1,
        ("middle", "all"): 1,
        ("young", "man"): 1,
        ("young", "all"): 1,
        ("all", "woman"): 1,
        ("all", "man"): 1,
        ("all", "all"): 2,
    }


def test_who_changes_the_level_moves_between_two_cells_and_in_no_total_of_both() -> None:
    cells = by_age_and_sex()
    later = PEOPLE | {1: ("old", "woman")}
    found = differences(cells, now=members(later, [1, 2]), earlier=members(PEOPLE, [1, 2]))
    assert moved_in(cells, found) == {
        ("middle", "woman"): 1,
        ("middle", "all"): 1,
        ("old", "woman"): 1,
        ("old", "all"): 1,
    }
    # Who is not counted moves nowhere.
    assert not moved_in(cells, differences(cells, now=members(later, [2]), earlier=members(PEOPLE, [2])))


def test_a_sum_of_cells_has_moved_by_those_who_moved_in_one_of_them_alone() -> None:
    cells = by_age_and_sex()
    later = PEOPLE | {1: ("old", "woman")}
    found = differences(cells, now=members(later, [1, 2]), earlier=members(PEOPLE, [1, 2, 7]))
    cube = cells.cube("users", ("age", "sex"))
    middle, old, everybody = cube[1, 1], cube[2, 1], cube[3, 1]
    # Both women of middle age left it, 1 for the old ones.
    terms = np.array([middle, old, everybody, middle, old, everybody])
    group, sign = np.array([0, 0, 1, 2, 2, 2]), np.array([1, 1, 1, -1, -1, 1])
    assert found.moved_in_sums(group, terms, sign, groups=4).tolist() == [1, 1, 0, 0]


def test_cells_of_a_period_are_of_those_who_are_counted_in_it() -> None:
    cells = number_cells([("users", (Dimension("year", ("2020", "2021")),), np.array([2, 2, 3]))])
    now = members(PEOPLE, [1, 2, 3], periods={"2020": [1, 2], "2021": [2, 3]})
    earlier = members(PEOPLE, [1, 2, 3], periods={"2020": [1], "2021": [2, 3]})
    found = differences(cells, now=now, earlier=earlier).moved(3)
    assert found[cells.cube("users", ("year",))].tolist() == [1, 0, 0]
    # Another calendar: any of its members may have moved.
    other = members(PEOPLE, [1, 2, 3], periods={"2021": [2, 3], "2022": [1]})
    found = differences(cells, now=now, earlier=other).moved(3)
    assert found[cells.cube("users", ("year",))].tolist() == [2, 0, 0]


def test_a_period_that_is_no_longer_told_hides_no_later_one_and_its_people_are_gone() -> None:
    cells = number_cells([("users", (Dimension("year", ("2021", "2022")),), np.array([2, 0, 2]))])
    now = members(PEOPLE, [2, 3], periods={"2021": [2, 3], "2022": []})
    earlier = members(PEOPLE, [1, 2, 3, 4], periods={"2020": [1], "2021": [2, 3, 4]})
    found = differences(cells, now=now, earlier=earlier).moved(3)
    # 4 left 2021, and 1 and 4 all years.
    assert found[cells.cube("users", ("year",))].tolist() == [1, 0, 2]


def test_who_came_or_went_is_found_in_every_period_of_another_calendar() -> None:
    cells = number_cells([("users", (Dimension("year", ("2021", "2022")),), np.array([2, 2, 4]))])
    # 1 and 2 are in the place where the other had 1 and 2, but of other years; 7 and 8 are new.
    now = members(PEOPLE, [1, 2, 7, 8], periods={"2021": [1, 7], "2022": [2, 8]})
    earlier = members(PEOPLE, [1, 2], periods={"2020": [1], "2021": [2]})
    found = differences(cells, now=now, earlier=earlier).moved(3)
    assert found[cells.cube("users", ("year",))].tolist() == [3, 2, 2]


def test_a_calendar_may_stand_before_or_behind_other_strata() -> None:
    for calendar in ("month", "year"):
        axes = (Dimension(calendar, ("1", "2")), Dimension("sex", SEXES))
        cells = number_cells([("users", axes, np.zeros((3, 3), np.int64))])
        now, earlier = (
            Members(own.sets, own.periods | {"users": (calendar, ("1", "2"))}, own.levels)
            for own in (
                members(PEOPLE, [1, 2, 3], periods={"1": [1, 2], "2": [3]}),
                members(PEOPLE, [2, 3], periods={"1": [2], "2": [3]}),
            )
        )
        moved = differences(cells, now=now, earlier=earlier).moved(9)[cells.cube("users", (calendar, "sex"))]
        # 1 is a woman.
        assert moved.tolist() == [[0, 1, 1], [0, 0, 0], [0, 1, 1]]


def test_a_level_that_the_table_has_no_more_is_not_taken_for_another() -> None:
    cells = by_age_and_sex(ages=("young", "middle"))
    later = PEOPLE | {2: ("young", "man")}
    assert PEOPLE[2] == ("old", "man")
    found = differences(cells, now=members(later, [2]), earlier=members(PEOPLE, [2]))
    moved = found.moved(cells.values.size)[cells.cube("users", ("age", "sex"))]
    # Men, women and both of the young, of middle age, of all: he is a new one among the young.
    assert moved.tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_a_calendar_tells_of_no_other_stratum() -> None:
    one = members(PEOPLE, [1, 2], periods={"2020": [1], "2021": [2]})
    known = Members(one.sets, one.periods, {})
    assert known.knows("users", ("year",))
    assert not known.knows("users", ("sex",))
    assert not known.knows("users", ("zone",))


def test_members_are_numbered_as_they_were_counted() -> None:
    sex = StratumRule(Dimension("sex", ("man", "woman", "unknown")), lambda population: np.zeros(4, np.int32))
    columns = {"population": slice(0, 1), "users": slice(1, 2)}
    layout = Layout((), (), columns, {}, {})
    bits = np.array([[0b1111], [0b0110]], dtype=np.uint64)
    block = BlockPersons(4, bits, np.array([0, 1]), {"rule": np.array([0, 1, 1, 0], np.int32)})
    found = number_members(CountedPersons(layout, {"rule": sex}, [block]), np.array([70, 20, 30, 90], np.uint32))
    assert found.population == BitMap([20, 30, 70, 90])
    assert found.sets["users"] == (BitMap([20, 30]),)
    assert found.periods == {"population": ("", ()), "users": ("", ())}
    assert found.levels == {"sex": {"man": BitMap([70, 90]), "woman": BitMap([20, 30]), "unknown": BitMap()}}


def test_cells_that_either_release_does_not_know_are_left_out() -> None:
    cells = by_age_and_sex()
    now = members(PEOPLE, [1])
    unknown = Members(now.sets, now.periods, {"sex": now.levels["sex"]})
    assert now.knows("users", ("age", "sex"))
    assert unknown.knows("users", ("sex",))
    assert not unknown.knows("users", ("age", "sex"))
    assert not unknown.knows("nobody", ())
    moved = differences(cells, now=members(PEOPLE, [1, 2]), earlier=unknown).moved(cells.values.size)
    cube = cells.cube("users", ("age", "sex"))
    assert moved[cube[-1]].tolist() == [1, 0, 1]
    assert not moved[cube[:-1]].any()


def test_who_has_no_level_of_a_stratum_moves_in_its_total_alone() -> None:
    cells = by_age_and_sex()
    earlier = members(PEOPLE, [1, 2])
    # 20 is in the population, and neither age nor sex of hers is known.
    now = Members(
        {"population": earlier.sets["population"], "users": (BitMap([1, 2, 20]),)}, earlier.periods, earlier.levels
    )
    assert moved_in(cells, differences(cells, now=now, earlier=earlier)) == {("all", "all"): 1}


def test_sets_of_the_same_members_in_the_same_periods_are_alike() -> None:
    some, others = (BitMap([1, 2]),), (BitMap([1, 3]),)
    periods = {"a": ("", ()), "b": ("", ()), "c": ("", ()), "d": ("year", ("2020",))}
    found = Members({"a": some, "b": some, "c": others, "d": some}, periods, {})
    assert found.named_alike("a") == {"a", "b"}
    assert found.named_alike("c") == {"c"}
    assert found.named_alike("d") == {"d"}
    assert found.named_alike("e") == set()


def moves(*rows: tuple[int, int, int, bool]) -> Moves:
    person, release, leaf, joined = (np.array(column) for column in zip(*rows, strict=True))
    return Moves(person, release, leaf, joined)


def test_who_came_and_went_again_is_gone() -> None:
    own = moves((7, 1, 0, True), (7, 2, 0, False), (8, 1, 1, False), (9, 2, 1, True), (9, 2, 0, False))
    since = {
        release: sorted(zip(found.person.tolist(), found.leaf.tolist(), found.change.tolist(), strict=True))
        for release in range(3)
        for found in [own.since(release)]
    }
    assert since == {0: [(8, 1, -1), (9, 0, -1), (9, 1, 1)], 1: [(7, 0, -1), (9, 0, -1), (9, 1, 1)], 2: []}


def test_the_first_person_may_move_from_one_cell_to_another_too() -> None:
    found = moves((0, 1, 1, False), (0, 1, 0, True), (1, 1, 0, False), (1, 1, 1, True)).since(0)
    assert found.person.tolist() == [0, 0, 1, 1]
    assert found.change.tolist() == [1, -1, -1, 1]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (((7, 1, 0, True), (7, 2, 0, True)), "twice in a row"),
        (((7, 1, 0, False), (7, 2, 0, False)), "twice in a row"),
        (((7, 1, 0, True), (7, 2, 1, True)), "in two cells"),
    ],
)
def test_moves_that_cannot_be_are_refused(rows: tuple[tuple[int, int, int, bool], ...], words: str) -> None:
    with pytest.raises(InputRefused, match=words):
        moves(*rows).since(0)


def test_a_leaf_is_held_by_every_cell_of_codes_above_it() -> None:
    county = Axis(((0,), (1,), (2,), (1, 2), (0, 1, 2)), 3, ((3, (1, 2)), (4, (0, 3))))
    sex = Axis(((0,), (1,), (0, 1)), 2, ((2, (0, 1)),))
    cells = PublishedCells((county, sex))
    rows, found = cells.holding(np.array([0, 5]))
    # Leaf 0 is county 0 and sex 0; leaf 5 county 2 and sex 1. A cell is 3 county + sex.
    assert sorted(found[rows == 0].tolist()) == [0, 2, 12, 14]
    assert sorted(found[rows == 1].tolist()) == [7, 8, 10, 11, 13, 14]
    assert (cells.size, cells.shape, cells.leaf_shape) == (15, (5, 3), (3, 2))


def test_people_are_told_apart_whatever_their_numbers() -> None:
    cell, person = np.array([1, 1, 0, 1]), np.array([900, 30, 30, 900])
    found = Incidence.of(cell, person, np.array([1, 1, -1, 1]))
    assert found.moved(3).tolist() == [1, 2, 0]
    assert found.person.tolist() == [0, 0, 1]
    assert found.change.tolist() == [-1, 1, 2]
    nobody = Incidence.of(*(np.empty(0, np.int64),) * 3)
    assert nobody.moved(2).tolist() == [0, 0]
