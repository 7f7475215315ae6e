"""Monthly releases of nearly the same people: what an attacker learns of one who left, and what keeping it costs.

20 municipalities in 4 counties x 5 ages x 2 sexes, 8,000 persons; each month so many of them are replaced, uniformly.
The attacker knows of a person who left where she lived and her sex, and guesses her age: the age group whose cell fell
most since the release before, if one fell. *Gain* is how much oftener that is right than the best guess from that
release alone, over all guesses. *Small differences* are cells in pairs of all releases that count the people of
both days, fewer than ten of whom differ. Beside ours: the same tables with each month protected by itself.
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
from linkage_core.release_history import Axis, Moves, Printed, PublishedCells, next_release

TITLE = "Monthly releases: what is learnt of one who left"
POLICY = shipped_policies()["standard@1.0.0"]
RELEASES = 36
PERSONS = 8_000
CHURN = (1, 10, 100, 1_000)
AGES = 5
Ints = npt.NDArray[np.int64]


def run() -> list[dict[str, Any]]:
    """Follow one population for each churn; both sides see the same people."""
    rows = []
    for churn in CHURN:
        series = Series(churn, seed=churn)
        for name, hold_back in (("numbers held back", True), ("each month by itself", False)):
            printed = series.printed(hold_back=hold_back)
            precision, prior, guesses = series.guess_ages(printed)
            fresh, enough, late = series.freshness(printed)
            rows.append(
                {
                    "replaced a month": churn,
                    "releases": name,
                    "guesses of the leavers' age": guesses,
                    "right": round(precision, 3),
                    "right without the second release": round(prior, 3),
                    "gain": round(precision - prior, 3),
                    "small differences in 630 pairs": series.small_differences(printed),
                    "of cells with ten who moved, counted anew": round(fresh / enough, 3) if enough else "none has",
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


TABLE = PublishedCells((_axis(20, groups=4), _axis(AGES), _axis(2)))


@dataclass(frozen=True, slots=True)
class Month:
    """Who was there: number of each person, her leaf, and the true counts of all cells."""

    person: Ints
    leaf: Ints
    counts: Ints


class Series:
    """One population over the months."""

    def __init__(self, churn: int, *, seed: int) -> None:
        random = np.random.default_rng(seed)
        weights = random.dirichlet(np.full(20, 0.7))

        def somewhere(people: int) -> Ints:
            places = (
                random.choice(20, people, p=weights),
                random.integers(0, AGES, people),
                random.integers(0, 2, people),
            )
            return np.ravel_multi_index(places, TABLE.leaf_shape).astype(np.int64)

        person, leaf = np.arange(PERSONS), somewhere(PERSONS)
        rows: list[tuple[Ints, int, Ints, bool]] = []
        self.months = [self._month(person, leaf)]
        self.leavers: list[Ints] = [np.empty(0, np.int64)]
        for number in range(1, RELEASES):
            gone = random.choice(PERSONS, churn, replace=False)
            come, their_leaf = np.arange(churn) + PERSONS + number * churn, somewhere(churn)
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
        for number in range(1, RELEASES):
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

    def small_differences(self, printed: Sequence[Printed]) -> int:
        """Cells in pairs of releases that count the people of both days, one to nine of whom differ."""
        found = 0
        for one, two in combinations(range(RELEASES), 2):
            moves = self._moves_upto(two)
            moved = moves.since(one).incidence(TABLE).moved(TABLE.size)
            told = printed[one].current & printed[two].current & (printed[one].as_of != printed[two].as_of)
            found += int(np.count_nonzero(told & (moved > 0) & (moved < POLICY.minimum_cell)))
        return found

    def freshness(self, printed: Sequence[Printed]) -> tuple[int, int, float]:
        """Cells with enough who moved in a month: counted anew, all; months behind of cells of 50 or more."""
        fresh = enough = 0
        late: list[Ints] = []
        for number in range(1, RELEASES):
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
