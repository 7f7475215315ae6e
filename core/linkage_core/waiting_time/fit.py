"""Fits a waiting-time distribution by maximum likelihood.

The likelihood is a sum over days, as all who waited for so many days add the same to it: counts by day are all that it
needs of persons, and they add up. A day counts at its middle, and a window of N days has length N.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linkage_core.waiting_time.distributions import DISTRIBUTIONS, Distribution, Floats

Int64s = npt.NDArray[np.int64]

LEAST_PERSONS = 50
"""With fewer the mixture cannot be told from either of its parts."""

_LIMIT = 1.959963984540054
_STEP = 1e-4
_SEARCH = {"xatol": 1e-10, "fatol": 1e-10, "maxiter": 20_000, "maxfev": 20_000}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % limits; NaN for what is not known."""

    value: float
    lower: float = np.nan
    upper: float = np.nan


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was estimated.

    Args:
        distribution: its name.
        theta: the logit of the share in treatment, then the distribution's parameters.
        covariance: of theta.
        log_likelihood: at theta.
    """

    distribution: str
    theta: Floats
    covariance: Floats
    log_likelihood: float

    @property
    def in_treatment(self) -> Estimate:
        """The share of those in the window who are in treatment."""
        half = _LIMIT * np.sqrt(self.covariance[0, 0])
        return Estimate(*(float(1 / (1 + np.exp(-(self.theta[0] + move)))) for move in (0.0, -half, half)))

    @property
    def parameters(self) -> dict[str, float]:
        """The distribution's parameters by name."""
        family = DISTRIBUTIONS[self.distribution]
        return dict(zip(family.parameters, family.told(self.theta[1:]), strict=True))

    def within(self, share: float) -> Estimate:
        """Days within which that share of those in treatment collects again."""
        days, slope = DISTRIBUTIONS[self.distribution].log_quantile(self.theta[1:], share)
        gradient = np.array([0.0, *slope])
        half = _LIMIT * np.sqrt(gradient @ self.covariance @ gradient)
        return Estimate(*(float(np.exp(days + move)) for move in (0.0, -half, half)))


def fit_waiting_times(
    waited: Int64s, *, distribution: str, persons: Int64s | None = None, days: Int64s | None = None
) -> Fitted | None:
    """Estimate the distribution; None where the data do not tell it.

    Args:
        waited: int64, one a day of the window: how many waited for so many days, from 0.
        distribution: name in `DISTRIBUTIONS`.
        persons, days: where a person may stand several times, one an observation: who it is, and her days. Limits are
            then robust: what one person says several times is one thing said.
    """
    if int(waited.sum()) < LEAST_PERSONS or np.count_nonzero(waited) < 5:
        return None
    family, mixture = DISTRIBUTIONS[distribution], _Mixture(DISTRIBUTIONS[distribution], len(waited))
    best = _search(mixture, waited, _start(family, waited))
    if best is None:
        return None
    information = -_second_derivatives(lambda theta: mixture.log_likelihood(theta, waited), best)
    if not np.isfinite(information).all() or np.linalg.eigvalsh(information).min() <= 0:
        return None
    covariance = np.asarray(np.linalg.inv(information), np.float64)
    if persons is not None and days is not None:
        score = np.zeros((int(persons.max()) + 1, len(best)))
        np.add.at(score, persons, mixture.scores(best)[days])
        covariance = np.asarray(covariance @ (score.T @ score) @ covariance, np.float64)
    return Fitted(distribution, best, covariance, mixture.log_likelihood(best, waited))


@dataclass(frozen=True, slots=True)
class _Mixture:
    """Those in treatment, and those who begin or stop, whose times lie anywhere in the window."""

    family: Distribution
    window_days: int

    def log_density(self, theta: Floats) -> Floats:
        """float64, one a day."""
        times = np.arange(0.5, self.window_days)
        share = 1 / (1 + np.exp(-theta[0]))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.asarray(
                np.log(share * self.family.density(times, theta[1:]) + (1 - share) / self.window_days), np.float64
            )

    def log_likelihood(self, theta: Floats, waited: Int64s) -> float:
        """Of so many a day."""
        told = waited > 0
        return float((waited[told] * self.log_density(theta)[told]).sum())

    def scores(self, theta: Floats) -> Floats:
        """float64, days x parameters: derivatives of the log density."""
        slopes = [self.log_density(theta + step) - self.log_density(theta - step) for step in _steps(theta)]
        return np.stack(slopes, axis=1) / (2 * _STEP)


def _start(family: Distribution, waited: Int64s) -> Floats:
    days, middle = np.arange(len(waited)), len(waited) // 2
    late = waited[(days + 0.5) > len(waited) * 2 / 3].sum() / waited.sum()
    share = min(max(1 - 3 * float(late), 0.05), 0.95)
    near = np.repeat(days[:middle], waited[:middle])
    times = np.asarray((near if len(near) else days) + 0.5, np.float64)
    return np.array([np.log(share / (1 - share)), *family.start(times)], np.float64)


def _search(mixture: _Mixture, waited: Int64s, start: Floats) -> Floats | None:
    # Importing the optimiser takes a quarter of a second, and only the laboratory estimates.
    from scipy.optimize import minimize

    def cost(theta: Floats) -> float:
        found = -mixture.log_likelihood(theta, waited)
        return found if np.isfinite(found) else 1e300

    best = start
    # A simplex may shrink before it has arrived; a second one from there tells.
    for _ in range(2):
        outcome = minimize(cost, best, method="Nelder-Mead", options=_SEARCH)
        best = np.asarray(outcome.x, np.float64)
    return best if outcome.success and np.isfinite(outcome.fun) else None


def _steps(theta: Floats) -> Floats:
    return np.asarray(np.eye(len(theta)) * _STEP, np.float64)


def _second_derivatives(function: Callable[[Floats], float], theta: Floats) -> Floats:
    steps = _steps(theta)
    found = np.empty((len(theta), len(theta)))
    for row, one in enumerate(steps):
        for column, other in enumerate(steps):
            found[row, column] = (
                function(theta + one + other)
                - function(theta + one - other)
                - function(theta - one + other)
                + function(theta - one - other)
            ) / (4 * _STEP * _STEP)
    return np.asarray((found + found.T) / 2, np.float64)
