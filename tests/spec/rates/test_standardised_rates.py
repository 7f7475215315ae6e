"""Rates brought into one number, on strata that can be checked on paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, gamma

from linkage.errors import InputRefused
from linkage.indicator_kinds import Standard
from linkage.standard_populations import standard_population
from linkage_core.rates import directly_standardised, standard_weights, standardised_ratio
from linkage_core.rates.age_groups import regrouped
from linkage_core.rates.standardised import expected_events, weighed_mean


def test_each_stratum_counts_by_its_weight_and_not_by_its_size():
    # 10 of 1,000 at three quarters, 30 of 500 at one: 0.75 x 0.01 + 0.25 x 0.06
    rate = directly_standardised([10, 30], [1000, 500], [3, 1])
    assert rate.value == pytest.approx(0.0225, rel=1e-15)


def test_limits_are_quantiles_of_two_gamma_distributions():
    weights, persons = np.array([0.75, 0.25]), np.array([1000.0, 500.0])
    each = weights / persons
    value, variance, most = 0.0225, (each**2 * [10, 30]).sum(), each.max()
    rate = directly_standardised([10, 30], persons, weights)
    lower = gamma.ppf(0.025, value**2 / variance, scale=variance / value)
    above = variance + most**2
    upper = gamma.ppf(0.975, (value + most) ** 2 / above, scale=above / (value + most))
    assert (rate.lower, rate.upper) == (pytest.approx(lower, rel=1e-12), pytest.approx(upper, rel=1e-12))


def test_with_one_stratum_the_limits_are_the_exact_ones_of_a_count():
    rate = directly_standardised([7], [100], [5])
    assert rate.lower == pytest.approx(chi2.ppf(0.025, 14) / 2 / 100, rel=1e-12)
    assert rate.upper == pytest.approx(chi2.ppf(0.975, 16) / 2 / 100, rel=1e-12)


def test_nobody_with_the_event_is_a_rate_of_0_with_an_upper_limit():
    rate = directly_standardised([0, 0], [1000, 500], [1, 1])
    # One more event, at the stratum where it weighs most: -ln(0.025) x 0.5 / 500.
    assert (rate.value, rate.lower) == (0, 0)
    assert rate.upper == pytest.approx(-np.log(0.025) / 1000, rel=1e-12)


def test_a_stratum_where_nobody_lives_leaves_the_rate_unknown():
    rate = directly_standardised([[10, 0], [10, 3]], [[1000, 0], [1000, 50]], [1, 1])
    assert np.isnan([part[0] for part in rate]).all()
    assert rate.value[1] == pytest.approx(0.035)
    assert np.isnan(weighed_mean([10, 0], [1000, 0], [1, 1]))
    # What has no weight is not needed.
    assert directly_standardised([10, 0], [1000, 0], [1, 0]).value == pytest.approx(0.01)


def test_amounts_are_weighed_alike_and_may_be_negative():
    assert weighed_mean([-5.0, 30.0], [1000, 500], [3, 1]) == pytest.approx(-0.00375 + 0.015)


def test_weights_that_say_nothing_are_refused():
    with pytest.raises(ValueError, match="must not be negative"):
        directly_standardised([1, 1], [10, 10], [0, 0])


def test_observed_by_expected_has_the_exact_limits_of_the_observed():
    expected = expected_events([0.002, 0.03], [1000, 200])
    assert expected == pytest.approx(8)
    ratio = standardised_ratio(10, expected)
    assert ratio.value == pytest.approx(1.25)
    assert (ratio.lower, ratio.upper) == (pytest.approx(4.795389 / 8, rel=1e-6), pytest.approx(18.39036 / 8, rel=1e-6))
    assert np.isnan(standardised_ratio(0, 0).value)


def test_a_stratum_without_persons_expects_nothing_whatever_its_rate():
    assert expected_events([0.002, np.nan, np.inf], [1000, 0, 0]) == pytest.approx(2)


def test_the_european_standard_population_is_a_hundred_thousand():
    standard = standard_population("esp2013")
    assert sum(standard.values()) == 100_000
    assert next(iter(standard)) == "0"
    assert list(standard)[-1] == "95+"


GROUPS = ["<40", *(f"{age}-{age + 4}" for age in range(40, 90, 5)), "90+"]


def test_ages_are_cut_off_below_and_open_above():
    ages = standard_weights(GROUPS, Standard(from_age=40))
    assert ages.weights.tolist() == [7000, 7000, 7000, 6500, 6000, 5500, 5000, 4000, 2500, 1500, 1000]
    assert ages.stratum.tolist() == [-1, *range(11)]
    older = standard_weights(GROUPS, Standard(from_age=40, open_age=80))
    assert older.weights.tolist()[-2:] == [4000, 5000]
    assert older.gathered(np.arange(12.0)).tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9 + 10 + 11]
    everybody = standard_weights(GROUPS, Standard())
    assert everybody.weights.sum() == 100_000


@pytest.mark.parametrize(
    ("groups", "standard", "message"),
    [
        (["0-17", "18+"], Standard(), "cuts the group '15-19' of the standard population"),
        (["0-39", "40+"], Standard(from_age=18), "cuts the age group '0-39' .* at 18"),
        (["0-39", "40+"], Standard(weights={"0-39": 1.0}), "no weight for the age group '40\\+'"),
        (["0-39"], Standard(from_age=40), "leaves no age group"),
    ],
)
def test_a_standard_that_does_not_fit_the_age_groups_is_refused(groups, standard, message):
    with pytest.raises(InputRefused, match=message):
        standard_weights(groups, standard)


def test_weights_may_be_given():
    ages = standard_weights(["0-39", "40-64", "65+"], Standard(weights={"40-64": 2.0, "65+": 1.0}, from_age=40))
    assert ages.weights.tolist() == [2, 1]


def test_bands_are_made_of_whole_age_groups():
    assert regrouped(["0-4", "5-64", "65+"], ["<65", "65+"]).tolist() == [0, 0, 1]
    assert regrouped(["0-4", "5-64", "65+"], ["65+"]).tolist() == [-1, -1, 0]
    with pytest.raises(InputRefused, match="cuts the age group '5-64'"):
        regrouped(["0-4", "5-64"], ["<50", "50+"])


STRATA = st.lists(st.tuples(st.integers(0, 50), st.integers(50, 5000)), min_size=1, max_size=8)


@given(STRATA, st.floats(0.01, 100))
def test_a_population_that_is_its_own_standard_has_its_crude_rate(strata, scale):
    events, persons = (np.array(part, np.float64) for part in zip(*strata, strict=True))
    rate = directly_standardised(events, persons, scale * persons)
    assert rate.value == pytest.approx(events.sum() / persons.sum(), rel=1e-12)
    assert rate.lower <= rate.value * (1 + 1e-12)
    assert rate.value <= rate.upper
    assert rate.value == pytest.approx(weighed_mean(events, persons, persons), rel=1e-12)


@given(STRATA)
def test_a_population_compared_with_itself_has_what_is_expected(strata):
    events, persons = (np.array(part, np.float64) for part in zip(*strata, strict=True))
    expected = expected_events(events / persons, persons)
    assert expected == pytest.approx(events.sum(), rel=1e-12, abs=1e-12)
