"""Who sent the persons knows how many they are, and subtracts every printed number from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage.errors import DisclosureRefused
from linkage_core.counted_table import CountedTable, Dimension, Line, PersonCube, Split, Statistic
from linkage_core.disclosure import ProtectedTable, protect
from tests.security.test_orders_of_every_shape_hold import attacked
from tests.support.attackers import Cell, Printed, Programme
from tests.support.order_attack import read_order, truth_of
from tests.support.random_tables import Ints, with_margins

POLICY = shipped_policies()["standard@1.0.0"]
SETS = ("alive", "user")


class Sent:
    """Persons by hospital and sex, of whom few died; who is alive and who is a user in each of three years."""

    def __init__(self, seed: int, *, persons: int, dead: int, tied: bool = True) -> None:
        random = np.random.default_rng([seed, persons, dead])
        hospitals = int(random.integers(1, 5))
        hospital = random.choice(hospitals, persons, p=random.dirichlet(np.full(hospitals, 0.7)))
        hospital[:hospitals] = np.arange(hospitals)
        sex = (random.random(persons) < 0.3).astype(int)
        axes = {
            "hospital": (hospital, Dimension("hospital", tuple(f"H{i}" for i in range(hospitals)))),
            "sex": (sex, Dimension("sex", ("man", "woman"))),
        }
        years = Dimension("year", ("2020", "2021", "2022"), multi_response=True)
        last = np.full(persons, 3)
        last[random.permutation(persons)[:dead]] = random.integers(0, 4, dead)
        alive = np.arange(3)[:, None] < last
        user = alive & (random.random((3, persons)) < random.choice([0.02, 0.4, 0.99]))
        cubes, lines = [], []
        for names in ((), ("sex",), ("hospital", "sex")) if seed % 2 else ((), ("hospital",)):
            own = tuple(axes[name][1] for name in names)
            codes = [axes[name][0] for name in names]
            shape = [len(axis.levels) for axis in own]
            cubes.append(PersonCube("population", own, _counts(codes, shape, np.ones(persons, bool))))
            for key, masks in zip(SETS, (alive, user), strict=True):
                by_year = [_counts(codes, shape, mask) for mask in (*masks, masks.any(axis=0))]
                cubes.append(PersonCube(key, (*own, years), np.stack(by_year, axis=-1)))
            lines.append(Line("users", "", Statistic.SHARE, (*names, "year"), "user", "alive", interval="wilson"))
            lines.append(Line("users", "", Statistic.PERSONS, (*names, "year"), "user"))
        split = Split("population", ("alive", "population without alive"))
        self.counted = CountedTable(tuple(cubes), (), (split,) if tied else (), tuple(lines))

    def told(self, protected: ProtectedTable) -> list[Cell]:
        """Sets of which the sender finds out how many of her persons are missing, and that they are few."""
        truth = truth_of(self.counted)
        printed = read_order(self.counted, protected)
        zeros = {cell: 0 for cell in printed.blank if truth[cell] == 0}
        printed = Printed({**printed.known, **zeros}, printed.blank - set(zeros), printed.relations, printed.subsets)
        programme, everybody = Programme(printed), ("population", ())
        found = []
        for cell in [*printed.known, *sorted(printed.blank)]:
            missing = truth[everybody] - truth[cell]
            if cell[0] in SETS and not any(part.startswith(("sex", "hospital")) for part in cell[1]) and missing:
                low, high = programme.range_of([(everybody, 1), (cell, -1)]) if missing < 10 else (0, 10)
                if high - low < 2 or high < 10:
                    found.append(cell)
        return found


def _counts(codes: list[Ints], shape: list[int], mask: np.ndarray) -> Ints:
    cells = np.zeros(shape, np.int64)
    np.add.at(cells, tuple(code[mask] for code in codes), 1 if codes else np.count_nonzero(mask))
    return with_margins(cells)


CASES = [(seed, persons, dead) for seed in range(4) for persons, dead in ((60, 3), (400, 8), (900, 40))]


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("seed", "persons", "dead"), CASES)
def test_the_sender_does_not_learn_of_few_who_are_missing_from_a_set(
    seed: int, persons: int, dead: int, tied: bool
) -> None:
    sent = Sent(seed, persons=persons, dead=dead, tied=tied)
    protected = protect(sent.counted, POLICY)
    assert not sent.told(protected)
    attacked(sent.counted, protected)


def test_she_would_if_nobody_reckoned_with_what_she_knows() -> None:
    scenes = [Sent(seed, persons=persons, dead=dead) for seed, persons, dead in CASES]
    assert sum(bool(one.told(protect(replace(one.counted, persons_known=False), POLICY))) for one in scenes) >= 4


@pytest.mark.parametrize(("missing", "shown"), [(0, True), (1, False), (9, False), (10, True)])
def test_a_number_is_shown_that_nobody_or_enough_of_the_sent_are_missing_from(missing: int, shown: bool) -> None:
    cubes = [PersonCube("population", (), np.array(900)), PersonCube("alive", (), np.array(900 - missing))]
    line = Line("alive", "", Statistic.PERSONS, (), "alive")
    for known in (True, False):
        table = CountedTable(tuple(cubes), (), (), (line,), persons_known=known)
        (told,) = protect(table, POLICY).table.to_pylist()
        assert (told["numerator"] is not None) == (shown or not known)


def test_what_follows_from_the_number_of_all_is_no_secret_that_has_to_be_proved() -> None:
    """All 61 are of one hospital: its line loses its number with the users', and the sender knows it all the same."""
    hospital = (Dimension("hospital", ("only", "none")),)
    months = (Dimension("index_month", tuple(f"2020-{i:02}" for i in range(1, 8))),)
    cubes = [
        PersonCube("population", hospital, with_margins(np.array([61, 0]))),
        PersonCube("population", months, with_margins(np.array([11, 7, 11, 5, 9, 14, 4]))),
        PersonCube("user", hospital, with_margins(np.array([3, 0]))),
        PersonCube("user", months, with_margins(np.array([1, 0, 0, 1, 0, 1, 0]))),
    ]
    lines = [Line("users", "", Statistic.SHARE, (name,), "user", "population") for name in ("hospital", "index_month")]
    protected = protect(CountedTable(tuple(cubes), (), (), tuple(lines)), POLICY)
    assert {row["numerator"] for row in protected.table.to_pylist()} <= {None, 0.0}


def test_an_order_that_cannot_keep_it_is_refused_in_words() -> None:
    """Nobody of 50 but one is anywhere, and no line may move: not a made-up number, nor an error of the program."""
    policy = POLICY.model_copy(update={"minimum_candidates": 60})
    cubes = [PersonCube("population", (), np.array(50)), PersonCube("alive", (), np.array(49))]
    line = Line("alive", "", Statistic.PERSONS, (), "alive")
    with pytest.raises(DisclosureRefused, match="No way was found to hide"):
        protect(CountedTable(tuple(cubes), (), (), (line,)), policy)
