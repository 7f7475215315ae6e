"""Perturbation tables: what ptable writes for the same figures, the moments that were asked for, and what cannot be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from linkage.errors import InputRefused
from linkage.perturbation_rules import Noise, count_changes, variance_limits
from linkage_core.perturbation.noise_table import NoiseTable, amount_table, as_fractions, count_table, look_up, table_of
from linkage_core.perturbation.perturb_counts import perturb_counts


def key_at(fraction: float) -> np.uint64:
    return np.uint64(round(fraction * 2**53) << 11)


def moments(table: NoiseTable, row: int, *, unit: float = 1.0) -> tuple[float, float]:
    chances = table.probabilities(row)
    mean = sum(change * unit * chance for change, chance in chances.items())
    return mean, sum((change * unit) ** 2 * chance for change, chance in chances.items())


def test_a_table_is_the_one_that_ptable_states_for_the_same_figures() -> None:
    # The example table of ptable 1.0.0 (pt_ex_cnts: D 2, V 1.05, js 1), as its own tests state it.
    stated = [
        {0: 1.0},
        {-1: 0.50833333, 1: 0.475, 2: 0.01666667},
        {-2: 0.16155827, 0: 0.55565037, 1: 0.24246618, 2: 0.04032518},
        {-1: 0.41231301, 0: 0.28806097, 1: 0.18693903, 2: 0.11268699},
        {-2: 0.07012498, -1: 0.24450007, 0: 0.37074990, 1: 0.24450007, 2: 0.07012498},
    ]
    table = count_table(bound=2, variance=1.05, never_up_to=1)
    assert table.last == 4
    for row, chances in enumerate(stated):
        assert table.probabilities(row) == pytest.approx(chances, abs=2e-8)


@pytest.mark.parametrize(
    ("bound", "variance", "never_up_to"),
    [(5, 3, 2), (5, 3, 0), (2, 1.05, 1), (3, 1, 0), (8, 2.25, 2), (10, 4, 3), (7, 6.5, 4), (1, 0.5, 0), (15, 10, 4)],
)
def test_each_row_is_unbiased_with_the_variance_asked_for(bound: int, variance: float, never_up_to: int) -> None:
    table = count_table(bound=bound, variance=variance, never_up_to=never_up_to)
    for row in range(1, table.last + 1):
        assert moments(table, row) == pytest.approx((0, variance), abs=1e-4)
        results = {row + change for change in table.probabilities(row)}
        assert min(results) >= 0
        assert not results & set(range(1, never_up_to + 1))
        assert max(abs(change) for change in table.probabilities(row)) <= bound
    assert table.probabilities(0) == {0: 1.0}


def test_without_blocked_counts_the_noise_of_large_counts_is_a_discrete_gaussian() -> None:
    chances = count_table(bound=5, variance=3).probabilities(5)
    first = math.log(chances[1] / chances[0])
    for change in range(1, 5):
        assert math.log(chances[change] / chances[0]) / first == pytest.approx(change**2, rel=1e-5)
        assert chances[change] == pytest.approx(chances[-change], abs=2e-8)


@pytest.mark.parametrize(
    ("bound", "variance", "never_up_to", "named"),
    [
        (5, 2, 4, "count of 1: its changes allow 4 to 5"),
        (8, 3, 3, "count of 2: its changes allow 4 to 16"),
        (5, 3, 3, "count of 2: its changes allow 4 to 10"),
        (2, 3, 0, "count of 1: its changes allow 0 to 2"),
        (2, 1, 3, "count of 1: all its changes lie on one side of 0"),
    ],
)
def test_figures_that_no_noise_has_are_refused_by_name(
    bound: int, variance: float, never_up_to: int, named: str
) -> None:
    with pytest.raises(InputRefused, match=named):
        count_table(bound=bound, variance=variance, never_up_to=never_up_to)
    with pytest.raises(ValidationError, match=named):
        Noise(bound=bound, variance=variance, never_up_to=never_up_to, key_version=1, month_to_month="not_protected")


def test_limits_of_the_variance_are_those_of_two_changes() -> None:
    # A count of 1 with 1 and 2 blocked: -1, or 2 and more. -1 two times in three and 2 once: variance 2.
    changes = count_changes(1, bound=3, never_up_to=2)
    assert changes == (-1, 2, 3)
    assert variance_limits(changes) == (2, 3)
    least = count_table(bound=3, variance=2, never_up_to=2).probabilities(1)
    assert least == pytest.approx({-1: 2 / 3, 2: 1 / 3}, abs=1e-8)


# A table as ptable would write it, and the rule of cellKey: the first interval whose end lies above the key.
GIVEN = table_of(
    [
        [(0, 1.0)],
        [(-1, 0.5), (0, 0.75), (2, 1.0)],
        [(-1, 0.25), (0, 0.5), (1, 1.0)],
    ]
)


@pytest.mark.parametrize(
    ("count", "fraction", "printed"),
    [
        (0, 0.9, 0),
        (1, 0.0, 0),
        (1, 0.4999, 0),
        (1, 0.5, 1),  # an end belongs to the next interval: key < end
        (1, 0.75, 3),
        (1, 0.9999, 3),
        (2, 0.2, 1),
        (2, 0.25, 2),
        (2, 0.5, 3),
        (7, 0.1, 6),  # every larger count uses the last row
        (1000, 0.6, 1001),
    ],
)
def test_the_count_picks_the_row_and_the_key_the_interval(count: int, fraction: float, printed: int) -> None:
    assert perturb_counts(np.array([count]), np.array([key_at(fraction)]), GIVEN).tolist() == [printed]


def test_a_key_is_never_read_as_1() -> None:
    assert as_fractions(np.array([2**64 - 1, 0], np.uint64)).tolist() == [1 - 2.0**-53, 0.0]
    assert look_up(GIVEN, np.array([1, 2]), np.full(2, 2**64 - 1, np.uint64)).tolist() == [2, 1]


def test_intervals_may_be_split_and_out_of_order() -> None:
    shuffled = table_of([[(0, 1.0)], [(1, 0.25), (-1, 0.75), (1, 1.0)]])
    assert shuffled.probabilities(1) == {1: 0.5, -1: 0.5}
    keys = np.array([key_at(0.1), key_at(0.3), key_at(0.8)])
    assert perturb_counts(np.array([1, 1, 1]), keys, shuffled).tolist() == [2, 0, 2]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [[(1, 1.0)]],
        [[(0, 0.5)]],
        [[(0, 1.0)], [(1, 0.7), (0, 0.4), (2, 1.0)]],
        [[(0, 1.0)], []],
        [[(0, 1.0)], [(-2, 0.5), (2, 1.0)]],
    ],
)
def test_a_given_table_that_is_none_is_refused(rows: list[list[tuple[int, float]]]) -> None:
    with pytest.raises(InputRefused, match="perturbation table"):
        table_of(rows)


def test_amounts_have_finer_changes_and_the_same_moments() -> None:
    table = amount_table(bound=5, variance=2, parts=4)
    assert table.last == 5
    for row in range(1, 6):
        assert moments(table, row, unit=0.25) == pytest.approx((0, 2), abs=1e-4)
        assert min(table.probabilities(row)) >= -4 * row


def test_negative_counts_and_missing_keys_are_refused() -> None:
    with pytest.raises(InputRefused, match="negative"):
        perturb_counts(np.array([-1]), np.array([0], np.uint64), GIVEN)
    with pytest.raises(InputRefused, match="one cell key"):
        perturb_counts(np.array([1, 2]), np.array([0], np.uint64), GIVEN)
