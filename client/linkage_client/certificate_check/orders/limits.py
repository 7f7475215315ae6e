"""Confidence limits of counts and shares, looked at from their definition: how much lies beyond them.

No quantile is worked out: an exact limit is right if, were it the truth, 2.5 % would lie beyond what was seen (Clopper
and Pearson 1934; Garwood 1936). A score limit (Wilson 1927) lies 1.959964 of its own standard deviations away.
"""

from __future__ import annotations

from math import exp, isfinite, lgamma, log, sqrt

import numpy as np

_TAIL = 0.025
_Z = 1.959963984540054
_CLOSE = 1e-7


def limits_are(kind: str, events: float, base: float, lower: float, upper: float) -> bool:
    """Whether these are the 95 % limits of events / base, to seven digits.

    Args:
        kind: "wilson" or "clopper-pearson" of a share, "poisson" of a rate.
        base: above 0.
    """
    if not (isfinite(lower) and isfinite(upper)):
        return False
    if kind == "poisson":
        low, high = lower * base, upper * base
        below = lower == 0 if events == 0 else low > 0 and _close(_poisson_beyond(events, low, up=True))
        return below and high > 0 and _close(_poisson_beyond(events, high, up=False))
    if kind == "wilson":
        below = lower == 0 if events == 0 else _score(events, base, lower)
        return below and (upper == 1 if events == base else _score(events, base, upper)) and lower <= upper
    if kind == "clopper-pearson":
        below = lower == 0 if events == 0 else 0 < lower < 1 and _close(_binomial_beyond(events, base, lower, up=True))
        above = upper == 1 if events == base else 0 < upper < 1 and _close(
            _binomial_beyond(events, base, upper, up=False)
        )  # fmt: skip
        return below and above
    return False


def _close(tail: float) -> bool:
    return abs(tail - _TAIL) < _CLOSE


def _score(events: float, base: float, limit: float) -> bool:
    away = abs(events / base - limit)
    return abs(away - _Z * sqrt(max(limit * (1 - limit), 0) / base)) < _CLOSE * max(away, 1e-3) and (
        0 <= limit <= 1
    )  # fmt: skip


def _poisson_beyond(events: float, mean: float, *, up: bool) -> float:
    """The chance of at least (or at most) so many, of a Poisson number."""
    far = 12 * sqrt(mean) + 60
    first, last = (events, max(events, mean) + far) if up else (max(0.0, min(events, mean) - far), events)
    numbers = np.arange(int(first) + 1, int(last) + 1)
    start = int(first) * log(mean) - mean - lgamma(int(first) + 1)
    return _summed(start, log(mean) - np.log(numbers))


def _binomial_beyond(events: float, base: float, share: float, *, up: bool) -> float:
    """The chance of at least (or at most) so many of `base`."""
    mean, far = base * share, 12 * sqrt(base * share * (1 - share)) + 60
    first, last = (events, min(base, max(events, mean) + far)) if up else (max(0.0, min(events, mean) - far), events)
    low, many = int(first), int(base)
    numbers = np.arange(low, int(last))
    start = lgamma(many + 1) - lgamma(low + 1) - lgamma(many - low + 1) + low * log(share) + (many - low) * log1(share)
    return _summed(start, np.log((many - numbers) / (numbers + 1)) + log(share) - log1(share))


def log1(share: float) -> float:
    """The logarithm of the rest of a share."""
    return float(np.log1p(-share))


def _summed(start: float, steps: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    logs = start + np.concatenate([[0.0], np.cumsum(steps)])
    largest = float(logs.max())
    return exp(largest) * float(np.exp(logs - largest).sum())
