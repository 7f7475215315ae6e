"""Which sums tie the cells of a table: totals, parts of sets, far parts, nested strata, periods; by cells' names."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage.errors import DisclosureRefused, InputRefused
from linkage_core.counted_table import (
    CountedTable,
    Dimension,
    Line,
    Nesting,
    PeriodPart,
    PersonCube,
    PublicCube,
    Split,
    Statistic,
)
from linkage_core.disclosure.cell_system import Relations, implied_by
from linkage_core.disclosure.linked_cells import (
    Numbered,
    number_cells,
    tie_everybody,
    tie_far_parts,
    tie_margins,
    tie_nestings,
    tie_periods,
    tie_splits,
)
from linkage_core.disclosure.person_cells import (
    crowded,
    in_small_strata,
    number_persons,
    person_system,
    refuse_small_population,
)

POLICY = shipped_policies()["standard@1.0.0"]
SEX = Dimension("sex", ("man", "woman"))
AGE = Dimension("age", ("young", "middle", "old"))
DRUG = Dimension("drug", ("a", "b"), multi_response=True)
Sums = set[tuple[str, tuple[str, ...], bool]]
"""Whole, parts, and whether the parts may leave a rest."""


def with_totals(*leaves: object) -> np.ndarray:
    cells = np.array(leaves)
    for axis in range(cells.ndim):
        cells = np.concatenate([cells, cells.sum(axis=axis, keepdims=True)], axis=axis)
    return cells


def cells_of(*cubes: tuple[str, tuple[Dimension, ...], np.ndarray]) -> Numbered:
    return number_cells(cubes)


def names_of(cells: Numbered) -> list[str]:
    """Each cell as its set and its levels."""
    names = [""] * cells.values.size
    for (key, strata), block in cells.blocks.items():
        levels = [cells.dimensions[name].levels for name in strata]
        for place, number in np.ndenumerate(block):
            names[number] = " ".join([key, *(own[at] for own, at in zip(levels, place, strict=True))])
    return names


def tied(cells: Numbered, tie: Callable[[Relations], None]) -> Sums:
    relations = Relations()
    tie(relations)
    starts, members, _, implied = relations.build(cells.values)
    names = names_of(cells)
    rows = [members[start:end].tolist() for start, end in pairwise(starts)]
    found = [
        (names[row[0]], tuple(names[part] for part in row[1:]), bool(rest))
        for row, rest in zip(rows, implied, strict=True)
    ]
    assert len(set(found)) == len(found), "told twice"
    return set(found)


def test_cubes_of_a_set_share_their_margins_whatever_the_order_of_their_strata() -> None:
    crossed = with_totals([1, 2, 3], [4, 5, 6])
    cells = cells_of(("all", (SEX, AGE), crossed), ("all", (AGE, SEX), crossed.T), ("all", (), np.array(21)))
    assert cells.values.size == 12
    assert cells.values[cells.cube("all", ("sex", "age"))].tolist() == crossed.tolist()
    assert cells.values[cells.cube("all", ("age", "sex"))].tolist() == crossed.T.tolist()
    assert cells.values[cells.cube("all", ("age",))].tolist() == [5, 7, 9, 21]
    by_name = dict(zip(names_of(cells), zip(cells.values.tolist(), cells.strata.tolist(), strict=True), strict=True))
    assert by_name["all old woman"] == (6, 2)
    assert (by_name["all woman"], by_name["all old"], by_name["all"]) == ((15, 1), (9, 1), (21, 0))
    with pytest.raises(InputRefused, match=r"No cube 'some' over \['sex'\]"):
        cells.cube("some", ("sex",))


def test_three_strata_are_found_in_any_order() -> None:
    year = Dimension("year", ("2020", "2021"))
    cube = with_totals(*np.arange(1, 13).reshape(2, 3, 2).tolist())
    cells = cells_of(("all", (SEX, AGE, year), cube))
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)):
        names = tuple(("sex", "age", "year")[axis] for axis in order)
        assert cells.values[cells.cube("all", names)].tolist() == np.transpose(cube, order).tolist()


def test_cubes_that_contradict_each_other_are_refused() -> None:
    men = with_totals(1, 2)
    with pytest.raises(InputRefused, match="disagree about the same cells"):
        cells_of(("all", (SEX,), men), ("all", (), np.array(4)))
    with pytest.raises(InputRefused, match="grouped in two ways"):
        cells_of(("all", (SEX,), men), ("some", (Dimension("sex", ("woman", "man")),), men))
    for shape in (np.array([1, 2, 3, 6]), np.array([1, 2])):
        with pytest.raises(InputRefused, match="does not have the shape"):
            cells_of(("all", (SEX,), shape))
    with pytest.raises(InputRefused, match="does not have the shape"):
        cells_of(("all", (SEX, SEX), with_totals([1, 2], [3, 4])))


def test_levels_add_up_to_their_total_and_several_answers_are_each_part_of_it() -> None:
    cells = cells_of(("all", (SEX,), with_totals(3, 4)), ("users", (DRUG,), np.array([5, 6, 7])))
    exact = ("all", ("all man", "all woman"), False)
    assert tied(cells, lambda relations: tie_margins(cells, relations)) == {
        exact,
        ("users", ("users a",), True),
        ("users", ("users b",), True),
    }
    # Of amounts that may be negative a level may be more than its total.
    assert tied(cells, lambda relations: tie_margins(cells, relations, negative=True)) == {exact}


def test_crossed_levels_add_up_along_each_stratum() -> None:
    cells = cells_of(("all", (AGE, SEX), with_totals([1, 2], [3, 4], [5, 6])))
    found = tied(cells, lambda relations: tie_margins(cells, relations))
    assert ("all middle", ("all middle man", "all middle woman"), False) in found
    assert ("all woman", ("all young woman", "all middle woman", "all old woman"), False) in found
    assert ("all", ("all young", "all middle", "all old"), False) in found
    assert len(found) == 3 + 2 + 2


def test_parts_of_a_set_are_tied_where_they_are_counted() -> None:
    cells = cells_of(
        ("all", (SEX,), with_totals(9, 8)), ("yes", (SEX,), with_totals(4, 5)), ("no", (), np.array(8)),
    )  # fmt: skip
    splits = [Split("all", ("yes", "no")), Split("no", ("never",)), Split("nobody", ("yes",))]
    assert tied(cells, lambda relations: tie_splits(cells, splits, relations)) == {
        ("all", ("yes", "no"), False),
        ("all man", ("yes man",), True),
        ("all woman", ("yes woman",), True),
    }


def test_a_set_is_tied_to_those_far_around_it_where_few_are_between() -> None:
    """Of 30 within 40 within 45 within 60: between the first and the third are 15, the second and the fourth 20."""
    cells = cells_of(*((key, (), np.array(persons)) for key, persons in zip("abcd", (30, 40, 45, 60), strict=True)))
    splits = [Split(whole, (part, f"{whole} without {part}")) for part, whole in ("ab", "bc", "cd")]

    def between(few: int, *more: Split) -> Sums:
        small = lambda persons: persons < few  # noqa: E731
        return tied(cells, lambda relations: tie_far_parts(cells, [*splits, *more], relations, small))

    assert between(15) == set()
    assert between(16) == {("c", ("a",), True)}
    assert between(21) == {("c", ("a",), True), ("d", ("b",), True)}
    assert between(31) == {("c", ("a",), True), ("d", ("b",), True), ("d", ("a",), True)}
    # What lies next to each other is tied already, and parts that are all counted have sums of their own.
    assert between(16, Split("d", ("b", "rest"))) == {("c", ("a",), True)}
    assert between(16, Split("c", ("a", "c without a"))) == set()


def test_sets_of_equal_persons_lie_within_the_same_sets() -> None:
    every = cells_of(
        *((key, (SEX,), with_totals(*own)) for key, own in zip("abc", ((3, 9), (3, 9), (5, 30)), strict=True))
    )
    splits = [Split("b", ("a",)), Split("c", ("b", "c without b"))]
    few = lambda persons: persons < 10  # noqa: E731
    assert tied(every, lambda relations: tie_far_parts(every, splits, relations, few)) == {("c man", ("a man",), True)}


def test_all_persons_are_tied_to_sets_that_nothing_else_ties_to_them_where_few_are_not_in_them() -> None:
    cells = cells_of(
        ("all", (SEX,), with_totals(50, 40)),
        ("yes", (SEX,), with_totals(45, 35)),
        ("far", (), np.array(84)),
        ("apart", (SEX,), with_totals(45, 20)),
        ("drugs", (SEX, DRUG), np.array([[41, 50, 50], [30, 31, 40], [71, 81, 90]])),
    )
    splits = [Split("all", ("yes", "all without yes")), Split("yes", ("far", "apart")), Split("apart", ("all",))]
    few = lambda persons: (persons > 0) & (persons < 10)  # noqa: E731
    among_drugs = {
        ("all man", ("drugs a man",), True),
        ("all woman", ("drugs b woman",), True),
        ("all", ("drugs b",), True),
    }

    def tied_to(everybody: str, *splits: Split) -> Sums:
        return tied(cells, lambda relations: tie_everybody(cells, everybody, splits, relations, few))

    assert tied_to("all", *splits) == among_drugs
    assert tied_to("all", splits[0]) == {
        *among_drugs, ("all", ("far",), True), ("all man", ("apart man",), True)
    }  # fmt: skip
    assert tied_to("nobody") == set()


def test_the_last_unknown_of_a_sum_follows_from_the_others() -> None:
    """1 = 0 - 2 of an exact sum, 3 of the next; nothing follows where a remainder may be left, or two are unknown."""
    starts, members = np.array([0, 3, 5, 7, 10]), np.array([0, 1, 2, 1, 3, 0, 4, 0, 5, 6])
    exact = np.array([True, True, False, True])
    known = np.array([True, False, True, False, False, False, False])
    assert implied_by(known, starts, members, exact=exact).tolist() == [True, True, True, True, False, False, False]
    assert known.sum() == 2
    assert implied_by(~known, starts, members, exact=exact).all()


@pytest.mark.parametrize("known", [True, False])
def test_the_number_of_all_persons_is_known_if_they_were_sent(known: bool) -> None:
    cubes = [
        PersonCube("population", (AGE,), with_totals(0, 0, 60)),
        PersonCube("population", (SEX,), with_totals(30, 30)),
        PersonCube("users", (), np.array(30)),
    ]
    table = table_of(cubes, count("users"), count("population", AGE), persons_known=known)
    cells = number_persons(table)
    system = person_system(table, cells, POLICY)
    fixed = {name for name, flag in zip(names_of(cells), system.at_least > system.values, strict=True) if flag}
    zeros = {"population young", "population middle"}
    assert fixed == (zeros | {"population", "population old"} if known else zeros)
    hidden = {name for name, flag in zip(names_of(cells), system.hidden_anyway, strict=True) if flag}
    assert hidden == {"population man", "population woman"}


REGION = Dimension("region", ("north", "south", "nowhere"))
HOSPITAL = Dimension("hospital", ("h1", "h2", "h3"))
MAP = Nesting("hospital", "region", (("h1", "north"), ("h2", "south"), ("h3", "north")))


def test_fine_levels_add_up_to_coarse_ones_that_are_not_crossed_with_them() -> None:
    cells = cells_of(
        ("some", (HOSPITAL,), with_totals(1, 2, 3)),
        ("all", (HOSPITAL, SEX), with_totals([1, 2], [3, 4], [5, 6])),
        ("all", (REGION, SEX), with_totals([6, 8], [3, 4], [0, 0])),
    )
    found = tied(cells, lambda relations: tie_nestings(cells, [MAP], relations))
    assert found == {
        ("all north", ("all h1", "all h3"), False),
        ("all south", ("all h2",), False),
        *(("all north " + sex, (f"all h1 {sex}", f"all h3 {sex}"), False) for sex in SEX.levels),
        *(("all south " + sex, (f"all h2 {sex}",), False) for sex in SEX.levels),
    }
    # Several answers do not add up.
    many = Dimension("hospital", HOSPITAL.levels, multi_response=True)
    several = cells_of(
        ("all", (many,), np.array([1, 2, 3, 6])), ("all", (REGION,), with_totals(4, 2, 0)),
    )  # fmt: skip
    assert not tied(several, lambda relations: tie_nestings(several, [MAP], relations))


def test_months_add_up_to_years_without_being_told() -> None:
    month, year = Dimension("index_month", ("2020-12", "2021-01", "2021-02")), Dimension("index_year", ("2020", "2021"))
    cells = cells_of(("all", (month,), with_totals(1, 2, 3)), ("all", (year,), with_totals(1, 5)))
    assert tied(cells, lambda relations: tie_nestings(cells, [], relations)) == {
        ("all 2020", ("all 2020-12",), False),
        ("all 2021", ("all 2021-01", "all 2021-02"), False),
    }


def test_a_set_of_one_period_is_part_of_its_whole_at_that_period_if_it_is_no_more() -> None:
    year = Dimension("year", ("2020", "2021"))
    cells = cells_of(
        ("sold", (SEX, year), with_totals([4, 5], [6, 7])),
        ("sold of 2021", (SEX,), with_totals(5, 8)),  # of women more than was sold, for some was taken back
    )
    part = PeriodPart("sold", "year", "2021", "sold of 2021")
    assert tied(cells, lambda relations: tie_periods(cells, [part], relations)) == {
        ("sold man 2021", ("sold of 2021 man",), True)
    }


def count(key: str, *dimensions: Dimension, of: str = "", **more: str) -> Line:
    names = tuple(one.name for one in dimensions)
    return Line("x", "", Statistic.PERSONS, names, numerator_key=key, denominator_key=of, **more)  # type: ignore[arg-type]


def table_of(cubes: list[PersonCube], *lines: Line, **more: object) -> CountedTable:
    return CountedTable(tuple(cubes), (), more.pop("splits", ()), lines, **more)  # type: ignore[arg-type]


def test_the_cells_of_small_strata_are_sensitive() -> None:
    cells = cells_of(
        ("population", (AGE,), with_totals(0, 49, 50)),
        ("users", (AGE,), with_totals(0, 20, 20)),
        ("old", (), np.array(7)),
    )
    fifty = POLICY.model_copy(update={"minimum_stratum": 50})
    small = in_small_strata(cells, fifty)
    assert [name for name, flag in zip(names_of(cells), small, strict=True) if flag] == [
        "population middle", "users middle",
    ]  # fmt: skip
    # No more than the least count of a cell it says nothing new.
    assert not in_small_strata(cells, POLICY.model_copy(update={"minimum_stratum": POLICY.minimum_cell})).any()


def test_counts_that_leave_few_inhabitants_over_are_crowded() -> None:
    line = count("users", AGE, inhabitants_key="people")
    cube = PersonCube("users", (AGE,), with_totals(91, 90, 0))
    people = PublicCube("people", ("age",), np.array([100.0, 100.0, 5.0, 205.0]))
    table = table_of([cube], line, count("users"), public=(people,))
    cells = number_persons(table)
    found = crowded(table, cells, POLICY)
    assert [name for name, flag in zip(names_of(cells), found, strict=True) if flag] == ["users young"]


def test_a_negative_count_of_persons_is_refused() -> None:
    number_persons(table_of([PersonCube("users", (SEX,), np.array([0, 0, 0]))]))
    with pytest.raises(InputRefused, match="negative"):
        number_persons(table_of([PersonCube("users", (SEX,), np.array([-1, 2, 1]))]))


def test_a_population_of_just_enough_persons_is_no_small_one() -> None:
    policy = POLICY.model_copy(update={"minimum_population": 40})
    refuse_small_population(40, policy)
    with pytest.raises(DisclosureRefused, match="fewer persons than the 40"):
        refuse_small_population(39, policy)
    table = table_of([PersonCube("users", (), np.array(39)), PersonCube("some", (), np.array(38))], count("users"))
    with pytest.raises(DisclosureRefused):  # without a population the largest set counts
        person_system(table, number_persons(table), policy)
    everybody = [*table.person_cubes, PersonCube("population", (), np.array(40))]
    person_system(table_of(everybody, count("users")), number_persons(table_of(everybody)), policy)


def test_cells_are_printed_by_lines_and_seen_in_their_pairs() -> None:
    cubes = [PersonCube("all", (SEX,), with_totals(40, 50)), PersonCube("yes", (SEX,), with_totals(4, 30))]
    table = table_of(cubes, count("yes", SEX, of="all"), count("yes"), reasons=(("x", "why", "all"),))
    cells = number_persons(table)
    system = person_system(table, cells, POLICY.model_copy(update={"class_disclosure": False}))
    names = names_of(cells)
    uses = dict(zip(names, system.uses.tolist(), strict=True))
    assert uses == {"all": 2, "all man": 1, "all woman": 1, "yes": 2, "yes man": 1, "yes woman": 1}
    assert system.printed.all()
    assert {(names[one], names[other]) for one, other in system.pairs.tolist()} == {
        ("yes", "all"), ("yes man", "all man"), ("yes woman", "all woman"), ("yes", "yes"), ("all", "all"),
    }  # fmt: skip
    assert [name for name, flag in zip(names, system.sensitive, strict=True) if flag] == ["yes man"]
    assert dict(zip(names, system.reach.tolist(), strict=True))["yes man"] == POLICY.minimum_cell
    assert system.at_least.tolist() == [1] * 6  # zeros are shown, so that a blank is none
    assert system.strata.tolist() == [names[number].count(" ") for number in range(6)]
    # 36 of 40 men, 20 of 50 women: the rest is never printed, and as sensitive as any count.
    rests = dict(
        zip([names[row] for row in system.members[system.starts[:-1]]], system.remainder.tolist(), strict=True)
    )
    assert (rests["all man"], rests["all woman"]) == (36, 20)
    assert not system.remainder_sensitive.any()


def test_a_line_with_a_sum_shows_cells_that_no_other_line_does() -> None:
    cubes = [
        PersonCube("all", (), np.array(90)),
        PersonCube("yes", (), np.array(34)),
        PersonCube("no", (), np.array(40)),
    ]
    mean = Line("x", "", Statistic.MEAN, (), denominator_key="yes", sum_key="amount")
    other = Line("x", "", Statistic.RATE_PER_1000_PERSON_YEARS, (), numerator_key="no", person_time_key="days")
    table = table_of(cubes, mean, other, count("yes", of="all"))
    cells = number_persons(table)
    names = names_of(cells)
    pairs = person_system(table, cells, POLICY).pairs.tolist()
    assert sorted((names[one], names[two]) for one, two in pairs) == [("no", "no"), ("yes", "all")]


@pytest.mark.parametrize(("whole", "roomy"), [(20, True), (19, False)])
def test_a_small_rest_must_reach_the_threshold_unless_everybody_knows_that_it_is_small(whole: int, roomy: bool) -> None:
    cubes = [PersonCube("all", (), np.array(whole)), PersonCube("yes", (), np.array(whole - 3))]
    table = table_of(cubes, count("yes", of="all"))
    policy = POLICY.model_copy(update={"minimum_population": 1, "reach_threshold": True})
    system = person_system(table, number_persons(table), policy)
    assert system.remainder.tolist() == [3]
    assert system.remainder_sensitive.tolist() == [True]
    assert system.remainder_reach.tolist() == [10 if roomy else 0]


def test_where_more_was_taken_back_than_was_sold_a_period_is_part_of_nothing() -> None:
    year = Dimension("year", ("2020", "2021"))
    cells = cells_of(("sold", (year,), with_totals(4, 5)), ("sold of 2021", (), np.array(6)))
    part = PeriodPart("sold", "year", "2021", "sold of 2021")
    assert tied(cells, lambda relations: tie_periods(cells, [part], relations)) == set()
