"""Cumulative incidence with a competing end: the share that had the event, of all who started.

Aalen and Johansen 1978; its variance after Aalen, with n - 1 in place of n, as Gray's tests use it. Limits on the
log(-log) scale. One minus Kaplan-Meier would count those who died as if they could still have the event.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from linkage_core.survival.day_histogram import DayHistogram, Ending
from linkage_core.survival.kaplan_meier import UNKNOWN, Estimate

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CumulativeIncidence:
    """The curve of one way to end, one entry a day from day 0 to the last day on which anybody was seen.

    Args:
        at_risk: float64.
        events: float64, ends of this kind; `ends`: of both kinds.
        free: float64, share that had neither before that day.
        share: float64, share that has ended this way by that day.
    """

    at_risk: Floats
    events: Floats
    ends: Floats
    free: Floats
    share: Floats
    level: float

    def at(self, day: int) -> Estimate:
        """The share by a day; unknown after the last day that was seen, unless nobody was left to be followed."""
        last = len(self.share) - 1
        everybody_ended = last >= 0 and self.at_risk[last] == self.ends[last]
        if last < 0 or (day > last and not everybody_ended):
            return UNKNOWN
        day = min(day, last)
        share, error = float(self.share[day]), float(np.sqrt(self.variance(day)))
        if share in (0.0, 1.0):
            return Estimate(share, error, share, share)
        step = float(ndtri((1 + self.level) / 2)) * error / (share * np.log(share))
        return Estimate(share, error, float(share ** np.exp(-step)), float(share ** np.exp(step)))

    def variance(self, day: int) -> float:
        """Variance of the share by a day that was seen."""
        days = np.flatnonzero(self.ends[: day + 1] > 0)
        n, k, d = self.at_risk[days], self.events[days], self.ends[days]
        free, rest = self.free[days], self.share[day] - self.share[days]
        # Where all end there is nothing left to rise, and where one is left there is nothing to vary: both count 0.
        before_last = np.maximum(n - 1, 1)
        left = np.maximum(n - d, 1)
        terms = (
            rest**2 * d / (before_last * left) * (n > d)
            + free**2 * k * (n - k) / (n**2 * before_last)
            - 2 * rest * free * k * (n - k) / (n * left * before_last) * (n > d)
        )
        return max(float(terms.sum()), 0.0)


def cumulative_incidence(
    persons: DayHistogram, *, of: Ending = Ending.EVENT, level: float = 0.95
) -> CumulativeIncidence:
    """The curve of one group and one way to end; the other way competes with it."""
    days = persons.last_day + 1
    n = persons.at_risk[:days].astype(np.float64)
    counted = persons.events if of is Ending.EVENT else persons.competing
    events = counted[:days].astype(np.float64)
    ends = (persons.events + persons.competing)[:days].astype(np.float64)
    free = np.concatenate(([1.0], np.cumprod(1 - ends / n)))[:days]
    return CumulativeIncidence(n, events, ends, free, np.cumsum(free * events / n), level)
