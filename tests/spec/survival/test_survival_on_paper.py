"""Kaplan-Meier, cumulative incidence and log-rank, checked on paper.

Six persons: events on days 2, 2 and 5, a death on day 4, and two who were followed to day 6 without either.

| day | at risk | events | competing | share without the event | cumulative incidence |
|-----|---------|--------|-----------|-------------------------|----------------------|
| 2   | 6       | 2      | 0         | 4/6                     | 2/6                  |
| 4   | 4       | 0      | 1         | 4/6                     | 2/6                  |
| 5   | 3       | 1      | 0         | 4/6 * 2/3 = 4/9         | 2/6 + 3/6 * 1/3 = 3/6 |
| 6   | 2       | 0      | 0         | 4/9                     | 3/6                  |
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from linkage_core.survival import DayHistogram, Ending, cumulative_incidence, day_histograms, kaplan_meier, log_rank

SIX = [(2, Ending.EVENT), (2, Ending.EVENT), (4, Ending.COMPETING), (5, Ending.EVENT), (6, 0), (6, 0)]


def persons(*endings: tuple[int, int]) -> DayHistogram:
    """A histogram of (day, ending)."""
    times = np.array([day for day, _ in endings], np.int64)
    return day_histograms(times, np.array([ending for _, ending in endings], np.uint8))[0]


def test_the_share_without_the_event_falls_by_the_events_among_those_at_risk():
    curve = kaplan_meier(persons(*SIX))
    assert [curve.at(day).value for day in (0, 1, 2, 4, 5, 6)] == pytest.approx([1, 1, 4 / 6, 4 / 6, 4 / 9, 4 / 9])
    assert [curve.at_risk_on(day) for day in (0, 2, 3, 5, 6, 7)] == [6, 6, 4, 3, 2, 0]


def test_the_error_is_greenwoods():
    # 2 / (6 * 4) after day 2, and 1 / (3 * 2) more after day 5.
    curve = kaplan_meier(persons(*SIX))
    assert curve.at(2).std_error == pytest.approx(4 / 6 * math.sqrt(2 / 24))
    assert curve.at(5).std_error == pytest.approx(4 / 9 * math.sqrt(2 / 24 + 1 / 6))


def test_limits_are_taken_on_the_scale_that_is_asked_for():
    z, spread = 1.959963984540054, math.sqrt(2 / 24)
    log = kaplan_meier(persons(*SIX), limits_of="log").at(2)
    assert (log.lower, log.upper) == pytest.approx((4 / 6 * math.exp(-z * spread), 1.0))
    step = z * spread / abs(math.log(4 / 6))
    log_log = kaplan_meier(persons(*SIX)).at(2)
    assert (log_log.lower, log_log.upper) == pytest.approx(((4 / 6) ** math.exp(step), (4 / 6) ** math.exp(-step)))


def test_who_died_is_never_counted_as_if_the_event_could_still_come():
    counted = persons(*SIX)
    discontinued = cumulative_incidence(counted)
    died = cumulative_incidence(counted, of=Ending.COMPETING)
    assert [discontinued.at(day).value for day in (1, 2, 4, 5, 6)] == pytest.approx([0, 2 / 6, 2 / 6, 3 / 6, 3 / 6])
    assert [died.at(day).value for day in (1, 4, 6)] == pytest.approx([0, 1 / 6, 1 / 6])
    assert discontinued.at(6).value < 1 - kaplan_meier(counted).at(6).value


def test_the_median_is_the_first_day_below_a_half():
    assert kaplan_meier(persons(*SIX)).median().value == 5


def test_a_flat_half_has_its_middle_as_median():
    # 2/4 from day 3 to day 7.
    assert kaplan_meier(persons((1, 1), (3, 1), (7, 1), (9, 1))).median().value == 5
    assert kaplan_meier(persons((1, 1), (3, 1), (7, 0), (9, 0))).median().value == 3


def test_the_median_is_unknown_where_most_never_have_the_event():
    assert math.isnan(kaplan_meier(persons((3, 1), (9, 0), (9, 0))).median().value)


def test_the_restricted_mean_is_the_area_under_the_curve():
    # 2 days at 1, 3 days at 4/6, 1 day at 4/9.
    mean = kaplan_meier(persons(*SIX)).restricted_mean(6)
    assert mean.value == pytest.approx(2 + 3 * 4 / 6 + 4 / 9)
    after_2, after_5 = 3 * 4 / 6 + 4 / 9, 4 / 9
    assert mean.std_error == pytest.approx(math.sqrt(after_2**2 * 2 / 24 + after_5**2 / 6))


def test_beyond_the_last_day_that_anybody_was_seen_nothing_is_known():
    curve = kaplan_meier(persons(*SIX))
    assert math.isnan(curve.at(7).value)
    assert math.isnan(curve.restricted_mean(8).value)
    assert math.isnan(cumulative_incidence(persons(*SIX)).at(7).value)


def test_where_everybody_had_the_event_the_share_stays_0_and_has_no_limits():
    curve = kaplan_meier(persons((1, 1), (3, 1)))
    assert curve.at(3).value == curve.at(100).value == 0
    assert math.isnan(curve.at(3).lower)
    assert curve.restricted_mean(100).value == pytest.approx(1 + 2 * 0.5)
    assert cumulative_incidence(persons((1, 1), (3, 1))).at(100).value == pytest.approx(1)


def test_everybody_may_have_the_event_on_day_0():
    everybody = persons((0, 1), (0, 1))
    curve = kaplan_meier(everybody)
    assert curve.at(0).value == 0
    assert curve.median().value == 0
    assert curve.restricted_mean(10).value == 0
    assert cumulative_incidence(everybody).at(0) == (1, 0, 1, 1)


def test_of_nobody_everything_is_unknown():
    nobody = persons()
    assert math.isnan(kaplan_meier(nobody).at(0).value)
    assert math.isnan(kaplan_meier(nobody).median().value)
    assert math.isnan(kaplan_meier(nobody).restricted_mean(10).value)
    assert math.isnan(cumulative_incidence(nobody).at(0).value)
    assert kaplan_meier(nobody).persons == 0


def test_without_an_event_the_share_is_1_for_certain():
    assert kaplan_meier(persons((5, 0), (5, 2))).at(5) == (1, 0, 1, 1)
    assert cumulative_incidence(persons((5, 0), (5, 2))).at(5) == (0, 0, 0, 0)


def test_log_rank_compares_events_with_those_expected():
    # Day 1: one event of 4 at risk, 2 in each group: expected 1/2, variance 1/4.
    # Day 2: one event of 3 at risk, 1 and 2: expected 1/3, variance 2/9.
    first, second = persons((1, 1), (2, 1)), persons((3, 0), (3, 0))
    outcome = log_rank([first, second])
    assert outcome.chi_square == pytest.approx((2 - 1 / 2 - 1 / 3) ** 2 / (1 / 4 + 2 / 9))
    assert outcome.freedom == 1
    assert outcome.p_value == pytest.approx(math.erfc(math.sqrt(outcome.chi_square / 2)))


def test_nothing_is_compared_with_one_group_or_without_events():
    assert math.isnan(log_rank([persons((1, 1))]).p_value)
    assert math.isnan(log_rank([persons((1, 1)), persons()]).p_value)
    assert math.isnan(log_rank([persons((1, 0)), persons((2, 0))]).p_value)


def test_a_time_before_day_0_is_refused():
    with pytest.raises(ValueError, match="negative"):
        persons((-1, 1))
