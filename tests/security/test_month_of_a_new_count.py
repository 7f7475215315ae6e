"""Who knows in which month somebody left does not find her age group by the month in which its cell is counted anew.

Only the leaf cells of a table are looked at, whatever is held back beside them: that hides more. The attackers know
where she lived, her sex, the rules, how many leave a month, and all releases; they guess by the fall of the numbers
that enclose the month. Beside the rule: every cell is counted anew in the month in which the tenth person moved in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage_core.release_history.pace import too_early

POLICY = shipped_policies()["standard@1.0.0"]
PLACES, AGES = 40, 5
CELLS = PLACES * AGES
PERSONS, MONTHS = 8000, 36
SERIES = 4
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Series:
    """Number printed of each cell and month, month that it is of, -1 where blank, and who left; (months, cells)."""

    value: Ints
    as_of: Ints
    left: Ints


@cache
def releases(seed: int, churn: int, expected: int) -> Series:
    """36 monthly releases of a population of which so many are replaced each month."""
    random = np.random.default_rng([seed, churn])
    weight = np.repeat(random.dirichlet(np.full(PLACES // 2, 0.7)), 2 * AGES) / (2 * AGES)
    counts = random.multinomial(PERSONS, weight)
    moved_since: list[Ints] = []
    left, values = np.zeros((MONTHS, CELLS), np.int64), np.zeros((MONTHS, CELLS), np.int64)
    as_of = np.full((MONTHS, CELLS), -1)
    as_of[0] = np.where(counts >= POLICY.minimum_cell, 0, -1)
    values[0] = counts
    for month in range(1, MONTHS):
        left[month] = random.multivariate_hypergeometric(counts, churn)
        joined = random.multinomial(churn, weight)
        counts = counts - left[month] + joined
        moved_since = [moved + left[month] + joined for moved in [*moved_since, np.zeros(CELLS, np.int64)]]
        said, of = values[month - 1], as_of[month - 1]
        since = np.where(of >= 0, np.array(moved_since)[of, np.arange(CELLS)], 0)
        early = too_early(
            values=counts,
            kinds=np.zeros(CELLS, np.int64),
            said=said,
            as_of=of,
            moved_since=moved_since,
            expected=expected,
        )
        anew = (since >= POLICY.minimum_cell) & ~early & (counts >= POLICY.minimum_cell)
        values[month] = np.where(anew, counts, said)
        as_of[month] = np.where(anew, month, of)
    return Series(values, as_of, left)


def by_place(cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return cells.reshape(PLACES, AGES)


def rights(series: Series, month: int, score: npt.NDArray[np.float64], asked: npt.NDArray[np.bool_]) -> Ints:
    """Of those who left places that are asked about: right by score, right by the number before, all."""
    left = by_place(series.left[month])[asked]
    before = by_place(np.where(series.as_of[month - 1] >= 0, series.value[month - 1], -1))[asked]
    row = np.arange(len(left))
    guess, most = by_place(score)[asked].argmax(axis=1), before.argmax(axis=1)
    return np.array([left[row, guess].sum(), left[row, most].sum(), left.sum()], dtype=np.int64)


def falls_at_once(series: Series) -> Ints:
    """The age whose cell fell most since the month before, where one fell."""
    found = np.zeros(3, np.int64)
    for month in range(1, MONTHS):
        fall = np.where(series.as_of[month] >= 0, series.value[month - 1] - series.value[month], 0).astype(float)
        found += rights(series, month, fall, by_place(fall).max(axis=1) > 0)
    return found


def numbers_around(series: Series, churn: int, *, waited: float) -> Ints:
    """Everybody who left: how many leave a cell of the size, and how fast it fell from number to number."""
    found = np.zeros(3, np.int64)
    for month in range(1, MONTHS):
        before, of = series.value[month - 1], series.as_of[month - 1]
        score = np.where(of >= 0, before, 0) * churn / PERSONS
        unread = of >= 0
        for later in range(month, MONTHS):
            anew = unread & (series.as_of[later] >= month)
            fall = (before - series.value[later]) / (2 * np.maximum(series.as_of[later] - of, 1))
            score = np.where(anew, score + fall + waited * (series.as_of[later] == month), score)
            unread &= ~anew
        found += rights(series, month, score, np.ones(PLACES, dtype=np.bool_))
    return found


def gains(churn: int, expected: int) -> tuple[float, float]:
    """How much oftener than the most frequent age the two attackers are right."""
    all_series = [releases(seed, churn, expected) for seed in range(SERIES)]
    found = [sum((falls_at_once(one) for one in all_series), np.zeros(3, np.int64))]
    for waited in (0.0, 0.5):
        found.append(sum((numbers_around(one, churn, waited=waited) for one in all_series), np.zeros(3, np.int64)))
    by_month, *patient = [(right - most) / max(guesses, 1) for right, most, guesses in found]
    return by_month, max(patient)


@pytest.mark.parametrize("churn", [1, 10, 100, 1000])
def test_the_month_of_a_new_count_tells_hardly_anything_of_who_left(churn: int) -> None:
    by_month, patient = gains(churn, POLICY.expected_moves)
    assert by_month <= 0.02
    assert patient <= 0.02


def test_both_attackers_succeed_where_a_cell_is_counted_anew_when_the_tenth_person_moves() -> None:
    by_month, patient = gains(100, 0)
    assert by_month > 0.05
    assert patient > 0.05


def test_cells_are_counted_anew_all_the_same() -> None:
    """Nothing would be learnt either of numbers that never change."""
    for churn, longest in ((100, 13), (1000, 2)):
        series = releases(0, churn, POLICY.expected_moves)
        large = (series.as_of[-1] >= 0) & (series.value[-1] >= 80)
        months_behind = (np.arange(MONTHS)[:, np.newaxis] - series.as_of)[:, large]
        assert np.median(months_behind) <= longest / 2
