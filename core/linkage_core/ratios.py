"""Ratios of two counts with confidence limits, every edge defined.

Given their sum, the first of two Poisson counts is binomial; limits of its share become limits of the ratio. A ratio
with nothing below it is unknown (NaN) and without an upper limit (infinite), but has a lower one; 0 by something is 0
with the lower limit 0; 0 by 0 tells nothing (NaN). All limits are two-sided; arguments are counts and may be arrays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from linkage_core.intervals import Floats, Interval, clopper_pearson


class Ratio(NamedTuple):
    """A ratio and its limits; an upper limit may be infinite."""

    value: Floats
    lower: Floats
    upper: Floats


def exact_ratio(first: npt.ArrayLike, second: npt.ArrayLike, *, level: float = 0.95) -> Ratio:
    """Exact conditional limits (Przyborowski and Wilenski 1940): limits of the share after Clopper and Pearson."""
    x, y = _counts(first, second)
    return _ratio(x, y, clopper_pearson(x, x + y, level=level))


def jeffreys_ratio(first: npt.ArrayLike, second: npt.ArrayLike, *, level: float = 0.95) -> Ratio:
    """Limits from the beta distribution (first + 1/2, second + 1/2), Jeffreys' prior; at a zero after Brown, Cai and
    DasGupta 2001: 0 has the lower limit 0, all have the upper limit 1."""
    x, y = _counts(first, second)
    tail = (1 - level) / 2
    lower = np.where(x == 0, 0.0, betaincinv(x + 0.5, y + 0.5, tail))
    upper = np.where(y == 0, 1.0, betaincinv(x + 0.5, y + 0.5, 1 - tail))
    return _ratio(x, y, Interval(lower, upper))


def rate_ratio(
    first: npt.ArrayLike, first_time: npt.ArrayLike, second: npt.ArrayLike, second_time: npt.ArrayLike
) -> Ratio:
    """Ratio of two rates, counts by person-time, with exact conditional limits (Rothman and Greenland 1998).

    Without time on either side nothing is known.
    """
    times = np.asarray(first_time, np.float64), np.asarray(second_time, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.where((times[0] > 0) & (times[1] > 0), times[1] / times[0], np.nan)
        return scaled(exact_ratio(first, second), scale)


def scaled(ratio: Ratio, factor: npt.ArrayLike) -> Ratio:
    """A ratio and its limits times a number that is taken as known."""
    return Ratio(*(np.asarray(part * np.asarray(factor, np.float64), np.float64) for part in ratio))


def _counts(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[Floats, Floats]:
    x, y = np.broadcast_arrays(np.asarray(first, np.float64), np.asarray(second, np.float64))
    if (x < 0).any() or (y < 0).any():
        raise ValueError("counts must not be negative")
    return x, y


def _ratio(x: Floats, y: Floats, share: Interval) -> Ratio:
    nothing = x + y == 0
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(y > 0, x / y, np.nan)
        lower = share.lower / (1 - share.lower)
        upper = np.where(share.upper < 1, share.upper / (1 - share.upper), np.inf)
    return Ratio(value, np.where(nothing, np.nan, lower), np.where(nothing, np.nan, upper))
