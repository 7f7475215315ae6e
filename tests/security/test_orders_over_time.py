"""Who holds the table of every month of one order does not see the few who joined or left, or whose facts changed.

The attackers know who was where in each month, not the protector's code. They take every printed number at its word.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from pyroaring import BitMap

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage.released_table import AS_OF, TOTAL, LineStatus
from linkage_core.counted_table import CountedTable, Dimension, Line, PersonCube, Split, Statistic, SumCube
from linkage_core.disclosure import ProtectedTable, protect
from linkage_core.release_history import EarlierTable, Members, first_states, next_table, table_beside_others

STANDARD = shipped_policies()["standard@1.0.0"]
POLICY = STANDARD.model_copy(update={"expected_moves": 0})
"""Numbers are counted anew as early as can be, so that there is most to compare."""
ENOUGH = POLICY.minimum_cell
SEEDS = range(int(os.environ.get("LINKAGE_ATTACK_SEEDS", "1")))
MONTHS = 36
REGIONS = ("north", "middle", "south", "islands")
SEXES = ("man", "woman")
POPULATION, STARTED, FOLLOWED = "population", "start/yes", "start/denominator"
Person = tuple[str, str, bool, bool]
"""Region, sex, followed, started."""


@dataclass
class Series:
    """Who was there each month and what was printed of them."""

    policy: DisclosurePolicy = POLICY
    people: list[dict[int, Person]] = field(default_factory=list)
    tables: list[ProtectedTable] = field(default_factory=list)
    earlier: list[EarlierTable] = field(default_factory=list)
    known: dict[tuple[int, str, str, str], frozenset[int]] = field(default_factory=dict)

    def members(self, month: int, key: str, region: str, sex: str) -> frozenset[int]:
        """Who is counted by a cell."""
        cell = month, key, region, sex
        if cell not in self.known:
            self.known[cell] = frozenset(
                number
                for number, person in self.people[month].items()
                if is_in(key, person) and region in (TOTAL, person[0]) and sex in (TOTAL, person[1])
            )
        return self.known[cell]

    def release(self, now: dict[int, Person]) -> None:
        """Print the next month."""
        name = str(len(self.tables))
        self.people.append(dict(now))
        table, members = counted(now), members_of(now)
        if not self.earlier:
            protected = protect(table, self.policy)
            states = first_states(table, protected, members=members, name=name)
        else:
            answer = next_table(table, self.policy, members=members, earlier=self.earlier, name=name)
            protected, states = answer.protected, answer.states
        self.tables.append(protected)
        self.earlier.append(EarlierTable(name, members, states, protected))

    def lines(self, month: int) -> dict[tuple[str, str, str], dict[str, Any]]:
        """What a month printed, by statistic, region and sex."""
        own = {AS_OF: str(month)}
        return {
            (line["statistic"], line["region"], line["sex"]): own | line
            for line in self.tables[month].table.to_pylist()
            if line["status"] != LineStatus.SUPPRESSED
        }


def is_in(key: str, person: Person) -> bool:
    return {POPULATION: True, FOLLOWED: person[2], STARTED: person[2] and person[3]}[key]


def counted(people: dict[int, Person]) -> CountedTable:
    axes = (Dimension("region", REGIONS), Dimension("sex", SEXES))
    cubes = []
    for key in (POPULATION, FOLLOWED, STARTED):
        persons = np.zeros((len(REGIONS) + 1, len(SEXES) + 1), dtype=np.int64)
        for person in people.values():
            if is_in(key, person):
                places = (REGIONS.index(person[0]), -1), (SEXES.index(person[1]), -1)
                for place in product(*places):
                    persons[place] += 1
        cubes.append(PersonCube(key, axes, persons))
    names = ("region", "sex")
    return CountedTable(
        tuple(cubes),
        (),
        (Split(POPULATION, (FOLLOWED, "population without start/denominator")),),
        (
            Line("start", "", Statistic.PERSONS, names, STARTED),
            Line("start", "", Statistic.SHARE, names, STARTED, FOLLOWED, interval="wilson"),
        ),
    )


def members_of(people: dict[int, Person]) -> Members:
    keys = (POPULATION, FOLLOWED, STARTED)
    return Members(
        {key: (BitMap(n for n, person in people.items() if is_in(key, person)),) for key in keys},
        dict.fromkeys(keys, ("", ())),
        {
            "region": {level: BitMap(n for n, person in people.items() if person[0] == level) for level in REGIONS},
            "sex": {level: BitMap(n for n, person in people.items() if person[1] == level) for level in SEXES},
        },
    )


def make_series(seed: int, churn: int, months: int = MONTHS) -> Series:
    random = np.random.default_rng(seed)
    weight = random.dirichlet(np.full(len(REGIONS), 0.8))

    def somebody() -> Person:
        return (
            REGIONS[int(random.choice(len(REGIONS), p=weight))],
            SEXES[int(random.integers(2))],
            bool(random.random() < 0.9),
            bool(random.random() < 0.3),
        )

    series, now = Series(), {number: somebody() for number in range(700)}
    for month in range(months):
        for _ in range(churn if month else 0):
            gone = int(random.choice(list(now)))
            person = now.pop(gone)
            # Some leave for others, some are corrected: the register learns that they had started.
            if random.random() < 0.5:
                now[gone] = (*person[:3], not person[3])
            else:
                now[int(random.integers(1000, 10**6))] = somebody()
        series.release(now)
    return series


@pytest.fixture(scope="module", params=list(product(SEEDS, [1, 10, 100])), ids=lambda param: f"{param[0]}-{param[1]}")
def series(request: pytest.FixtureRequest) -> Series:
    return make_series(*request.param)


def few(people: frozenset[int]) -> bool:
    return 0 < len(people) < ENOUGH


def keys_of(statistic: str) -> tuple[str, ...]:
    return (STARTED,) if statistic == "persons" else (STARTED, FOLLOWED)


def test_no_line_differs_by_few_people_between_two_months(series: Series) -> None:
    for before, after in combinations(range(MONTHS), 2):
        now = series.lines(after)
        for place, then in series.lines(before).items():
            if then[AS_OF] == str(before) and place in now and now[place][AS_OF] == str(after):
                for key in keys_of(place[0]):
                    assert not few(series.members(before, key, *place[1:]) ^ series.members(after, key, *place[1:]))


def test_what_is_printed_is_true_of_the_month_that_it_is_of(series: Series) -> None:
    fresh = 0
    for month in range(MONTHS):
        for (statistic, *where), line in series.lines(month).items():
            of = int(line[AS_OF])
            fresh += of == month > 0
            assert line["numerator"] == len(series.members(of, STARTED, *where))
            if statistic == "share":
                assert line["denominator"] == len(series.members(of, FOLLOWED, *where))
    assert fresh or len(series.people[0].keys() ^ series.people[1].keys()) < ENOUGH


def test_no_small_cell_is_printed_anew(series: Series) -> None:
    for month in range(MONTHS):
        for line in series.lines(month).values():
            assert not 0 < line["numerator"] < ENOUGH


def test_no_rest_of_a_line_differs_by_few_people(series: Series) -> None:
    """A total minus the levels printed beside it, and those who were followed and did not start, in two months."""
    for before, after in combinations(range(MONTHS), 2):
        then, now = series.lines(before), series.lines(after)

        told = {
            place
            for place in then.keys() & now.keys()
            if then[place][AS_OF] == str(before) and now[place][AS_OF] == str(after)
        }
        for region, sex in product((*REGIONS, TOTAL), (*SEXES, TOTAL)):
            if ("share", region, sex) in told:
                rest = [
                    series.members(m, FOLLOWED, region, sex) - series.members(m, STARTED, region, sex)
                    for m in (before, after)
                ]
                assert not few(rest[0] ^ rest[1])
        lines = [[(region, sex) for region in (TOTAL, *REGIONS)] for sex in (*SEXES, TOTAL)]
        lines += [[(region, sex) for sex in (TOTAL, *SEXES)] for region in (*REGIONS, TOTAL)]
        for whole, *parts in lines:
            left = [part for part in parts if ("persons", *part) not in told]
            if left and ("persons", *whole) in told:
                union = [
                    frozenset().union(*(series.members(m, STARTED, *part) for part in left)) for m in (before, after)
                ]
                assert not few(union[0] ^ union[1])


@pytest.mark.parametrize("seed", SEEDS)
def test_one_who_leaves_alone_changes_no_number(seed: int) -> None:
    series = Series()
    people = make_series(seed, 0, months=1).people[0]
    series.release(people)
    series.release({number: person for number, person in people.items() if number != 17})
    first, second = (table.table for table in series.tables)
    assert second.drop_columns([AS_OF]).equals(first)
    assert set(second[AS_OF].to_pylist()) <= {"0", ""}


def test_a_level_that_one_person_moves_to_is_not_told_of() -> None:
    series = make_series(1, 0, months=1)
    people = {n: p for n, p in series.people[0].items() if p[0] != "islands"}
    series = Series()
    series.release(people)
    assert not any(region == "islands" and line["numerator"] for (_, region, _), line in series.lines(0).items())
    gone = next(iter(people))
    series.release(people | {gone: ("islands", *people[gone][1:])})
    assert series.lines(1) == {place: line | {AS_OF: "0"} for place, line in series.lines(0).items()}


def test_levels_wait_until_moves_are_to_be_expected_in_cells_of_their_size() -> None:
    """The standard policy; a level is of the kind of all levels of its stratum, whatever moved in itself."""
    people = make_series(3, 0, months=1).people[0]
    whole, level = ("persons", TOTAL, TOTAL), ("persons", TOTAL, "man")
    men, women = ([n for n, one in people.items() if one[1:] == (sex, True, True)] for sex in SEXES)
    for policy, gone, told in (
        (POLICY, [*men[:12], *women[:12]], (True, True)),
        (STANDARD, [*men[:12], *women[:12]], (True, False)),
        (STANDARD, [*men[:30], *women[:30]], (True, True)),
    ):
        series = Series(policy)
        series.release(people)
        series.release({number: person for number, person in people.items() if number not in gone})
        lines = series.lines(1)
        assert (lines[whole][AS_OF] == "1", lines[level][AS_OF] == "1") == told


def other_table(people: dict[int, Person]) -> CountedTable:
    """The same persons by sex alone, with a sum of those who started."""
    table, axes = counted(people), (Dimension("sex", SEXES),)
    cubes = tuple(PersonCube(cube.persons_key, axes, cube.persons[-1]) for cube in table.person_cubes)
    sums = SumCube("start/sum", axes, cubes[2].persons * 7, 1, STARTED)
    lines = (
        Line("start", "", Statistic.PERSONS, ("sex",), STARTED),
        Line("cost", "", Statistic.MEAN, ("sex",), denominator_key=FOLLOWED, sum_key="start/sum"),
    )
    return CountedTable(cubes, (sums,), table.splits, lines)


def beside_other(series: Series, now: dict[int, Person]) -> dict[tuple[str, str], bool]:
    """Lines of another table of the last month's people, and whether they are told."""
    earlier = [replace(one, printed=None) for one in series.earlier[-1:]]
    answer = table_beside_others(other_table(now), POLICY, members=members_of(now), earlier=earlier, name="other")
    return {
        (line["statistic"], line["sex"]): line["status"] != LineStatus.SUPPRESSED
        for line in answer.protected.table.to_pylist()
    }


def test_another_table_of_nearly_the_same_people_does_not_tell_of_the_few_who_moved() -> None:
    series = make_series(1, 0, months=1)
    people = series.people[0]
    started = [n for n, person in people.items() if person[2] and person[3]]
    assert series.lines(0)["persons", TOTAL, TOTAL]
    assert (
        beside_other(series, {n: person for n, person in people.items() if n != started[0]})["persons", TOTAL] is False
    )
    # Enough of them moved for the total, in a table that has no blanks of its own.
    gone = {n for n in started if people[n][1] == "man"}
    told = beside_other(series, {n: person for n, person in people.items() if n not in set(list(gone)[:40])})
    assert told["persons", TOTAL]
    # Nobody need have moved for an amount to change.
    assert not any(is_told for (statistic, _), is_told in beside_other(series, people).items() if statistic == "mean")
    assert all(is_told for (statistic, _), is_told in beside_other(series, people).items() if statistic == "persons")
