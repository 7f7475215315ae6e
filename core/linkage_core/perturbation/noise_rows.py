"""The change of one count or amount with the greatest entropy: as little as can be known but its mean and variance.

Of all distributions over the allowed changes v with mean 0 and variance V, the one of greatest entropy has
probabilities proportional to exp(a v + b v**2) (Giessing 2016, PSD, LNCS 9867, pp. 237-251). Where v and -v are both
allowed or both not, a is 0: a discrete Gaussian.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linkage.errors import InputRefused
from linkage.perturbation_rules import Changes, refuse_impossible_variance, variance_limits

Floats = npt.NDArray[np.float64]

_EXACT = 1e-12
_AT_THE_LIMIT = 1e-9
_CLOSE = 1e-8
_STEPS = 500


def greatest_entropy(changes: Changes, variance: float, *, what: str) -> Floats:
    """Probabilities of the changes, with mean 0 and the given variance, of greatest entropy.

    Args:
        changes: whole numbers, ascending.
        variance: what the squares of the changes come to on average.
        what: is changed, for a refusal.

    Raises:
        InputRefused: no distribution over these changes has mean 0 and this variance.
    """
    try:
        refuse_impossible_variance(changes, variance, what=what)
    except ValueError as impossible:
        raise InputRefused(
            f"{impossible}.", mend="Choose another variance or bound, or let smaller counts be printed."
        ) from None
    limits = variance_limits(changes)
    assert limits is not None
    for limit, pair in zip(limits, (_closest, _widest), strict=True):
        if abs(variance - limit) <= _AT_THE_LIMIT:
            return _two_points(changes, *pair(changes))
    return _interior(np.array(changes, dtype=np.float64), variance)


def _interior(changes: Floats, variance: float) -> Floats:
    """Minimise the dual of the convex programme, log of the sum of exp(a v + b (v**2 - V)), by damped Newton steps."""
    scale = np.abs(changes).max()
    features = np.stack([changes / scale, (changes**2 - variance) / scale**2])
    weights = np.zeros(2)
    value, chances = _dual(weights, features)
    for _ in range(_STEPS):
        gradient = features @ chances
        if np.abs(gradient).max() < _EXACT:
            break
        centred = features - gradient[:, np.newaxis]
        step = np.linalg.solve((centred * chances) @ centred.T, gradient)
        length, slope = 1.0, float(gradient @ step)
        trial, tried = _dual(weights - step, features)
        # Close to the minimum a whole step is right, and what it gains is lost in rounding.
        while slope > _CLOSE and trial > value - 0.25 * length * slope:
            length /= 2
            trial, tried = _dual(weights - length * step, features)
        weights, value, chances = weights - length * step, trial, tried
    assert np.abs(features @ chances).max() < 1e-9, "a feasible convex programme was not solved"
    return chances


def _dual(weights: Floats, features: Floats) -> tuple[float, Floats]:
    exponents = weights @ features
    top = exponents.max()
    powers = np.exp(exponents - top)
    total = powers.sum()
    return float(top + np.log(total)), powers / total


def _two_points(changes: Changes, low: int, high: int) -> Floats:
    """The only distribution with mean 0 at a limit of the variance."""
    chances = np.zeros(len(changes))
    if low == high:
        chances[changes.index(low)] = 1.0
    else:
        chances[changes.index(low)] = high / (high - low)
        chances[changes.index(high)] = -low / (high - low)
    return chances


def _closest(changes: Changes) -> tuple[int, int]:
    return max(v for v in changes if v <= 0), min(v for v in changes if v >= 0)


def _widest(changes: Changes) -> tuple[int, int]:
    return changes[0], changes[-1]
