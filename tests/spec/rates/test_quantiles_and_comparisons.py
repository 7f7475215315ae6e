"""Quantiles of persons' values, and units and periods against each other, as the field's sources have them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from linkage.indicator_kinds import Target
from linkage_core.comparisons import against_target, direction, funnel_limits, place_in_funnel, share_difference
from linkage_core.quantiles import merged, value_histograms

NUMBERS = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=40)


def histogram(values: list[float]):
    return value_histograms(np.array(values), cell=np.zeros(len(values), np.int64), cells=1)[0]


def test_a_quantile_lies_between_the_two_values_next_to_it():
    values = histogram([7, 1, 3, 3])
    assert values.quantile(0.5).value == 3
    assert values.quantile(0.25).value == 2.5  # rank 1.75, between 1 and 3
    assert values.quantile(0.75).value == 4  # rank 3.25, between 3 and 7


def test_limits_of_a_median_of_ten_are_the_second_and_the_ninth_value():
    # Between 2 and 8 of 10 lie below the median with 97.9 %.
    found = histogram(list(range(1, 11))).quantile(0.5)
    assert found == (5.5, 2, 9)


def test_too_few_persons_leave_a_limit_unknown():
    found = histogram([4.0, 8.0]).quantile(0.5)
    assert found.value == 6
    assert np.isnan([found.lower, found.upper]).all()
    assert np.isnan(histogram([]).quantile(0.5)).all()


def test_infinity_between_equal_neighbours_stays():
    assert histogram([1, np.inf, np.inf]).quantile(0.75).value == np.inf


@given(NUMBERS, NUMBERS, st.sampled_from([0.01, 0.1, 0.25, 0.5, 0.9]))
def test_histograms_of_parts_merge_to_that_of_the_whole(one, other, share):
    both = histogram(one).merge(histogram(other))
    assert both.count == len(one) + len(other)
    assert both.quantile(share).value == pytest.approx(np.quantile([*one, *other], share), abs=1e-12)
    apart = value_histograms(np.array([*one, *other]), cell=np.array([0] * len(one) + [2] * len(other)), cells=3)
    assert [part.count for part in apart] == [len(one), 0, len(other)]
    assert merged(apart).quantile(share) == both.quantile(share) or np.isnan(both.quantile(share).lower)


@given(st.integers(1, 60), st.sampled_from([0.1, 0.5, 0.75]))
def test_limits_hold_the_quantile_with_the_level_that_they_state(persons, share):
    found = histogram(list(range(1, persons + 1))).quantile(share)
    below = 0 if np.isnan(found.lower) else found.lower
    above = persons + 1 if np.isnan(found.upper) else found.upper
    held = binom.cdf(above - 1, persons, share) - binom.cdf(below - 1, persons, share)
    assert held >= 0.95 - 1e-12


def test_a_difference_of_shares_has_the_limits_of_its_paper():
    # Newcombe 1998, table II, contrast (a), method 10.
    found = share_difference(56, 70, 48, 80)
    assert found.value == pytest.approx(0.2)
    assert (found.lower, found.upper) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))
    assert np.isnan(share_difference(1, 2, 0, 0).value)


def test_a_unit_is_placed_by_limits_at_its_own_size():
    assert place_in_funnel(0.85, 20, 0.9) == "inside"
    assert place_in_funnel(0.85, 200, 0.9) == "below 95"
    assert place_in_funnel(0.85, 2000, 0.9) == "below 99.8"
    assert place_in_funnel(0.93, 2000, 0.9) == "above 99.8"
    assert place_in_funnel(1.0, 20, 1.0) == "inside"


def test_nobody_has_no_limits_and_where_all_have_it_there_is_no_funnel():
    lower, upper = funnel_limits([0, 10], 1.0, level=0.95)
    assert np.isnan([lower[0], upper[0]]).all()
    assert (lower[1], upper[1]) == (1, 1)


@pytest.mark.parametrize(
    ("share", "high", "low"),
    [(0.79, "below", "beyond"), (0.8, "within", "beyond"), (0.85, "within", "within"), (0.9, "beyond", "within")],
)
def test_a_share_is_held_against_its_target_from_the_better_side(share, high, low):
    assert against_target(share, Target(lower=0.8, upper=0.9)) == high
    assert against_target(share, Target(lower=0.8, upper=0.9, better="low")) == low


def test_a_trend_is_told_where_the_limits_do_not_hold_0():
    assert (direction(0.1, 0.2), direction(-0.2, -0.1), direction(-0.1, 0.2)) == ("up", "down", "unclear")
