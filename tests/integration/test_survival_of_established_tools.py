"""Survival statistics are, on the reference set, those of established R software."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from linkage_core.survival import DayHistogram, Ending, cumulative_incidence, day_histograms, kaplan_meier, log_rank
from tests.support.adherer_oracle import expected

pytestmark = pytest.mark.shared_data
CONFIGS = ("e01_gap90", "e02_gap30", "e01_gap90_strict", "e02_gap30_strict")


def persons(times: pd.DataFrame) -> DayHistogram:
    return day_histograms(times.time.to_numpy(), times.competing.to_numpy(np.uint8))[0]


@pytest.fixture(params=CONFIGS)
def config(request):
    return request.param


@pytest.fixture
def times(shared_data, config):
    found = expected(shared_data, "time_to_discontinuation")
    return found[found.config == config]


def test_the_curve_with_its_limits(shared_data, config, times):
    full, curve = expected(shared_data, f"km_full_{config}"), kaplan_meier(persons(times))
    for ours, theirs in (("at_risk", "at_risk"), ("events", "events"), ("censored", "censored")):
        assert getattr(curve, ours)[full.time].tolist() == full[theirs].tolist()
    for ours, theirs in (("share", "surv"), ("lower", "lower"), ("upper", "upper")):
        assert np.allclose(getattr(curve, ours)[full.time], full[theirs], rtol=0, atol=1e-9)


def test_points_by_sex_on_both_scales(shared_data, config, times):
    points = expected(shared_data, "km_points")
    for point in points[points.config == config].itertuples():
        whom = times if point.stratum == "all" else times[times.sex == point.stratum.removeprefix("sex=")]
        curve = kaplan_meier(persons(whom), limits_of=point.conf_type)
        assert curve.persons == point.n
        assert curve.at_risk_on(point.time) == point.at_risk
        wanted = (point.surv, point.std_err, point.lower, point.upper)
        assert np.allclose(curve.at(point.time), wanted, rtol=0, atol=1e-9)


def test_median_restricted_mean_and_log_rank(shared_data, config, times):
    wanted = expected(shared_data, f"km_summary_{config}").iloc[0]
    curve = kaplan_meier(persons(times))
    mean, median = curve.restricted_mean(365), curve.median()
    assert np.allclose(mean[:2], (wanted.rmst_365, wanted.rmst_365_se), rtol=1e-9)
    medians = wanted[["median", "median_lower", "median_upper"]].astype(float)
    assert np.allclose((median.value, median.lower, median.upper), medians, equal_nan=True)
    compared = log_rank([persons(group) for _, group in times.groupby("sex")])
    assert np.allclose((compared.chi_square, compared.p_value), (wanted.logrank_sex_chisq, wanted.logrank_sex_p))


def test_cumulative_incidence_with_death_as_competing_end(shared_data, config, times):
    for point in expected(shared_data, f"cif_{config}").itertuples():
        curve = cumulative_incidence(persons(times), of=Ending(int(point.cause.split()[1])))
        assert curve.at(point.time).value == pytest.approx(point.cif, abs=1e-9)
        assert curve.variance(point.time) == pytest.approx(point.var, abs=1e-9)
