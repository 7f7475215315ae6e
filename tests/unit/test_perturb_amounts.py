"""Noise of sums: the flex function, steps by the largest contributors, and sums that keep their sign."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from linkage.errors import InputRefused
from linkage.perturbation_rules import AmountNoise
from linkage_core.perturbation.noise_table import amount_table, table_of
from linkage_core.perturbation.perturb_amounts import flex_share, perturb_amounts

FIGURES = {
    "bound": 2,
    "variance": 1.0,
    "share_small": 0.2,
    "share_large": 0.05,
    "flex_point": 1000.0,
    "flex_exponent": 3.0,
}
NOISE = AmountNoise(**FIGURES)
# Keys below a half lower by a step, the others raise by one; a single step is left as it is.
TABLE = table_of([[(0, 1.0)], [(0, 1.0)], [(-1, 0.5), (1, 1.0)]])
LOW, HIGH = np.uint64(0), np.uint64(2**63)


def changed(
    sums: list[float], largest: list[list[float]], keys: list[list[np.uint64]], noise: AmountNoise
) -> list[float]:
    found = perturb_amounts(
        np.array(sums), largest=np.array(largest), keys=np.array(keys, np.uint64),
        sensitive=np.zeros(len(sums), bool), noise=noise, table=TABLE,
    )  # fmt: skip
    return [round(one, 9) for one in found.tolist()]


def test_the_share_falls_from_the_flex_point_on() -> None:
    # At 3,000: 0.05 (1 + (600 - 50) / 50 * (2,000 / 4,000)**3) = 0.05 (1 + 11 / 8) = 0.11875.
    shares = flex_share(np.array([0.0, 500.0, 1000.0, 3000.0, 1e12]), NOISE)
    assert shares.tolist() == pytest.approx([0.2, 0.2, 0.2, 0.11875, 0.05], abs=1e-6)


def test_a_share_that_does_not_fall_is_the_same_for_all() -> None:
    flat = AmountNoise(**{**FIGURES, "share_large": 0.2})
    assert flex_share(np.array([1.0, 1000.0, 1500.0, 1e9]), flat).tolist() == [0.2] * 4


def test_an_exponent_that_lets_the_share_rise_first_is_refused() -> None:
    # 2 * 0.2 / (0.2 - 0.05) = 2.667; with 2, an amount of 1,500 would get 0.05 (1 + 5 * 0.64) = 0.21.
    with pytest.raises(ValidationError, match=r"at least 2\.667"):
        AmountNoise(**{**FIGURES, "flex_exponent": 2.0})
    shares = flex_share(np.linspace(0, 20_000, 500), AmountNoise(**{**FIGURES, "flex_exponent": 2.67}))
    assert np.all(np.diff(shares) <= 1e-12)


def test_the_largest_contributor_sets_the_step() -> None:
    # 500 gives a step of 100; 3,000 one of 356.25.
    assert changed([2000, 2000, 9000], [[500], [500], [3000]], [[LOW], [HIGH], [HIGH]], NOISE) == [1900, 2100, 9356.25]


def test_further_contributors_add_noise_of_their_own() -> None:
    noise = AmountNoise(**FIGURES, weights=(1.0, 0.5))
    assert changed([2000, 2000], [[500, 400], [500, 0]], [[HIGH, LOW], [HIGH, LOW]], noise) == [2060, 2100]


def test_the_shares_are_standard_deviations_whatever_the_variance_of_the_table() -> None:
    rng = np.random.default_rng(7)
    for variance in (1.0, 3.0):
        noise = AmountNoise(**{**FIGURES, "bound": 5, "variance": variance})
        keys = rng.integers(0, 2**64, (200_000, 1), np.uint64)
        sums, largest = np.full(200_000, 1e5), np.full((200_000, 1), 500.0)
        found = perturb_amounts(
            sums, largest=largest, keys=keys, sensitive=np.zeros(200_000, bool), noise=noise,
            table=amount_table(bound=5, variance=variance),
        )  # fmt: skip
        assert np.std(found) == pytest.approx(100, rel=0.01)
        assert np.mean(found) == pytest.approx(1e5, abs=1)


def test_a_sum_between_two_rows_mixes_their_changes() -> None:
    # 150 is one and a half steps of 100: half of row 1 (no change), half of row 2 (one step up).
    assert changed([150], [[500]], [[HIGH]], NOISE) == [200]


def test_a_sum_smaller_than_its_step_is_one_step() -> None:
    table = amount_table(bound=2, variance=1)
    keys = np.arange(0, 2**64 - 1, 2**56, dtype=np.uint64)[:, np.newaxis]
    sums, largest = np.full(keys.size, -3.0), np.full(keys.shape, 500.0)
    found = perturb_amounts(
        sums, largest=largest, keys=keys, sensitive=np.zeros(keys.size, bool), noise=NOISE, table=table
    )
    assert found.max() <= 0
    assert found.min() >= -9


def test_a_sensitive_sum_is_always_changed_by_the_extra_steps() -> None:
    noise = AmountNoise(**FIGURES, extra_steps=1.5)
    keys = np.random.default_rng(3).integers(0, 2**64, (1000, 1), np.uint64)
    sums, largest = np.full(1000, 1e6), np.full((1000, 1), 500.0)
    found = perturb_amounts(
        sums, largest=largest, keys=keys, sensitive=np.ones(1000, bool), noise=noise,
        table=amount_table(bound=2, variance=1),
    )  # fmt: skip
    assert np.abs(found - 1e6).min() == pytest.approx(150)
    assert abs(np.mean(found > 1e6) - 0.5) < 0.05


def test_nothing_given_is_nothing_changed() -> None:
    assert changed([0, 25], [[500], [0]], [[HIGH], [HIGH]], NOISE) == [0, 25]


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputRefused, match="one key and one amount"):
        changed([1.0], [[1.0, 2.0]], [[LOW, LOW]], NOISE)
