"""Waiting-time distributions: who waits how long, checked on paper, and that known distributions are found again."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from linkage.errors import DefinitionRejected
from linkage_core.indicators.waiting_time import _drawn
from linkage_core.waiting_time import DISTRIBUTIONS, fit_waiting_times
from tests.support.indicator_tables import DAY_0, drawn_set, evaluated, lmed, outcome, population

YEAR = "between = { from = 2020-01-01, until = 2021-01-01 }\n"
KIND = 'id = "w"\nkind = "waiting_time_distribution"\ncodes = "statin"\n'
REVERSE = "w/direction=reverse;distribution=log-normal"
assert date(2020, 1, 1) == DAY_0  # 2020 has 366 days; the last is day 365.


def said(*rows: str, rest: str = "", persons: tuple[str, ...] = ("anna",)) -> Any:
    return evaluated(
        drawn_set(KIND + YEAR + rest), population=population(persons, index=False), lmed=lmed(persons, *rows)
    )


def test_the_last_dispensing_of_the_window_tells_how_long_a_person_has_waited():
    values = said("anna 10 C10AA05 1 30", "anna 300 C10AA05 1 30", "anna 366 C10AA05 1 30")
    assert outcome(values[REVERSE]) == [(65, "ok")]


def test_ordinary_times_go_from_the_first_day_to_the_first_dispensing():
    values = said("anna -1 C10AA05 1 30", "anna 10 C10AA05 1 30", rest='direction = "ordinary"')
    assert outcome(values["w/direction=ordinary;distribution=log-normal"]) == [(10, "ok")]


@pytest.mark.parametrize("day", [-1, 366])
def test_who_has_no_dispensing_in_the_window_is_left_out(day):
    assert outcome(said(f"anna {day} C10AA05 1 30")[REVERSE]) == [(None, "excluded:not_dispensed_in_window")]


def test_a_reversed_row_is_no_dispensing():
    values = said("anna 10 C10AA05 1 30", "anna 300 C10AA05 1 30", "anna 300 C10AA05 -1 30")
    assert outcome(values[REVERSE]) == [(355, "ok")]


TRUE = {"log-normal": [1.5, 4.2, -1.0], "weibull": [0.8, 0.7, -4.4], "exponential": [2.0, -3.3]}


def counted(name: str, *, persons: float = 1e6, days: int = 365) -> Any:
    """So many persons as the mixture says by itself, in whole numbers."""
    theta = np.array(TRUE[name])
    share = 1 / (1 + np.exp(-theta[0]))
    density = share * DISTRIBUTIONS[name].density(np.arange(days) + 0.5, theta[1:]) + (1 - share) / days
    return np.rint(persons * density).astype(np.int64)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_distribution_is_found_again_from_its_own_counts(name):
    fitted = fit_waiting_times(counted(name), distribution=name)
    assert fitted is not None
    assert fitted.theta == pytest.approx(TRUE[name], abs=0.02)
    family = DISTRIBUTIONS[name]
    # Those in treatment wait no longer than the percentile of the time between dispensings says: S(q) = 1 - 0.8.
    days = fitted.within(0.8)
    zero = family.density(np.array([1e-9]), fitted.theta[1:])[0]
    assert family.density(np.array([days.value]), fitted.theta[1:])[0] / zero == pytest.approx(0.2, abs=1e-9)
    assert days.lower < days.value < days.upper


def test_the_80th_percentile_in_closed_form():
    assert fit_waiting_times(counted("exponential"), distribution="exponential").within(0.8).value == pytest.approx(
        np.log(5) * np.exp(3.3), rel=0.01
    )


def test_estimates_are_the_same_to_the_last_bit_and_counts_by_day_add_up():
    whole = counted("weibull")
    half = whole // 3
    one, other = (fit_waiting_times(counts, distribution="weibull") for counts in (whole, half + (whole - half)))
    assert one.theta.tobytes() == other.theta.tobytes()
    assert one.covariance.tobytes() == other.covariance.tobytes()


def test_limits_cover_what_a_person_says_several_times_as_one_thing():
    counts = counted("log-normal", persons=2000)
    once = np.repeat(np.arange(len(counts)), counts)
    persons = np.arange(len(once))
    alone = fit_waiting_times(counts, distribution="log-normal").within(0.8)
    several = fit_waiting_times(
        counts * 4, distribution="log-normal", persons=np.tile(persons, 4), days=np.tile(once, 4)
    ).within(0.8)
    assert several.value == pytest.approx(alone.value, rel=1e-5)
    assert several.upper - several.lower == pytest.approx(alone.upper - alone.lower, rel=0.1)


def test_too_few_persons_tell_nothing():
    assert fit_waiting_times(np.full(10, 4), distribution="log-normal") is None
    (told,) = [value.statistics(np.ones(1, np.bool_)) for value in said("anna 10 C10AA05 1 30").values()]
    assert [one.statistic for one in told] == ["days:80", "in_treatment", "mu", "sigma", "log_likelihood"]
    assert np.isnan(told[0].value)
    assert told[0].note == "not told by the data"


def drawn(seed: int, persons: int, sample: int) -> Any:
    return _drawn(seed, np.arange(persons, dtype=np.uint64), sample, days=366)


def test_random_index_dates_are_the_same_for_the_same_seed_and_reach_every_day():
    days = drawn(7, 20_000, 3)
    assert (days == drawn(7, 20_000, 3)).all()
    assert (days != drawn(8, 20_000, 3)).mean() > 0.99
    assert (days != drawn(7, 20_000, 4)).mean() > 0.99
    assert (days[:50] == drawn(7, 50, 3)).all()
    counts = np.bincount(days, minlength=366)
    assert len(counts) == 366
    assert counts.min() > 20
    assert counts.max() < 100


def test_with_random_index_dates_a_person_looks_back_from_a_day_of_her_own():
    rows = [f"anna {day} C10AA05 1 30" for day in range(-400, 400, 7)]
    (value,) = said(*rows, rest="random_index_dates = 3\nseed = 5").values()
    index = int(drawn(5, 1, 0)[0])
    assert outcome(value) == [((index + 400) % 7, "ok")]
    told = value.statistics(np.ones(1, np.bool_))[0]
    assert (told.numerator, told.denominator, told.interval) == (3, 1, "robust")


@pytest.mark.parametrize(
    ("rest", "mend"),
    [
        ("between = { from = 2020-01-01, until = 2020-01-02 }", "2 to 3650 days"),
        ("between = { from = 2020-01-01, until = 2019-01-01 }", "2 to 3650 days"),
        (YEAR + "percentile = [80, 80]", "stands twice"),
        (YEAR + 'distribution = ["weibull", "weibull"]', "stands twice"),
        (YEAR + "percentile = 0", "greater than or equal to 1"),
        (YEAR + 'distribution = "gamma"', "log-normal"),
    ],
)
def test_questions_that_cannot_be_are_refused(rest, mend):
    with pytest.raises(DefinitionRejected, match=mend):
        drawn_set(KIND + rest)
