"""A table beside earlier orders that share people with it: what stays blank, by examples to be checked by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage_core.counted_table import CountedTable, Line, PeriodPart, PersonCube, Statistic, SumCube
from linkage_core.disclosure import protect
from linkage_core.disclosure.cell_names import CellName
from linkage_core.release_history import EarlierTable, NextTable, first_states, table_beside_others
from tests.support.people_by_region import COUNTED, REGION, USERS, People, by_region, told

POLICY = shipped_policies()["standard@1.0.0"]
"""Fewer than 10 are few."""
NORTH, SOUTH, ISLANDS = range(100), range(100, 150), range(150, 190)
THREE = by_region(north=NORTH, south=SOUTH, islands=ISLANDS)


def newcomers(people: int) -> range:
    """Who was nowhere before."""
    return range(1000, 1000 + people)


def released(then: People, table: CountedTable | None = None, *, by_hand: Sequence[CellName] = ()) -> EarlierTable:
    """An earlier order, by itself; another table, of which only the cells count."""
    counted = table or then.table()
    protected = protect(counted, POLICY, by_hand=by_hand)
    return EarlierTable("then", then.members, first_states(counted, protected, members=then.members, name="then"))


def beside(now: People, *earlier: EarlierTable, table: CountedTable | None = None) -> NextTable:
    return table_beside_others(table or now.table(), POLICY, members=now.members, earlier=earlier, name="now")


def told_now(now: People, *earlier: EarlierTable) -> dict[str, float | None]:
    return told(beside(now, *earlier).protected)


def test_what_nobody_moved_in_is_told_again() -> None:
    answer = beside(THREE, released(THREE))
    assert told(answer.protected) == {"north": 100, "south": 50, "islands": 40, "total": 190}
    assert "beside_earlier" not in answer.protected.suppressed_by_reason


@pytest.mark.parametrize(("gone", "is_told"), [(1, False), (2, False), (9, False), (10, True), (11, True)])
def test_a_count_in_which_few_moved_is_blank(gone: int, is_told: bool) -> None:
    now = by_region(north=NORTH[gone:], south=SOUTH, islands=ISLANDS)
    north, total = (100 - gone, 190 - gone) if is_told else (None, None)
    answer = beside(now, released(THREE))
    assert told(answer.protected) == {"north": north, "south": 50, "islands": 40, "total": total}
    assert answer.protected.suppressed_by_reason.get("beside_earlier", 0) == (0 if is_told else 2)
    assert "hidden_by_hand" not in answer.protected.suppressed_by_reason


def test_who_moved_from_one_region_to_another_is_in_the_same_total() -> None:
    now = by_region(north=NORTH[3:], south=[*SOUTH, 0, 1, 2], islands=ISLANDS)
    assert told_now(now, released(THREE)) == {"north": None, "south": None, "islands": 40, "total": 190}


def test_each_earlier_order_is_compared_with() -> None:
    more = by_region(north=[*NORTH, *newcomers(20)], south=SOUTH, islands=ISLANDS)
    # Twenty more in the north than in one, one less than in the other.
    now = by_region(north=[*NORTH, *newcomers(19)], south=SOUTH, islands=ISLANDS)
    for earlier in ([released(THREE), released(more)], [released(more), released(THREE)]):
        assert told_now(now, *earlier) == {"north": None, "south": 50, "islands": 40, "total": None}
    assert told_now(now, released(THREE)) == {"north": 119, "south": 50, "islands": 40, "total": 209}


SMALL = by_region(north=NORTH, south=range(100, 108), islands=ISLANDS)
"""Eight in the south, so that its blank needs another: the islands, with fewest people."""


@pytest.mark.parametrize(("came", "is_told"), [(0, False), (9, False), (10, True)])
def test_a_blank_stays_blank_until_enough_moved(came: int, is_told: bool) -> None:
    then = released(SMALL)
    assert told(protect(SMALL.table(), POLICY)) == {"north": 100, "south": None, "islands": None, "total": 148}
    # In the south 30 moved in any case.
    south, islands = [*SMALL.strata[REGION]["south"], *newcomers(30)], [*ISLANDS, *range(2000, 2000 + came)]
    now = told_now(by_region(north=NORTH, south=south, islands=islands), then)
    assert now["north"] == 100
    assert now["total"] == 178 + came
    assert (now["islands"] is not None) == is_told
    # Of a line's blanks none stands alone.
    assert (now["south"] is not None) == is_told


def test_what_readers_know_is_no_partner() -> None:
    # The islands would be the cheapest beside the north, but readers know that they are forty still.
    now = by_region(north=NORTH[3:], south=[*SOUTH, *newcomers(12)], islands=ISLANDS)
    assert told_now(now, released(THREE)) == {"north": None, "south": None, "islands": 40, "total": 199}
    # Who holds another order alone, in which eleven of them were elsewhere, does not know it.
    other = by_region(north=NORTH, south=SOUTH, islands=ISLANDS[11:])
    assert told_now(now, released(other)) == {"north": None, "south": 62, "islands": None, "total": 199}


def test_nor_does_it_stand_in_for_others_in_a_crossing() -> None:
    men, women = {"north": 100, "south": 30, "islands": 50}, {"north": 110, "south": 35, "islands": 55}

    def crossed(first: dict[str, int], last: dict[str, int]) -> People:
        """So many at most of each region and sex, without the first of them."""
        people = {
            (region, sex): range(1000 * cell + first.get(f"{region} {sex}", 0), 1000 * cell + last[f"{region} {sex}"])
            for cell, (region, sex) in enumerate((r, s) for r in men for s in ("man", "woman"))
        }
        return People(
            {
                REGION: {r: [n for (region, _), own in people.items() if region == r for n in own] for r in men},
                "sex": {s: [n for (_, sex), own in people.items() if sex == s for n in own] for s in ("man", "woman")},
            }
        )

    sizes = {f"{r} man": n for r, n in men.items()} | {f"{r} woman": n for r, n in women.items()}
    line = Line("users", "", Statistic.PERSONS, (REGION, "sex"), USERS)

    def table(people: People) -> CountedTable:
        return CountedTable((people.cube(USERS, REGION, "sex"),), (), (), (line,))

    then = crossed({}, sizes)
    gone = {"north man": 3, "north woman": 12, "south man": 12, "islands man": 12, "islands woman": 12}
    now = crossed(gone, sizes)
    lines = beside(now, released(then, table(then)), table=table(now)).protected.table.to_pylist()
    blank = {(line["region"], line["sex"]) for line in lines if line["value"] is None}
    # The men of the north are not told. Those of the south would be the fewest beside them, were its women not known.
    assert blank == {(region, sex) for region in ("north", "islands") for sex in ("man", "woman")}


def test_what_is_left_of_a_total_beside_what_is_told_tells_of_few() -> None:
    now = by_region(north=[*NORTH, *newcomers(3)], south=SOUTH[12:], islands=ISLANDS[3:])
    # Total less south would be of six people more or less than it was.
    assert told_now(now, released(THREE)) == {"north": None, "south": None, "islands": None, "total": 178}
    # Of ten it may be told.
    now = by_region(north=[*NORTH, *newcomers(5)], south=SOUTH[12:], islands=ISLANDS[5:])
    assert told_now(now, released(THREE)) == {"north": None, "south": 38, "islands": None, "total": 178}


def test_a_level_that_an_order_did_not_have_was_empty_if_it_is_of_the_same_table() -> None:
    two = by_region(north=NORTH, south=range(100, 108))
    then = released(two, by_hand=[CellName("persons", USERS)])
    now = by_region(north=NORTH[2:], south=[*range(100, 108), *newcomers(30)], islands=range(2000, 2005))
    same = EarlierTable("then", then.members, then.states, protect(two.table(), POLICY))
    # What is left of the total beside the south was the north, and is two less and five of the islands.
    assert told_now(now, same)["north"] is None
    assert sum(value is None for value in told_now(now, same).values()) == 3
    # Another table need not have counted the islands.
    assert told_now(now, then) == {"north": None, "south": 38, "islands": None, "total": 141}


def test_a_count_that_no_line_prints_hides_nothing() -> None:
    everybody = People({REGION: {"north": NORTH, "south": SOUTH, "islands": ISLANDS}}, {"followed": range(60)})
    then = released(everybody, everybody.table(everybody.cube("followed", REGION)))
    now = People(everybody.strata, {"followed": range(1, 60)})
    answer = beside(now, then, table=now.table(now.cube("followed", REGION)))
    assert told(answer.protected) == {"north": 100, "south": 50, "islands": 40, "total": 190}
    assert "beside_earlier" not in answer.protected.suppressed_by_reason


def test_it_says_what_it_said_of_each_cell() -> None:
    now = by_region(north=NORTH[1:], south=SOUTH, islands=ISLANDS)
    states = beside(now, released(THREE)).states
    assert states.names == ("now",)
    assert states.blocks == ((USERS, ()), (USERS, (REGION,)))
    assert states.persons.tolist() == [189, 99, 50, 40]
    assert states.value.tolist() == [0, 0, 50, 40]
    assert states.as_of.tolist() == [-1, -1, 0, 0]
    assert states.blank.tolist() == (~states.current).tolist() == [True, True, False, False]


STRENGTH = "strength"
BY_STRENGTH = Line("rows", "", Statistic.PERSONS, (STRENGTH,), USERS)


def by_strength(people: Iterable[int]) -> People:
    """Nobody writes down who had which strength; it is of rows."""
    everybody = list(people)
    return People({REGION: {"north": everybody}, STRENGTH: {"weak": everybody[:60], "strong": everybody[60:]}},
                  unknown=(STRENGTH,))  # fmt: skip


@pytest.mark.parametrize(("first", "is_told"), [(0, False), (50, False), (51, True), (300, True)])
def test_counts_by_properties_of_rows_are_blank_beside_nearly_the_same_people(first: int, is_told: bool) -> None:
    now = by_strength(range(150))
    # With 50 to 199, a hundred of two hundred are in both.
    then = released(by_region(north=range(first, first + 150)))
    counted = now.table(now.cube(USERS, STRENGTH), lines=(COUNTED, BY_STRENGTH))
    protected = beside(now, then, table=counted).protected
    strengths = told(protected, stratum=STRENGTH)
    assert (strengths["weak"], strengths["strong"]) == ((60, 90) if is_told else (None, None))
    assert told(protected)["north"] == 150


def test_so_they_are_only_beside_the_same_set() -> None:
    now = by_strength(range(150))
    others = People(now.strata, {"takers": range(150)}, (STRENGTH,))
    line = Line("takers", "", Statistic.PERSONS, (STRENGTH,), "takers")
    counted = CountedTable((others.cube("takers", STRENGTH),), (), (), (line,))
    # Users were counted then, takers were not.
    protected = beside(others, released(by_region(north=range(150))), table=counted).protected
    assert told(protected, stratum=STRENGTH) == {"weak": 60, "strong": 90, "total": 150}


@pytest.mark.parametrize(
    ("point", "first", "persons"), [("cost", 0, None), ("cost", 50, None), ("cost", 51, 30), ("sales", 0, 30)]
)
def test_why_persons_had_no_value_is_blank_where_it_may_have_been_told_of_them(
    point: str, first: int, persons: int | None
) -> None:
    def of(people: range) -> People:
        return People({REGION: {"north": people}}, {"cost/denominator": people[:-30]})

    then, now = of(range(first, first + 150)), of(range(150))
    key = f"{point}/reason/died"
    counted = now.table(PersonCube(key, (), np.array(30)))
    counted = replace(counted, reasons=((point, "died", key),))
    protected = beside(now, released(then, then.table(then.cube("cost/denominator"))), table=counted).protected
    assert protected.reasons["persons"].to_pylist() == [persons]


def test_counts_among_inhabitants_are_blank_beside_those_of_all() -> None:
    among = replace(THREE.cube(USERS, REGION), persons_key="users/inhabitants/2025/yes")
    year = ("year", "2025")
    line = Line("users", "", Statistic.PERSONS, (REGION,), among.persons_key, period=year)
    for whole, is_told in ((USERS, False), ("takers", True)):
        counted = CountedTable((among,), (), (), (line,), period_parts=(PeriodPart(whole, *year, among.persons_key),))
        protected = beside(THREE, released(THREE), table=counted).protected
        assert told(protected)["north"] == (100 if is_told else None)


MEAN = Line("cost", "", Statistic.MEAN, (REGION,), denominator_key=USERS, sum_key="cost")


def costs(people: People, key: str = "cost", of: str = USERS) -> SumCube:
    """Seven of each."""
    cube = people.cube(of, REGION)
    return SumCube(key, cube.dimensions, cube.persons * 7, 1, of)


def with_costs(people: People) -> CountedTable:
    return CountedTable((people.cube(USERS, REGION),), (costs(people),), (), (COUNTED, MEAN))


def test_sums_of_the_same_people_but_for_few_are_blank() -> None:
    # Nobody need have moved for an amount to change.
    protected = beside(THREE, released(THREE), table=with_costs(THREE)).protected
    assert told(protected) == {"north": 100, "south": 50, "islands": 40, "total": 190}
    assert set(told(protected, "mean").values()) == {None}
    assert protected.suppressed_by_reason["beside_earlier"] == 4


@pytest.mark.parametrize(("came", "is_told"), [(9, False), (10, True)])
def test_sums_are_told_where_enough_moved_among_who_contributes(came: int, is_told: bool) -> None:
    more = [*ISLANDS, *range(2000, 2000 + came)]
    now = by_region(north=[*NORTH, *newcomers(40)], south=[*SOUTH, *range(3000, 3030)], islands=more)
    means = told(beside(now, released(THREE), table=with_costs(now)).protected, "mean")
    assert (means["islands"] is not None) == is_told
    assert means["total"] == 7


def test_sums_by_properties_of_rows_are_blank_beside_nearly_the_same_people() -> None:
    now = by_strength(range(150))
    line = Line("cost", "", Statistic.SUM, (STRENGTH,), sum_key="cost")
    cube = now.cube(USERS, STRENGTH)
    counted = CountedTable((cube,), (SumCube("cost", cube.dimensions, cube.persons * 7, 1, USERS),), (), (line,))
    # Half of all are new: enough for the sum of all, of which it is known who contributes.
    same = released(by_region(north=range(75)))
    sums = told(beside(now, same, table=counted).protected, "sum", STRENGTH)
    assert sums == {"weak": None, "strong": None, "total": 1050}
    others = released(by_region(north=range(74)))
    sums = told(beside(now, others, table=counted).protected, "sum", STRENGTH)
    assert sums == {"weak": 420, "strong": 630, "total": 1050}


def test_sums_of_people_whom_no_order_counted_are_told() -> None:
    other = People({REGION: {"north": NORTH, "south": SOUTH, "islands": ISLANDS}}, {"takers": range(190)})
    line = Line("cost", "", Statistic.MEAN, (REGION,), denominator_key="takers", sum_key="cost")
    counted = CountedTable((other.cube("takers", REGION),), (costs(other, of="takers"),), (), (line,))
    by_sex = People({"sex": {"man": range(95), "woman": range(95, 190)}})
    counted_by_sex = CountedTable((by_sex.cube(USERS, "sex"),), (), (), ())
    protected = beside(other, released(by_sex, counted_by_sex), table=counted).protected
    assert told(protected, "mean") == {"north": 7, "south": 7, "islands": 7, "total": 7}


def test_sums_are_blank_beside_blank_counts_of_the_same_people() -> None:
    # No line prints how many contribute to them; the forty of the islands were blank beside the eight of the south.
    line = Line("cost", "", Statistic.SUM, (REGION,), sum_key="cost")
    counted = CountedTable((SMALL.cube(USERS, REGION),), (costs(SMALL),), (), (line,))
    sums = told(beside(SMALL, released(SMALL), table=counted).protected, "sum")
    assert sums == dict.fromkeys(("north", "south", "islands", "total"))
