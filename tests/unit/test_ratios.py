"""Ratios of two counts at their edges, and against figures of established software."""

from __future__ import annotations

import numpy as np
import pytest

from linkage_core.ratios import Ratio, exact_ratio, jeffreys_ratio, rate_ratio


def approx(ratio: Ratio) -> tuple[float, ...]:
    return tuple(float(part) for part in ratio)


def test_a_ratio_has_the_limits_of_the_binomial_share():
    # 10 of 20: Clopper-Pearson 0.2719578 to 0.7280422, whose odds are each other's inverse.
    value, lower, upper = approx(exact_ratio(10, 10))
    assert (value, lower) == (1, pytest.approx(0.2719578 / 0.7280422, rel=1e-6))
    assert lower * upper == pytest.approx(1)


def test_nothing_below_has_a_lower_limit_and_no_upper():
    for ratio in (exact_ratio(4, 0), jeffreys_ratio(4, 0)):
        value, lower, upper = approx(ratio)
        assert np.isnan(value)
        assert 0 < lower < 4
        assert upper == np.inf


def test_nothing_above_is_zero_from_zero_on():
    for ratio in (exact_ratio(0, 4), jeffreys_ratio(0, 4)):
        value, lower, upper = approx(ratio)
        assert (value, lower) == (0, 0)
        assert 0 < upper < np.inf
    # 0 of 4: the upper limit of the share is 1 - 0.025^(1/4).
    share = 1 - 0.025**0.25
    assert approx(exact_ratio(0, 4))[2] == pytest.approx(share / (1 - share))


def test_of_nothing_nothing_is_known():
    for ratio in (exact_ratio(0, 0), jeffreys_ratio(0, 0), rate_ratio(0, 10, 0, 10)):
        assert np.isnan(approx(ratio)).all()


def test_a_ratio_of_rates_is_one_of_counts_by_times():
    assert approx(rate_ratio(6, 300, 3, 100)) == pytest.approx([part / 3 for part in approx(exact_ratio(6, 3))])


def test_a_rate_without_time_is_unknown():
    assert np.isnan(approx(rate_ratio(2, 10, 0, 0))).all()
    assert np.isnan(approx(rate_ratio(0, 0, 2, 10))).all()


def test_counts_may_be_arrays():
    found = exact_ratio([1, 0, 2], [1, 3, 0])
    assert found.value.tolist()[:2] == [1, 0]
    assert np.isnan(found.value[2])


def test_a_negative_count_is_refused():
    with pytest.raises(ValueError, match="negative"):
        exact_ratio(-1, 2)
