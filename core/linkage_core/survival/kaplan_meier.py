"""Kaplan-Meier: the share still without the event, its limits, the median and the restricted mean.

Kaplan and Meier 1958; Greenwood 1926 for the variance; limits on the log(-log) scale (Kalbfleisch and Prentice) or on
the log scale. A competing end counts as censoring. Edges, each tested in tests/spec/survival:

- after the last day on which anybody was seen the share is 0 where it had fallen to 0, else unknown (NaN);
- the share 1 has the limits 1 and 1, the share 0 has none (NaN): Greenwood's variance is not finite there;
- of nobody, everything is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from linkage_core.survival.day_histogram import DayHistogram

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
LimitsOf = Literal["log-log", "log"]

_EQUAL = 1e-9
"""Shares are products of fractions: one that should be a half may differ from it in the last bits."""


class Estimate(NamedTuple):
    """A number with its standard error and limits; NaN for what is unknown."""

    value: float
    std_error: float
    lower: float
    upper: float


UNKNOWN = Estimate(np.nan, np.nan, np.nan, np.nan)


@dataclass(frozen=True, slots=True)
class KaplanMeier:
    """The curve of one group, one entry a day from day 0 to the last day on which anybody was seen.

    Args:
        at_risk, events, censored: int64; who ended by a competing event is among the censored.
        share: float64, still without the event after that day.
        std_error: float64, of the share, after Greenwood.
        lower, upper: float64.
    """

    at_risk: Int64s
    events: Int64s
    censored: Int64s
    share: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    level: float

    @property
    def persons(self) -> int:
        """Persons at the start."""
        return int(self.at_risk[0]) if len(self.at_risk) else 0

    def at(self, day: int) -> Estimate:
        """The share after a day."""
        if day < len(self.share):
            return Estimate(*(float(part[day]) for part in (self.share, self.std_error, self.lower, self.upper)))
        fallen = len(self.share) > 0 and self.share[-1] == 0
        return Estimate(0.0, np.nan, np.nan, np.nan) if fallen else UNKNOWN

    def at_risk_on(self, day: int) -> int:
        """Persons whose time had not ended before a day."""
        return int(self.at_risk[day]) if day < len(self.at_risk) else 0

    def median(self) -> Estimate:
        """The day on which the share falls below a half; its limits are those of the curve's limits."""
        return Estimate(
            _falls_below_half(self.share), np.nan, _falls_below_half(self.lower), _falls_below_half(self.upper)
        )

    def restricted_mean(self, until: int) -> Estimate:
        """Mean days without the event of the first `until` days: the area under the curve.

        Unknown where the curve ends before `until` without having fallen to 0.
        """
        if until >= len(self.share) and not (len(self.share) and self.share[-1] == 0):
            return UNKNOWN
        curve = np.zeros(until)
        seen = min(until, len(self.share))
        curve[:seen] = self.share[:seen]
        # The area from each day on, on the days on which the curve falls.
        after = curve[::-1].cumsum()[::-1]
        n, d = self.at_risk[:seen].astype(np.float64), self.events[:seen]
        falls = (d > 0) & (n > d)
        mean = float(after[0]) if until else 0.0
        error = float(np.sqrt((after[:seen][falls] ** 2 * d[falls] / (n[falls] * (n[falls] - d[falls]))).sum()))
        half = normal_quantile(self.level) * error
        return Estimate(mean, error, max(mean - half, 0.0), min(mean + half, float(until)))


def kaplan_meier(persons: DayHistogram, *, limits_of: LimitsOf = "log-log", level: float = 0.95) -> KaplanMeier:
    """The curve of one group."""
    days = persons.last_day + 1
    at_risk, events = persons.at_risk[:days], persons.events[:days]
    n, d = at_risk.astype(np.float64), events.astype(np.float64)
    share = np.asarray(np.cumprod(1 - d / n), np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Variance of the logarithm of the share.
        spread = np.sqrt(np.cumsum(d / (n * (n - d))))
        error = share * spread
        lower, upper = limits(share, spread, limits_of=limits_of, z=normal_quantile(level))
    certain, fallen = share == 1, share == 0
    for part in (error, lower, upper):
        part[fallen] = np.nan
    lower[certain] = upper[certain] = 1.0
    censored = (persons.censored + persons.competing)[:days]
    return KaplanMeier(at_risk, events, censored, share, error, lower, upper, level)


def limits(share: Floats, spread: Floats, *, limits_of: LimitsOf, z: float) -> tuple[Floats, Floats]:
    """Limits of shares from the standard error of their logarithm."""
    if limits_of == "log":
        return share * np.exp(-z * spread), np.minimum(share * np.exp(z * spread), 1.0)
    step = z * spread / np.log(share)
    return np.exp(np.log(share) * np.exp(-step)), np.exp(np.log(share) * np.exp(step))


def _falls_below_half(curve: Floats) -> float:
    """First day on which a curve lies below a half; the middle of its flat part where it lies at a half before."""
    with np.errstate(invalid="ignore"):
        equal, below = np.flatnonzero(np.abs(curve - 0.5) <= _EQUAL), np.flatnonzero(curve < 0.5 - _EQUAL)
    if len(equal) and len(below):
        return (float(equal[0]) + float(below[0])) / 2
    first = equal if len(equal) else below
    return float(first[0]) if len(first) else np.nan


def normal_quantile(level: float) -> float:
    """How many standard errors limits of a level lie away."""
    return float(ndtri((1 + level) / 2))
