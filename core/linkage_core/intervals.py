"""Confidence intervals of counts and shares, with every edge defined.

0 of n has the lower limit 0 exactly, n of n the upper limit 1 exactly; 0 of 0 has no interval (NaN). All limits are
two-sided; arguments are counts and may be arrays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, gammaincinv, ndtri

from linkage.errors import InputRefused

Floats = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """Lower and upper limit."""

    lower: Floats
    upper: Floats


def wilson(events: npt.ArrayLike, persons: npt.ArrayLike, *, level: float = 0.95) -> Interval:
    """Score interval of a share (Wilson 1927), without continuity correction."""
    x, n = _counts(events, persons)
    z = float(ndtri((1 + level) / 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = x / n
        middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return _edges(x, n, middle - half, middle + half)


def clopper_pearson(events: npt.ArrayLike, persons: npt.ArrayLike, *, level: float = 0.95) -> Interval:
    """Exact interval of a share (Clopper and Pearson 1934)."""
    x, n = _counts(events, persons)
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore"):
        lower = betaincinv(np.maximum(x, 1), np.maximum(n - x, 0) + 1, tail)
        upper = betaincinv(x + 1, np.maximum(n - x, 1), 1 - tail)
    return _edges(x, n, lower, upper)


def poisson_exact(events: npt.ArrayLike, *, level: float = 0.95) -> Interval:
    """Exact interval of an expected count (Garwood 1936); divide by person-time for a rate."""
    x = np.asarray(events, np.float64)
    if (x < 0).any():
        raise ValueError("events must not be negative")
    tail = (1 - level) / 2
    # Half a chi-square quantile of 2k degrees of freedom is a gamma quantile of shape k.
    lower = np.where(x > 0, gammaincinv(np.maximum(x, 1), tail), 0.0)
    return Interval(lower, np.asarray(gammaincinv(x + 1, 1 - tail), np.float64))


def interval_of(kind: str, events: Floats, base: Floats) -> Interval:
    """95 % interval of events / base, of the kind that a definition names; NaN where base is 0.

    Args:
        kind: "wilson" or "clopper-pearson" of a share of `base` persons, "poisson" of a rate by `base` of time or
            people; "" or "none" for none, which is NaN.
        events, base: of the same shape.

    Raises:
        InputRefused: there is no such interval.
    """
    if kind in ("", "none"):
        return Interval(np.full(base.shape, np.nan), np.full(base.shape, np.nan))
    shares = {"wilson": wilson, "clopper-pearson": clopper_pearson}
    if kind in shares:
        return shares[kind](events, base)
    if kind != "poisson":
        raise InputRefused(f"There is no interval {kind!r}.", mend="Use wilson, clopper-pearson or poisson.")
    some = base > 0
    ends = (np.divide(limit, base, out=np.full(base.shape, np.nan), where=some) for limit in poisson_exact(events))
    return Interval(*ends)


def _counts(events: npt.ArrayLike, persons: npt.ArrayLike) -> tuple[Floats, Floats]:
    x, n = np.broadcast_arrays(np.asarray(events, np.float64), np.asarray(persons, np.float64))
    if (x < 0).any() or (x > n).any():
        raise ValueError("events must lie between 0 and persons")
    return x, n


def _edges(x: Floats, n: Floats, lower: Floats, upper: Floats) -> Interval:
    nobody = n == 0
    return Interval(
        np.where(nobody, np.nan, np.where(x == 0, 0.0, np.clip(lower, 0.0, 1.0))),
        np.where(nobody, np.nan, np.where(x == n, 1.0, np.clip(upper, 0.0, 1.0))),
    )
