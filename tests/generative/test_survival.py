"""Statistics from day histograms are those of the persons, and histograms of parts merge to that of the whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage_core.survival import Ending, cumulative_incidence, day_histograms, kaplan_meier, log_rank
from tests.reference import survival as reference

ENDED = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), max_size=14)
SOMEBODY = ENDED.filter(bool)


def histogram(persons: list[reference.Ended]):
    times = np.array([day for day, _ in persons], np.int64)
    return day_histograms(times, np.array([how for _, how in persons], np.uint8))[0]


@given(SOMEBODY)
def test_curves_are_those_of_the_persons(persons):
    counted, last = histogram(persons), max(day for day, _ in persons)
    curve = kaplan_meier(counted)
    for day in range(last + 1):
        share = float(reference.share_without_event(persons, day))
        estimate = curve.at(day)
        assert estimate.value == pytest.approx(share, abs=1e-12)
        if 0 < share < 1:
            assert 0 < estimate.lower < share < estimate.upper < 1
        for of in (Ending.EVENT, Ending.COMPETING):
            risen = cumulative_incidence(counted, of=of).at(day)
            assert risen.value == pytest.approx(float(reference.incidence(persons, day, of=of)), abs=1e-12)
            assert math.isfinite(risen.std_error)
    assert curve.restricted_mean(last).value == pytest.approx(float(reference.restricted_mean(persons, last)), abs=1e-9)


@given(ENDED, ENDED)
def test_log_rank_is_that_of_the_persons(first, second):
    wanted = reference.log_rank_of_two(first, second) if first and second else None
    chi_square = log_rank([histogram(first), histogram(second)]).chi_square
    assert math.isnan(chi_square) if wanted is None else chi_square == pytest.approx(float(wanted), abs=1e-9)


@given(ENDED, ENDED)
def test_parts_merge_to_the_whole(first, second):
    merged, whole = histogram(first).merge(histogram(second)), histogram([*first, *second])
    for name in ("censored", "events", "competing"):
        assert getattr(merged, name).tolist() == getattr(whole, name).tolist()


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2), st.integers(0, 2)), max_size=14))
def test_strata_are_counted_apart(persons):
    times, endings, strata = (np.array([one[part] for one in persons], np.int64) for part in range(3))
    for place, found in enumerate(day_histograms(times, endings.astype(np.uint8), stratum=strata, strata=3)):
        alone = histogram([(day, how) for day, how, stratum in persons if stratum == place])
        assert found.persons == alone.persons
        assert found.last_day == alone.last_day
        assert found.at_risk[: alone.last_day + 1].tolist() == alone.at_risk[: alone.last_day + 1].tolist()
