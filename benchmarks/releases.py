"""Monthly releases of nearly the same people: what an attacker learns of one who left, and what keeping it costs.

20 municipalities in 4 counties x 5 ages x 2 sexes; each month so many persons are replaced, uniformly. The attacker
knows of a person who left where she lived and her sex, and guesses her age: the age group whose cell fell most since
the release before, if one fell. *Gain* is how much oftener that is right than the best guess from that release alone,
over all guesses. A *patient* attacker has the whole series and guesses for everybody who left: by how many leave a cell
of that size, and how much each cell's number fell a month, from the last before she left to the first after; or, where
that is right oftener, besides that a number counted anew in that very month had waited for one more to move. *Small
differences* are cells in pairs of all releases (630 of 36) that count the people of both days, fewer than ten of whom
differ; of *sub-populations*, what is left of a whole less all its parts that count the people of both days. *Counted
anew* are, of the cells with a number in which ten or more moved in the month, those whose number is of the month;
beside it how many these are for each such number that the month protected by itself prints. *Averaging* takes the mean
of all releases and least squares over all cells to guess the leaf cells of one to nine people of the last month. Beside
ours: the same tables with each month protected by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from linkage.disclosure_policy import shipped_policies
from linkage_core.disclosure.person_cells import is_small
from linkage_core.release_history import Axis, Incidence, Moves, Printed, PublishedCells, next_release
from linkage_core.release_history.published_cells import Flags, Line

TITLE = "Monthly releases: what is learnt of one who left"
POLICY = shipped_policies()["standard@1.0.0"]
SERIES = ((8_000, 0, 36), (8_000, 1, 36), (8_000, 10, 36), (8_000, 100, 36), (8_000, 1_000, 36), (80_000, 10_000, 8))
"""Persons, how many of them are replaced a month, and monthly releases."""
AGES = 5
Ints = npt.NDArray[np.int64]


def run() -> list[dict[str, Any]]:
    """Follow each population; both sides see the same people."""
    rows = []
    for persons, churn, releases in SERIES:
        series = Series(persons, churn, releases, seed=churn)
        both = [series.printed(hold_back=hold_back) for hold_back in (True, False)]
        differences = series.small_differences(both)
        _, of_the_month, _ = series.freshness(both[1])
        for name, printed, (cells, rests) in zip(("held back", "each by itself"), both, differences, strict=True):
            precision, prior, guesses = series.guess_ages(printed)
            patient, at_once = max(series.guess_from_all(printed, waited=waited) for waited in (0.0, 0.5))
            fresh, enough, late = series.freshness(printed)
            rows.append(
                {
                    "persons": persons,
                    "replaced a month": churn,
                    "months": releases,
                    "releases": name,
                    "guesses of the leavers' age": guesses,
                    "right": round(precision, 3),
                    "right without the second release": round(prior, 3),
                    "gain": round(precision - prior, 3),
                    "gain of the patient": round(patient - at_once, 3),
                    "small differences in all pairs": cells,
                    "of sub-populations": rests,
                    "small counts from the last release": round(series.guess_small(printed[-1:]), 3),
                    "from averaging all": round(series.guess_small(printed), 3),
                    "ten moved, counted anew": round(fresh / enough, 3) if enough else "none has",
                    "of those each month prints by itself": round(fresh / of_the_month, 3) if of_the_month else "none",
                    "median months behind, cells of 50 or more": late,
                }
            )
    return rows


def _axis(leaves: int, groups: int = 0) -> Axis:
    below: list[tuple[int, ...]] = [(leaf,) for leaf in range(leaves)]
    families: list[tuple[int, tuple[int, ...]]] = []
    top = tuple(range(leaves))
    if groups:
        for group in np.array_split(np.arange(leaves), groups):
            below.append(tuple(group.tolist()))
            families.append((len(below) - 1, below[-1]))
        top = tuple(range(leaves, len(below)))
    below.append(tuple(range(leaves)))
    return Axis(tuple(below), leaves, (*families, (len(below) - 1, top)))


def _few(people: Ints) -> Flags:
    return (people > 0) & (people < POLICY.minimum_cell)


TABLE = PublishedCells((_axis(20, groups=4), _axis(AGES), _axis(2)))


@dataclass(frozen=True, slots=True)
class Month:
    """Who was there: number of each person, her leaf, and the true counts of all cells."""

    person: Ints
    leaf: Ints
    counts: Ints


class Series:
    """One population over the months."""

    def __init__(self, persons: int, churn: int, releases: int, *, seed: int) -> None:
        random = np.random.default_rng(seed)
        weights = random.dirichlet(np.full(20, 0.7))

        def somewhere(people: int) -> Ints:
            places = (
                random.choice(20, people, p=weights),
                random.integers(0, AGES, people),
                random.integers(0, 2, people),
            )
            return np.ravel_multi_index(places, TABLE.leaf_shape).astype(np.int64)

        person, leaf = np.arange(persons), somewhere(persons)
        rows: list[tuple[Ints, int, Ints, bool]] = []
        self.months = [self._month(person, leaf)]
        self.leavers: list[Ints] = [np.empty(0, np.int64)]
        for number in range(1, releases):
            gone = random.choice(persons, churn, replace=False)
            come, their_leaf = np.arange(churn) + persons + number * churn, somewhere(churn)
            rows += [(person[gone], number, leaf[gone], False), (come, number, their_leaf, True)]
            self.leavers.append(leaf[gone])
            person, leaf = np.r_[np.delete(person, gone), come], np.r_[np.delete(leaf, gone), their_leaf]
            self.months.append(self._month(person, leaf))
        self.moves = Moves(
            np.concatenate([row[0] for row in rows]),
            np.concatenate([np.full(row[0].size, row[1]) for row in rows]),
            np.concatenate([row[2] for row in rows]),
            np.concatenate([np.full(row[0].size, row[3]) for row in rows]),
        )

    def printed(self, *, hold_back: bool) -> list[Printed]:
        """What each month says."""
        releases: list[Printed] = []
        none = np.empty(0, dtype=np.int64)
        nobody = Moves(none, none, none, none.astype(np.bool_))
        for number, month in enumerate(self.months):
            moves = self._moves_upto(number)
            small = is_small(month.counts, POLICY)
            if hold_back:
                answer = next_release(
                    TABLE, month.counts, sensitive=small, earlier=releases, moves=moves, policy=POLICY
                )
                releases.append(answer.printed)
            else:
                alone = next_release(TABLE, month.counts, sensitive=small, earlier=(), moves=nobody, policy=POLICY)
                as_of = np.where(alone.printed.blank, -1, number)
                releases.append(replace(alone.printed, as_of=as_of))
        return releases

    def guess_ages(self, printed: Sequence[Printed]) -> tuple[float, float, int]:
        """Share of guesses that are right, share that the most frequent age is, and how many guesses are made."""
        right, prior = [], []
        for number in range(1, len(self.months)):
            before, after = (self._ages(printed[month]) for month in (number - 1, number))
            for leaf in self.leavers[number].tolist():
                place, age, sex = np.unravel_index(leaf, TABLE.leaf_shape)
                then, now = before[place, :, sex], after[place, :, sex]
                fall = np.where((then >= 0) & (now >= 0), then - now, 0)
                if fall.max() <= 0:
                    continue
                right.append(int(np.argmax(fall)) == age)
                prior.append(int(np.argmax(then)) == age)
        return float(np.mean(right or [0])), float(np.mean(prior or [0])), len(right)

    def guess_from_all(self, printed: Sequence[Printed], *, waited: float) -> tuple[float, float]:
        """Share of all leavers whose age the patient attacker has right, and share that the most frequent age is.

        Args:
            waited: of who left, so many more are reckoned with where a number was counted anew in that month.
        """
        right = prior = everybody = 0
        for number in range(1, len(self.months)):
            left = np.bincount(self.leavers[number], minlength=int(np.prod(TABLE.leaf_shape)))
            left = left.reshape(TABLE.leaf_shape)
            before = self._ages(printed[number - 1])
            is_of = self._as_of(printed[number - 1])
            people = np.where(before >= 0, before, 0)
            score = people * left.sum() / people.sum()
            unread = before >= 0
            for release in printed[number:]:
                ages, as_of = self._ages(release), self._as_of(release)
                anew = unread & (ages >= 0) & (as_of >= number)
                fall = (before - ages) / (2 * np.maximum(as_of - is_of, 1))
                score = np.where(anew, score + fall + waited * (as_of == number), score)
                unread &= ~anew
            everybody += int(left.sum())
            for guess, told in ((np.argmax(score, axis=1), True), (np.argmax(before, axis=1), False)):
                hit = int(np.take_along_axis(left, guess[:, np.newaxis], axis=1).sum())
                right, prior = (right + hit, prior) if told else (right, prior + hit)
        return right / max(everybody, 1), prior / max(everybody, 1)

    def small_differences(self, several: Sequence[Sequence[Printed]]) -> list[tuple[int, int]]:
        """Of each of several series of releases: cells, and what is left of wholes, by which few people differ."""
        found = [(0, 0)] * len(several)
        for one, two in combinations(range(len(self.months)), 2):
            people = self._moves_upto(two).since(one).incidence(TABLE)
            moved = _few(people.moved(TABLE.size))
            for place, printed in enumerate(several):
                told = printed[one].current & printed[two].current
                cells = int(np.count_nonzero(told & (printed[one].as_of != printed[two].as_of) & moved))
                rests = sum(int(np.count_nonzero(_few(self._left(line, told, people)))) for line in TABLE.lines())
                found[place] = (found[place][0] + cells, found[place][1] + rests)
        return found

    @staticmethod
    def _left(line: Line, told: Flags, people: Incidence) -> Ints:
        """By how many people what is left of each told whole differs, less its parts that are told."""
        parts = line.parts()
        left = ~told[parts] & told[line.wholes()]
        _, relation = np.nonzero(left)
        terms = parts[left]
        return people.moved_in_sums(relation, terms, np.ones(terms.size, dtype=np.int64), groups=parts.shape[1])

    def guess_small(self, printed: Sequence[Printed]) -> float:
        """Share of the small leaf cells of the last month that least squares over mean numbers guess."""
        shown = np.array([~release.blank for release in printed])
        numbers = np.array([release.value for release in printed])
        told = shown.any(axis=0)
        mean = np.where(shown, numbers, 0).sum(axis=0)[told] / shown.sum(axis=0)[told]
        leaves = np.arange(int(np.prod(TABLE.leaf_shape)))
        place, cell = TABLE.holding(leaves)
        sums = np.zeros((TABLE.size, leaves.size))
        sums[cell, place] = 1
        guess = np.rint(np.linalg.lstsq(sums[told], mean)[0])
        truth = np.bincount(self.months[-1].leaf, minlength=leaves.size)
        small = is_small(truth, POLICY)
        return float(np.mean(guess[small] == truth[small])) if small.any() else 0.0

    def freshness(self, printed: Sequence[Printed]) -> tuple[int, int, float]:
        """Cells with enough who moved in a month: counted anew, all; months behind of cells of 50 or more."""
        fresh = enough = 0
        late: list[Ints] = []
        for number in range(1, len(self.months)):
            moves = self._moves_upto(number)
            moved = moves.since(number - 1).incidence(TABLE).moved(TABLE.size) >= POLICY.minimum_cell
            shown = moved & ~printed[number].blank
            enough += int(np.count_nonzero(shown))
            fresh += int(np.count_nonzero(shown & printed[number].current))
            big = ~printed[number].blank & (self.months[number].counts >= 50)
            late.append((number - printed[number].as_of)[big & ~printed[number].current])
            late.append(np.zeros(int(np.count_nonzero(big & printed[number].current)), dtype=np.int64))
        return fresh, enough, float(np.median(np.concatenate(late)))

    def _moves_upto(self, month: int) -> Moves:
        moves, upto = self.moves, self.moves.release <= month
        return Moves(moves.person[upto], moves.release[upto], moves.leaf[upto], moves.joined[upto])

    def _month(self, person: Ints, leaf: Ints) -> Month:
        return Month(person, leaf, np.bincount(TABLE.holding(leaf)[1], minlength=TABLE.size).astype(np.int64))

    @staticmethod
    def _ages(printed: Printed) -> Ints:
        cells = np.where(printed.blank, -1, printed.value).reshape(TABLE.shape)
        ages: Ints = cells[:20, :AGES, :2]
        return ages

    @staticmethod
    def _as_of(printed: Printed) -> Ints:
        ages: Ints = printed.as_of.reshape(TABLE.shape)[:20, :AGES, :2]
        return ages
