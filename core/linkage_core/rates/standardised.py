"""Rates by stratum, most often by age, brought into one number with its limits.

Strata lie along the last axis; whatever comes before it is worked out together. A stratum of which nothing can be
known, because nobody lives in it, leaves the whole number unknown (NaN): not 0, and not the number of the others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv

from linkage_core.intervals import Floats, poisson_exact


class Rate(NamedTuple):
    """A rate or ratio and its limits."""

    value: Floats
    lower: Floats
    upper: Floats


def directly_standardised(
    events: npt.ArrayLike, persons: npt.ArrayLike, weights: npt.ArrayLike, *, level: float = 0.95
) -> Rate:
    """Sum over strata of weight x events / persons, with the gamma limits of Fay and Feuer (Stat Med 1997;16:791-801).

    Events are taken for Poisson counts. With y the rate, v the sum of weight^2 x events / persons^2 and m the largest
    weight / persons, limits are quantiles of gamma distributions with mean y and variance v, and y + m and v + m^2.

    Args:
        events: not negative, strata last.
        persons: inhabitants or person-time, the same shape.
        weights: not negative, one a stratum; brought to a sum of 1.
    """
    x, n = np.broadcast_arrays(np.asarray(events, np.float64), np.asarray(persons, np.float64))
    w = _shares(weights)
    unknown = _unknown(n, w)
    with np.errstate(invalid="ignore", divide="ignore"):
        each = np.where(w > 0, w / n, 0.0)
    each = np.where(unknown[..., np.newaxis], 1.0, each)
    rate = np.asarray((each * x).sum(axis=-1), np.float64)
    variance, most = (each * each * x).sum(axis=-1), each.max(axis=-1, initial=0.0)
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        lower = np.where(rate > 0, _gamma_quantile(tail, rate, variance), 0.0)
    upper = _gamma_quantile(1 - tail, rate + most, variance + most * most)
    return Rate(*(np.where(unknown, np.nan, part) for part in (rate, lower, upper)))


def weighed_mean(amounts: npt.ArrayLike, persons: npt.ArrayLike, weights: npt.ArrayLike) -> Floats:
    """Sum over strata of weight x amount / persons: the same for amounts, which have no limits."""
    x, n = np.broadcast_arrays(np.asarray(amounts, np.float64), np.asarray(persons, np.float64))
    w = _shares(weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.where(w > 0, w * x / n, 0.0).sum(axis=-1)
    return np.where(_unknown(n, w), np.nan, rate)


def expected_events(reference_rate: npt.ArrayLike, persons: npt.ArrayLike) -> Floats:
    """Sum over strata of a reference's rate x persons; a stratum without persons expects nothing, whatever its rate."""
    n = np.asarray(persons, np.float64)
    with np.errstate(invalid="ignore"):
        events = np.where(n == 0, 0.0, np.asarray(reference_rate, np.float64) * n)
    return np.asarray(events.sum(axis=-1), np.float64)


def standardised_ratio(observed: npt.ArrayLike, expected: npt.ArrayLike, *, level: float = 0.95) -> Rate:
    """Observed by expected events (indirect standardisation; SMR where the events are deaths), with exact limits of the
    observed count (Garwood 1936) by what is taken as known. Nothing expected: unknown.
    """
    x, e = np.asarray(observed, np.float64), np.asarray(expected, np.float64)
    limits = poisson_exact(x, level=level)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Rate(*(np.where(e > 0, part / e, np.nan) for part in (x, limits.lower, limits.upper)))


def _shares(weights: npt.ArrayLike) -> Floats:
    w = np.asarray(weights, np.float64)
    if not (w >= 0).all() or not w.sum() > 0:
        raise ValueError("weights must not be negative, and one must be above 0")
    return np.asarray(w / w.sum(), np.float64)


def _unknown(persons: Floats, weights: Floats) -> npt.NDArray[np.bool_]:
    return np.asarray((~(persons > 0) & (weights > 0)).any(axis=-1), np.bool_)


def _gamma_quantile(share: float, mean: Floats, variance: Floats) -> Floats:
    return np.asarray(gammaincinv(mean * mean / variance, share) * variance / mean, np.float64)
