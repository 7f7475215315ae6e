"""Who holds every release of a table of nearly the same people does not see the few who joined or left.

The attackers know sets of people, not the protector's code. They take every printed number at its word.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import combinations, permutations, product

import numpy as np
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage_core.disclosure.person_cells import is_small
from linkage_core.release_history import Axis, Moves, Printed, PublishedCells, next_release

POLICY = shipped_policies()["standard@1.0.0"].model_copy(update={"expected_moves": 0})
"""Numbers are counted anew as early as can be, so that there is most to compare."""
ENOUGH = POLICY.minimum_cell
SEEDS = range(int(os.environ.get("LINKAGE_ATTACK_SEEDS", "2")))
RELEASES = 6

# Five municipalities in two counties, three ages, two sexes; the first coordinate of each code is a set of leaves.
COUNTY = Axis(
    ((0,), (1,), (2,), (3,), (4,), (0, 1), (2, 3, 4), (0, 1, 2, 3, 4)), 5, ((5, (0, 1)), (6, (2, 3, 4)), (7, (5, 6)))
)
AGE = Axis(((0,), (1,), (2,), (0, 1, 2)), 3, ((3, (0, 1, 2)),))
SEX = Axis(((0,), (1,), (0, 1)), 2, ((2, (0, 1)),))
TABLE = PublishedCells((COUNTY, AGE, SEX))
CELLS = list(product(*(range(length) for length in TABLE.shape)))
Leaf = tuple[int, int, int]


@dataclass
class Series:
    """A population that changes from month to month and what was printed of it."""

    people: list[dict[int, Leaf]]
    printed: list[Printed]

    def members(self, month: int, cell: tuple[int, ...]) -> frozenset[int]:
        """Who is counted by a cell."""
        below = [axis.below[code] for axis, code in zip(TABLE.axes, cell, strict=True)]
        return frozenset(
            person
            for person, leaf in self.people[month].items()
            if all(place in under for place, under in zip(leaf, below, strict=True))
        )


def make_series(seed: int, churn: int, releases: int = RELEASES) -> Series:
    random = np.random.default_rng(seed)
    weight = random.dirichlet(np.full(5, 0.7))

    def somewhere() -> Leaf:
        return int(random.choice(5, p=weight)), int(random.integers(3)), int(random.integers(2))

    now = {person: somewhere() for person in range(900)}
    rows: list[tuple[int, int, Leaf, bool]] = []
    people: list[dict[int, Leaf]] = []
    printed: list[Printed] = []
    for month in range(releases):
        for _ in range(churn if month else 0):
            gone = int(random.choice(list(now)))
            rows.append((gone, month, now.pop(gone), False))
            come = gone if random.random() < 0.3 else 1000 + len(rows)
            now[come] = somewhere()
            rows.append((come, month, now[come], True))
        people.append(dict(now))
        moves = Moves(
            np.array([row[0] for row in rows], dtype=np.int64),
            np.array([row[1] for row in rows], dtype=np.int64),
            np.array([np.ravel_multi_index(row[2], TABLE.leaf_shape) for row in rows], dtype=np.int64),
            np.array([row[3] for row in rows], dtype=np.bool_),
        )
        so_far = Series(people, printed)
        values = np.array([len(so_far.members(month, cell)) for cell in CELLS])
        small = is_small(values, POLICY)
        answer = next_release(TABLE, values, sensitive=small, earlier=printed, moves=moves, policy=POLICY)
        printed.append(answer.printed)
    return Series(people, printed)


@pytest.fixture(scope="module", params=list(product(SEEDS, [1, 7, 40])), ids=lambda param: f"{param[0]}-{param[1]}")
def series(request: pytest.FixtureRequest) -> Series:
    return make_series(*request.param)


def told_truth(series: Series, month: int, cell: int) -> bool:
    """Whether a reader who takes the number of a month at its word is right."""
    printed = series.printed[month]
    counted = not printed.blank[cell]
    return bool(counted and printed.value[cell] == len(series.members(month, CELLS[cell])))


def few(people: frozenset[int]) -> bool:
    return 0 < len(people) < ENOUGH


def test_no_cell_differs_by_few_people_between_two_releases(series: Series) -> None:
    for before, after in combinations(range(RELEASES), 2):
        for number, cell in enumerate(CELLS):
            then, now = series.printed[before], series.printed[after]
            if then.as_of[number] == before and now.as_of[number] == after:
                assert not few(series.members(before, cell) ^ series.members(after, cell))


def test_what_is_printed_anew_is_true(series: Series) -> None:
    for month, printed in enumerate(series.printed):
        for number, cell in enumerate(CELLS):
            if printed.as_of[number] == month:
                assert printed.value[number] == len(series.members(month, cell))


def test_no_small_cell_is_printed_anew(series: Series) -> None:
    for month, printed in enumerate(series.printed):
        anew = printed.value[printed.as_of == month]
        assert not np.any((anew > 0) & (anew < ENOUGH))


def test_no_part_left_of_a_whole_differs_by_few_people(series: Series) -> None:
    """Whole minus the parts that a reader knows, in two months: the people of what is left."""
    truth = [[told_truth(series, month, cell) for cell in range(len(CELLS))] for month in range(RELEASES)]
    for line in TABLE.lines():
        for relation, whole in enumerate(line.wholes().tolist()):
            parts = line.parts()[:, relation].tolist()
            for before, after in combinations(range(RELEASES), 2):
                left = [part for part in parts if series.printed[after].as_of[part] != after and not truth[after][part]]
                others = [part for part in parts if part not in left]
                if not left or not all(truth[month][cell] for month in (before, after) for cell in [whole, *others]):
                    continue
                # Two wrong numbers may make a right sum; what is printed anew settles it.
                if not all(series.printed[after].current[cell] for cell in [whole, *others]):
                    continue
                if not all(series.printed[before].current[cell] for cell in [whole, *others]):
                    continue
                union = [frozenset().union(*(series.members(m, CELLS[part]) for part in left)) for m in (before, after)]
                assert not few(union[0] ^ union[1])


def test_what_is_left_beside_the_cells_of_two_days_does_not_differ_by_few_people(series: Series) -> None:
    """Of two months a reader takes the whole and only those parts that both months count anew or nobody moved in."""
    for before, after in combinations(range(RELEASES), 2):
        told = series.printed[before].current & series.printed[after].current
        for line in TABLE.lines():
            parts = line.parts()
            for relation in np.flatnonzero(told[line.wholes()]).tolist():
                left = [part for part in parts[:, relation].tolist() if not told[part]]
                union = [frozenset().union(*(series.members(m, CELLS[part]) for part in left)) for m in (before, after)]
                assert not few(union[0] ^ union[1])


def test_parts_that_are_told_in_one_of_two_months_only_do_not_differ_by_few_people(series: Series) -> None:
    """The month that does not tell them has them as the whole less all others."""
    for one, other in permutations(range(RELEASES), 2):
        then, now = series.printed[one].current, series.printed[other].current
        for line in TABLE.lines():
            wholes, parts = line.wholes(), line.parts()
            either = (then | now)[parts].all(axis=0) & then[wholes]
            for relation in np.flatnonzero(either).tolist():
                new = [part for part in parts[:, relation].tolist() if not then[part]]
                union = [frozenset().union(*(series.members(m, CELLS[part]) for part in new)) for m in (one, other)]
                assert not few(union[0] ^ union[1])


@pytest.mark.parametrize("seed", SEEDS)
def test_one_who_leaves_alone_changes_nothing(seed: int) -> None:
    before, after = make_series(seed, 1, releases=2).printed
    assert (before.value == after.value).all()
    assert (before.as_of == after.as_of).all()
    assert (before.blank == after.blank).all()
