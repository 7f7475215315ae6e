"""Noise of differential privacy, drawn and accounted for by OpenDP.

OpenDP is an extra of the package. It draws from the operating system's source of randomness and takes no seed, and what
a release costs is what its own privacy map says of the very mechanism that drew the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linkage.differential_privacy import DifferentialPrivacy
from linkage.errors import InputRefused
from linkage_core.disclosure.cell_system import Ints

_HALVINGS = 60
_A_LITTLE_MORE = 1 + 1e-9
_ONE_IN_TWENTY = 0.05


@dataclass(frozen=True, slots=True)
class OpenDPNoise:
    """Noise for every cell of one release, not drawn yet.

    Args:
        loss: what it costs: epsilon of Laplace noise, rho of Gaussian noise (zero-concentrated privacy).
        kind: of noise; `scale` is its parameter.
        standard_error: of each number; `within`: 95 of 100 numbers are no further off.
        measurement: OpenDP's mechanism.
    """

    loss: float
    kind: str
    scale: float
    standard_error: float
    within: float
    measurement: Any

    def draw(self, counts: Ints) -> Ints:
        """The counts with noise: whole numbers, below 0 where noise took them there."""
        return np.array(self.measurement(counts.tolist()), dtype=np.int64)


def noise_of(rules: DifferentialPrivacy, *, cells_of_a_leaf: int) -> OpenDPNoise:
    """The noise that a policy's figures ask for.

    One person in one leaf cell changes so many cells by 1: an L1 distance of `cells_of_a_leaf`, an L2 distance of its
    square root. In several leaf cells the distances add up at most (triangle inequality).

    Args:
        rules: the figures.
        cells_of_a_leaf: how many published cells hold any one leaf, itself among them; the most of all leaves.

    Raises:
        InputRefused: OpenDP is not installed.
    """
    return (_gaussian if rules.delta else _laplace)(rules, cells_of_a_leaf)


def total_epsilon(losses: Sequence[float], *, delta: float) -> float:
    """Epsilon of all releases together, at a delta: of Laplace noise their sum, of Gaussian noise less than it."""
    total = math.fsum(losses)
    if delta == 0 or total == 0:
        return total
    return _epsilon_of(_opendp(), total, delta)


def _laplace(rules: DifferentialPrivacy, cells_of_a_leaf: int) -> OpenDPNoise:
    dp = _opendp()
    distance = rules.contributions * cells_of_a_leaf
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
    scale = distance / rules.epsilon
    measurement = dp.m.make_laplace(*space, scale=scale)
    while measurement.map(distance) > rules.epsilon:
        scale *= _A_LITTLE_MORE
        measurement = dp.m.make_laplace(*space, scale=scale)
    # A difference of two geometric numbers: 2 p / (1 - p)^2 with p = exp(-1 / scale).
    variance = 2 * math.exp(-1 / scale) / math.expm1(-1 / scale) ** 2
    return OpenDPNoise(
        loss=float(measurement.map(distance)),
        kind="discrete_laplace",
        scale=scale,
        standard_error=math.sqrt(variance),
        within=float(dp.discrete_laplacian_scale_to_accuracy(scale, _ONE_IN_TWENTY)),
        measurement=measurement,
    )


def _gaussian(rules: DifferentialPrivacy, cells_of_a_leaf: int) -> OpenDPNoise:
    dp = _opendp()
    distance = math.nextafter(rules.contributions * math.sqrt(cells_of_a_leaf), math.inf)
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T="f64")
    scale = distance / math.sqrt(2 * _rho_of(dp, rules.epsilon, rules.delta))
    measurement = dp.m.make_gaussian(*space, scale=scale)
    while _epsilon_of(dp, measurement.map(distance), rules.delta) > rules.epsilon:
        scale *= _A_LITTLE_MORE
        measurement = dp.m.make_gaussian(*space, scale=scale)
    return OpenDPNoise(
        loss=float(measurement.map(distance)),
        kind="discrete_gaussian",
        scale=scale,
        # A little above that of the discrete noise.
        standard_error=scale,
        within=float(dp.discrete_gaussian_scale_to_accuracy(scale, _ONE_IN_TWENTY)),
        measurement=measurement,
    )


def _rho_of(dp: Any, epsilon: float, delta: float) -> float:
    """The greatest rho whose epsilon at a delta is not above the given one; rho is always below it."""
    low, high = 0.0, epsilon
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _epsilon_of(dp, middle, delta) <= epsilon else (low, middle)
    return low


def _epsilon_of(dp: Any, rho: float, delta: float) -> float:
    """Epsilon at a delta of a mechanism that costs rho: of Gaussian noise of that cost."""
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T="f64")
    gaussian = dp.m.make_gaussian(*space, scale=1 / math.sqrt(2 * rho))
    return float(dp.c.make_zCDP_to_approxDP(gaussian).map(1.0).epsilon(delta))


# Any: an optional library, loaded when a policy asks for it.
def _opendp() -> Any:
    try:
        import opendp.prelude as dp
    except ImportError:
        raise InputRefused(
            "the policy asks for differential privacy, and OpenDP is not installed.",
            mend="Install the extra: pip install register-linkage[privacy]",
        ) from None
    # What OpenDP calls contributed is what it has: counts by discrete Laplace and Gaussian noise have its proofs.
    dp.enable_features("contrib")
    return dp
