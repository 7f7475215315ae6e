"""The next release of a table, line by line: which are counted anew, which say again what they said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage_core.counted_table import CountedTable, Line, PublicCube, Statistic, SumCube
from linkage_core.disclosure import ProtectedTable, protect
from linkage_core.release_history import CellStates, EarlierTable, first_states, next_table
from tests.support.people_by_region import COUNTED, REGION, USERS, People, as_of, by_region, told

STANDARD = shipped_policies()["standard@1.0.0"]
POLICY = STANDARD.model_copy(update={"expected_moves": 0})
"""Fewer than 10 are few; who moves is counted anew as soon as there are enough."""
NORTH, SOUTH, ISLANDS = range(100), range(100, 150), range(150, 190)
REGIONS = {"north": NORTH, "south": SOUTH, "islands": ISLANDS}
MONTHS = ("january", "february", "march")


def newcomers(people: int, *, first: int = 1000) -> range:
    """Who was nowhere before."""
    return range(first, first + people)


@dataclass
class Series:
    """The releases of one table."""

    policy: DisclosurePolicy = POLICY
    earlier: list[EarlierTable] = field(default_factory=list)

    def release(self, people: People, table: CountedTable | None = None) -> ProtectedTable:
        """The next one."""
        counted, members, name = table or people.table(), people.members, MONTHS[len(self.earlier)]
        if self.earlier:
            answer = next_table(counted, self.policy, members=members, earlier=self.earlier, name=name)
            protected, states = answer.protected, answer.states
        else:
            protected = protect(counted, self.policy)
            states = first_states(counted, protected, members=members, name=name)
        self.earlier.append(EarlierTable(name, members, states, protected))
        return protected

    @property
    def states(self) -> CellStates:
        """What the last one said of its cells."""
        return self.earlier[-1].states


def regions(**changed: list[int] | range) -> People:
    """The three regions, some of them of other people."""
    return by_region(**REGIONS | changed)


@pytest.mark.parametrize(("gone", "anew"), [(9, False), (10, True)])
def test_a_line_says_what_it_said_until_enough_moved(gone: int, anew: bool) -> None:
    series = Series()
    assert told(series.release(regions())) == {"north": 100, "south": 50, "islands": 40, "total": 190}
    protected = series.release(regions(north=NORTH[gone:]))
    assert told(protected) == {
        "north": 100 - gone * anew,
        "south": 50,
        "islands": 40,
        "total": 190 - gone * anew,
    }
    month = "february" if anew else "january"
    # In the others nobody moved: they are told as they were.
    assert as_of(protected) == {"north": month, "south": "january", "islands": "january", "total": month}
    assert series.states.names == ("january", "february")
    assert series.states.as_of.tolist() == [anew, anew, 0, 0]
    assert series.states.persons.tolist() == [190 - gone, 100 - gone, 50, 40]


def test_the_name_of_the_release_goes_with_its_number() -> None:
    series = Series()
    series.release(regions())
    series.release(regions(north=NORTH[20:]))
    protected = series.release(regions(north=NORTH[20:], south=SOUTH[1:]))
    assert told(protected) == {"north": 80, "south": 50, "islands": 40, "total": 170}
    assert as_of(protected) == {"north": "february", "south": "january", "islands": "january", "total": "february"}


def test_the_first_release_keeps_what_it_said_of_each_cell() -> None:
    series = Series()
    series.release(regions(south=range(100, 108)))
    states = series.states
    assert states.names == ("january",)
    # All, north, south, islands.
    assert states.persons.tolist() == [148, 100, 8, 40]
    assert states.value.tolist() == [148, 100, 0, 0]
    assert states.as_of.tolist() == [0, 0, -1, -1]
    assert states.blank.tolist() == (~states.current).tolist() == [False, False, True, True]


def test_blanks_stay_and_officers_see_why() -> None:
    series = Series()
    first = series.release(regions(south=range(100, 108)))
    why = [{"row": 1, "rule": "small_cell", "input": "numerator"}]
    why.append({"row": 2, "rule": "protects_small_cell", "input": "numerator"})
    assert first.officer_reasons.to_pylist() == why
    protected = series.release(regions(south=range(100, 109)))
    assert told(protected) == {"north": 100, "south": None, "islands": None, "total": 148}
    assert as_of(protected) == {"north": "january", "south": "", "islands": "", "total": "january"}
    assert protected.officer_reasons.to_pylist() == why
    assert protected.suppressed_by_reason == {"small_cell": 1, "protects_small_cell": 1, "sum": 0}
    assert protected.cells == 4


def test_a_blank_that_is_counted_anew_needs_no_reason_any_more() -> None:
    series = Series()
    series.release(regions(south=range(100, 108)))
    many = regions(south=[*range(100, 108), *newcomers(30)], islands=[*ISLANDS, *newcomers(20, first=2000)])
    protected = series.release(many)
    assert told(protected) == {"north": 100, "south": 38, "islands": 60, "total": 198}
    assert as_of(protected) == {"north": "january", "south": "february", "islands": "february", "total": "february"}
    assert protected.officer_reasons.num_rows == 0
    assert protected.suppressed_by_reason == {"small_cell": 0, "protects_small_cell": 0, "sum": 0}


def test_a_number_goes_blank_where_enough_left_it_to_be_small() -> None:
    series = Series()
    series.release(regions())
    protected = series.release(regions(south=SOUTH[42:], islands=[*ISLANDS, *newcomers(12)]))
    lines = {line[REGION]: line for line in protected.table.to_pylist()}
    assert lines["south"]["status"] == "suppressed"
    assert lines["south"]["reason"] == "small_cell_protection"
    assert lines["south"]["as_of"] == ""
    assert {lines["south"][column] for column in ("value", "numerator", "denominator")} == {None}
    assert {"row": 1, "rule": "small_cell", "input": "numerator"} in protected.officer_reasons.to_pylist()


FOLLOWED = "followed"
SHARE = Line("started", "", Statistic.SHARE, (REGION,), USERS, FOLLOWED, interval="wilson")


def shares(
    users: Mapping[str, list[int] | range], followed: Mapping[str, list[int] | range], *lines: Line
) -> tuple[People, CountedTable]:
    """Users of those who were followed."""
    people = People(
        {REGION: followed},
        {
            USERS: [n for own in users.values() for n in own],
            FOLLOWED: [n for own in followed.values() for n in own],
        },
    )
    return people, people.table(people.cube(FOLLOWED, REGION), lines=lines or (SHARE,))


def test_a_share_says_again_what_it_said_where_either_of_its_numbers_is_held_back() -> None:
    users = {"north": range(40), "south": range(100, 125)}
    followed = {"north": range(100), "south": range(100, 150)}
    # Of fifteen more who were followed and twelve of them users, three are not.
    for more_users, more_followed, anew in ((9, 30, False), (12, 30, True), (12, 15, False), (0, 9, False)):
        series = Series()
        assert told(series.release(*shares(users, followed)), "share")["north"] == 0.4
        who = [*followed["north"], *newcomers(more_followed)]
        protected = series.release(*shares(users | {"north": [*users["north"], *newcomers(more_users)]},
                                           followed | {"north": who}))  # fmt: skip
        north = (40 + more_users) / (100 + more_followed) if anew else 0.4
        assert told(protected, "share")["north"] == pytest.approx(north)
        assert as_of(protected, "share")["north"] == ("february" if anew else "january")
        assert told(protected, "share")["south"] == 0.5


def test_a_share_that_was_blank_for_the_whole_stays_blank_where_the_part_is_held_back() -> None:
    series = Series()
    users = {"north": range(50), "islands": range(200, 220)}
    followed = {"north": range(100), "south": range(100, 108), "islands": range(200, 240)}
    first = series.release(*shares(users, followed, SHARE, COUNTED))
    assert told(first) == {"north": 50, "south": 0, "islands": 20, "total": 70}
    assert told(first, "share") == {"north": 0.5, "south": None, "islands": None, "total": 70 / 148}
    whys = [row for row in first.officer_reasons.to_pylist() if row["row"] == 2]
    assert whys == [{"row": 2, "rule": "protects_small_cell", "input": "denominator"}]
    # Sixty are followed on the islands now, which may be told, but of the 23 users only 20.
    more = {
        "islands": [*followed["islands"], *newcomers(20)],
        "south": [*followed["south"], *newcomers(30, first=2000)],
    }
    protected = series.release(*shares(users | {"islands": [*range(200, 223)]}, followed | more, SHARE, COUNTED))
    assert told(protected)["islands"] == 20
    assert told(protected, "share")["islands"] is None
    assert [row for row in protected.officer_reasons.to_pylist() if row["row"] == 2] == whys


def test_a_share_of_nobody_is_of_the_release_that_said_so() -> None:
    series = Series()
    sizes = {"north": range(100), "south": range(100, 200), "abroad": range(0)}
    series.release(*shares({"north": range(50)}, sizes))
    protected = series.release(*shares({"north": range(50)}, sizes))
    lines = {line[REGION]: line for line in protected.table.to_pylist()}
    assert (lines["abroad"]["status"], lines["abroad"]["as_of"]) == ("undefined", "january")


def test_levels_wait_until_more_are_to_be_expected_in_them_and_their_total_does_not() -> None:
    series = Series(STANDARD)
    series.release(regions())
    # 24 moved among 190: 12.6 are to be expected in the north, and 24 in the total, which is the only one of its kind.
    protected = series.release(regions(north=[*NORTH, *newcomers(12)], south=[*SOUTH, *newcomers(12, first=2000)]))
    assert told(protected) == {"north": 100, "south": 50, "islands": 40, "total": 214}


def test_a_new_level_waits_too_for_it_was_empty() -> None:
    series = Series(STANDARD)
    series.release(regions())
    # With a new total beside the regions, in which nobody moved, it would be told.
    assert told(series.release(regions(abroad=newcomers(12)))) == {
        "north": 100,
        "south": 50,
        "islands": 40,
        "total": 190,
    }
    # Where nobody was it is told when twice 25 came.
    assert told(series.release(regions(abroad=newcomers(50))))["abroad"] == 50


def test_a_level_that_enough_people_moved_to_is_told_behind_the_others() -> None:
    series = Series()
    series.release(regions())
    few = series.release(regions(abroad=newcomers(9)))
    assert told(few) == {"north": 100, "south": 50, "islands": 40, "total": 190}
    enough = series.release(regions(abroad=newcomers(19)))
    assert told(enough) == {"north": 100, "south": 50, "islands": 40, "total": 209, "abroad": 19}
    assert as_of(enough)["abroad"] == "march"
    assert [axis.levels for axis in enough.dimensions] == [("north", "south", "islands", "abroad")]


def test_of_a_level_that_enough_people_left_it_is_told_that_nobody_is_there() -> None:
    series = Series()
    series.release(regions())
    # The table of now has no islands, and other regions first.
    protected = series.release(by_region(south=SOUTH, north=NORTH))
    assert told(protected) == {"north": 100, "south": 50, "islands": 0, "total": 150}
    assert as_of(protected) == {"north": "january", "south": "january", "islands": "february", "total": "february"}
    assert [axis.levels for axis in protected.dimensions] == [("north", "south", "islands")]


def test_of_a_level_that_few_left_nothing_is_told() -> None:
    series = Series()
    assert told(series.release(regions(islands=ISLANDS[:9])))["islands"] is None
    protected = series.release(by_region(north=NORTH, south=SOUTH))
    assert told(protected) == {"north": 100, "south": None, "islands": None, "total": 159}


def test_a_level_is_not_taken_for_one_at_its_place() -> None:
    series = Series()
    series.release(regions())
    protected = series.release(by_region(islands=ISLANDS, south=SOUTH, north=NORTH[10:]))
    assert told(protected) == {"north": 90, "south": 50, "islands": 40, "total": 180}


MEAN = Line("cost", "", Statistic.MEAN, (REGION,), denominator_key=USERS, sum_key="cost")
SUM = Line("cost", "", Statistic.SUM, (REGION,), sum_key="cost")
RATE = Line("seen", "", Statistic.RATE_PER_1000_PERSON_YEARS, (REGION,), USERS, person_time_key="cost")
INHABITANTS = Line("living", "", Statistic.PER_1000_INHABITANTS, (REGION,), USERS, inhabitants_key="inhabitants")


def costs(people: People, each: int, *lines: Line) -> CountedTable:
    """So much of each user; a thousand inhabitants in each region."""
    cube = people.cube(USERS, REGION)
    cost = SumCube("cost", cube.dimensions, cube.persons * each, 1, USERS)
    public = PublicCube("inhabitants", (REGION,), np.full(cube.persons.size, 1000.0))
    return CountedTable((cube,), (cost,), (), (COUNTED, *lines), public=(public,))


def test_means_sums_and_rates_say_again_what_they_said() -> None:
    series = Series()
    first = series.release(regions(), costs(regions(), 7, MEAN, SUM, RATE, INHABITANTS))
    now = regions(north=NORTH[30:])
    protected = series.release(now, costs(now, 8, MEAN, SUM, RATE, INHABITANTS))
    assert told(protected) == {"north": 70, "south": 50, "islands": 40, "total": 160}
    assert told(first, "sum") == {"north": 700, "south": 350, "islands": 280, "total": 1330}
    assert told(first, "per_1000_inhabitants")["north"] == 100
    for statistic in ("mean", "sum", "rate_per_1000_person_years", "per_1000_inhabitants"):
        assert told(protected, statistic) == told(first, statistic)
        assert set(as_of(protected, statistic).values()) == {"january"}
    # Four counts and four sums.
    assert protected.cells == 8


def test_sums_that_were_blank_are_and_are_counted_among_the_blanks() -> None:
    series = Series()
    then = regions(south=range(100, 108))
    first = series.release(then, costs(then, 7, MEAN))
    assert first.suppressed_by_reason["sum"] == 2
    many = regions(south=[*range(100, 108), *newcomers(30)], islands=[*ISLANDS, *newcomers(20, first=2000)])
    protected = series.release(many, costs(many, 7, MEAN))
    assert told(protected)["south"] == 38
    assert told(protected, "mean") == {"north": 7, "south": None, "islands": None, "total": 7}
    assert protected.suppressed_by_reason == {"small_cell": 0, "protects_small_cell": 0, "sum": 2}
    rows = protected.officer_reasons.to_pylist()
    assert {(row["row"], row["input"]) for row in rows} >= {(5, "sum"), (6, "sum")}
    assert {row["row"] for row in rows} == {5, 6}


STRENGTH = "strength"


@pytest.mark.parametrize("line", [
    Line("rows", "", Statistic.PERSONS, (STRENGTH,), USERS),
    Line("rows", "", Statistic.SHARE, (STRENGTH,), USERS, USERS),
    Line("rows", "", Statistic.PERSONS, (REGION,), USERS, period=("year", "2025")),
])  # fmt: skip
def test_so_do_lines_by_properties_of_rows_and_of_one_period(line: Line) -> None:
    def table(everybody: list[int]) -> tuple[People, CountedTable]:
        strata = {REGION: {"north": everybody}, STRENGTH: {"weak": everybody[:60], "strong": everybody[60:]}}
        people = People(strata, unknown=(STRENGTH,))
        return people, people.table(people.cube(USERS, STRENGTH), lines=(COUNTED, line))

    series = Series()
    first = series.release(*table([*range(150)])).table.to_pylist()
    second = series.release(*table([*range(200)])).table.to_pylist()
    by_rows = [[one for one in lines if one["indicator"] == "rows"] for lines in (first, second)]
    assert [one | {"as_of": "january"} for one in by_rows[0]] == by_rows[1]
    assert {one["as_of"] for one in second if one["indicator"] == "users"} == {"february"}


def both(users: range, takers: range) -> tuple[People, CountedTable]:
    """Two sets, which bear one name where they have the same members."""
    people = People({REGION: {"north": range(400)}}, {USERS: users, "takers": takers})
    key = USERS if users == takers else "takers"
    line = Line("takers", "", Statistic.PERSONS, (REGION,), key)
    cubes = [people.cube(key, REGION)] if key != USERS else []
    return people, people.table(*cubes, lines=(COUNTED, line))


def by_indicator(protected: ProtectedTable) -> dict[str, float | None]:
    """The north."""
    return {line["indicator"]: line["value"] for line in protected.table.to_pylist() if line[REGION] == "north"}


def test_sets_that_became_the_same_are_not_counted_anew_by_the_others_number() -> None:
    series = Series()
    assert by_indicator(series.release(*both(range(100), range(50, 200)))) == {"users": 100, "takers": 150}
    # Both are 200 now, under the name of users.
    assert by_indicator(series.release(*both(range(200), range(200)))) == {"users": 100, "takers": 150}


def test_sets_that_were_the_same_are_counted_anew_each_by_itself() -> None:
    series = Series()
    assert by_indicator(series.release(*both(range(100), range(100)))) == {"users": 100, "takers": 100}
    assert by_indicator(series.release(*both(range(200), range(250)))) == {"users": 200, "takers": 250}
    assert by_indicator(series.release(*both(range(203), range(270)))) == {"users": 200, "takers": 270}


def test_why_persons_had_no_value_is_said_again() -> None:
    def table(people: People, dead: int) -> CountedTable:
        counted = people.table(people.cube(USERS), replace(people.cube(USERS), persons_key="dead"))
        dead_cube = replace(counted.person_cubes[-1], persons=counted.person_cubes[-1].persons * 0 + dead)
        return replace(
            counted, person_cubes=(*counted.person_cubes[:-1], dead_cube), reasons=(("users", "dead", "dead"),)
        )

    series = Series()
    first = series.release(regions(), table(regions(), 30))
    assert first.reasons.to_pylist() == [{"indicator": "users", "reason": "dead", "persons": 30, "status": "ok"}]
    now = regions(north=NORTH[30:])
    assert series.release(now, table(now, 31)).reasons.equals(first.reasons)
