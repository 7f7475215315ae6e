"""Distributions of the time between two dispensings, and what they say of the time since the last one.

Whoever is looked at on a day in the middle of treatment has waited for a time with density S(x) / M, where S is the
survivor function of the time between dispensings and M its mean (Støvring, Pottegård and Hallas, Pharmacoepidemiol Drug
Saf 2016). Parameters are unbounded: logarithms of what must be above 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, ndtr, ndtri

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Distribution:
    """One family.

    Args:
        parameters: their names as they are told, without the logarithm.
        start: from waiting times of those surely in treatment (ascending), where the search begins.
        density: from times and parameters, S(x) / M.
        log_quantile: from parameters and a share, the logarithm of the time within which that share collects again, and
            its derivatives.
        told: the parameters as they are told.
    """

    parameters: tuple[str, ...]
    start: Callable[[Floats], list[float]]
    density: Callable[[Floats, Floats], Floats]
    log_quantile: Callable[[Floats, float], tuple[float, list[float]]]
    told: Callable[[Floats], tuple[float, ...]]


def _lognormal_start(times: Floats) -> list[float]:
    logs = np.log(times)
    return [float(logs.mean()), float(np.log(max(logs.std(), 0.05)))]


def _lognormal_density(times: Floats, theta: Floats) -> Floats:
    mean, spread = theta[0], np.exp(theta[1])
    return np.asarray(ndtr((mean - np.log(times)) / spread) * np.exp(-mean - spread * spread / 2), np.float64)


def _lognormal_quantile(theta: Floats, share: float) -> tuple[float, list[float]]:
    steps = float(ndtri(share) * np.exp(theta[1]))
    return float(theta[0]) + steps, [1.0, steps]


def _weibull_start(times: Floats) -> list[float]:
    return [0.0, float(-np.log(times.mean()))]


def _weibull_density(times: Floats, theta: Floats) -> Floats:
    shape = np.exp(theta[0])
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(theta[1] - gammaln(1 + 1 / shape) - (times * np.exp(theta[1])) ** shape), np.float64)


def _weibull_quantile(theta: Floats, share: float) -> tuple[float, list[float]]:
    power = float(np.log(-np.log1p(-share)) / np.exp(theta[0]))
    return power - float(theta[1]), [-power, -1.0]


def _exponential_density(times: Floats, theta: Floats) -> Floats:
    return np.asarray(np.exp(theta[0] - times * np.exp(theta[0])), np.float64)


def _exponential_quantile(theta: Floats, share: float) -> tuple[float, list[float]]:
    return float(np.log(-np.log1p(-share)) - theta[0]), [-1.0]


DISTRIBUTIONS: Mapping[str, Distribution] = {
    "log-normal": Distribution(
        ("mu", "sigma"),
        _lognormal_start,
        _lognormal_density,
        _lognormal_quantile,
        lambda theta: (float(theta[0]), float(np.exp(theta[1]))),
    ),
    "weibull": Distribution(
        ("alpha", "beta"),
        _weibull_start,
        _weibull_density,
        _weibull_quantile,
        lambda theta: (float(np.exp(theta[0])), float(np.exp(theta[1]))),
    ),
    "exponential": Distribution(
        ("beta",),
        lambda times: [float(-np.log(times.mean()))],
        _exponential_density,
        _exponential_quantile,
        lambda theta: (float(np.exp(theta[0])),),
    ),
}
"""By name; Weibull and exponential have S(x) = exp(-(x beta)^alpha), alpha 1 for the latter."""
