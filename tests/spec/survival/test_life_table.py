"""The life table of the manual, worked by hand, and beside the curve by days."""

from __future__ import annotations

import numpy as np
import pytest

from linkage_core.survival import Ending, day_histograms, kaplan_meier
from linkage_core.survival.life_table import Span, falls_below, incidence, steps_of, survival

EVENT, LEFT, DIED = Ending.EVENT, Ending.CENSORED, Ending.COMPETING
MANUAL = [Span(EVENT, 0, 30, 20), Span(EVENT, 31, 90, 14), Span(LEFT, 0, 30, 10)]


def test_the_table_of_the_manual() -> None:
    steps = steps_of(100, MANUAL, of=EVENT, competing=False)
    assert steps.at_risk.tolist() == [100, 70]
    assert steps.exposed.tolist() == [95, 70]
    first, second = survival(steps, limits_of="log-log")
    assert first.value == pytest.approx(1 - 20 / 95)
    assert second.value == pytest.approx((1 - 20 / 95) * (1 - 14 / 70))
    # Greenwood: 20 / (95 x 75) + 14 / (70 x 56).
    assert second.std_error == pytest.approx(second.value * np.sqrt(20 / (95 * 75) + 14 / (70 * 56)))
    assert first.lower < first.value < first.upper


def test_who_leaves_over_two_intervals_is_taken_by_days() -> None:
    """Of 9 who leave on days 0 to 89, 3 do on days 0 to 29: a third of the days."""
    spans = [Span(EVENT, 0, 29, 20), Span(EVENT, 30, 89, 10), Span(LEFT, 0, 89, 9)]
    steps = steps_of(100, spans, of=EVENT, competing=False)
    assert steps.at_risk.tolist() == [100, 77]
    assert steps.exposed.tolist() == [98.5, 74]


def test_the_other_end_competes_or_leaves() -> None:
    spans = [Span(EVENT, 0, 30, 20), Span(DIED, 0, 30, 10), Span(EVENT, 31, 90, 14), Span(DIED, 31, 90, 0)]
    steps = steps_of(100, spans, of=EVENT, competing=True)
    assert steps.exposed.tolist() == [100, 70]
    # 0.2 at once; of the 0.7 with neither end a fifth.
    assert [one.value for one in incidence(steps)] == pytest.approx([0.2, 0.2 + 0.7 * 14 / 70])
    died = incidence(steps_of(100, spans, of=DIED, competing=True))
    assert [one.value for one in died] == pytest.approx([0.1, 0.1])
    leaving = survival(steps_of(100, spans, of=EVENT, competing=False), limits_of="log")
    assert leaving[0].value == pytest.approx(1 - 20 / 95)


def test_a_half_is_reached_in_proportion_to_days() -> None:
    """From 0.8 to 0.4 over days 31 to 90: three quarters of 60 days."""
    steps = steps_of(100, [Span(EVENT, 0, 30, 20), Span(EVENT, 31, 90, 40)], of=EVENT, competing=False)
    assert falls_below(steps, [0.8, 0.4], 0.5) == (pytest.approx(31 + 45), 31, 90)
    assert falls_below(steps, [0.8, 0.6], 0.5) is None


def test_nobody_has_no_curve_and_all_at_once_ends_it() -> None:
    (none,) = survival(steps_of(0, [Span(EVENT, 0, 30, 0)], of=EVENT, competing=False), limits_of="log")
    assert np.isnan(none.value)
    (gone,) = survival(steps_of(20, [Span(EVENT, 0, 30, 20)], of=EVENT, competing=False), limits_of="log")
    assert gone.value == 0
    assert np.isnan(gone.lower)


def test_with_months_it_is_the_curve_by_days_to_a_hundredth() -> None:
    random = np.random.default_rng(5)
    event, left = random.exponential(300, 5000), random.exponential(900, 5000)
    day = np.minimum(np.minimum(event, left), 360).astype(np.int64)
    ending = np.where(day == 360, LEFT, np.where(event <= left, EVENT, LEFT)).astype(np.uint8)
    (histogram,) = day_histograms(day, ending)
    by_days = kaplan_meier(histogram)
    spans = []
    for first in range(0, 360, 30):
        inside = slice(first, first + 30)
        spans += [Span(EVENT, first, first + 29, int(histogram.events[inside].sum()))]
        spans += [Span(LEFT, first, first + 29, int(histogram.censored[inside].sum()))]
    told = survival(steps_of(5000, spans, of=EVENT, competing=False), limits_of="log-log")
    assert [one.value for one in told] == pytest.approx(
        [by_days.at(last).value for last in range(29, 360, 30)], abs=0.01
    )
