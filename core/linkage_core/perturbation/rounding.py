"""Counts rounded one by one: what is printed follows from the count alone, so it tells no more than the count."""

from __future__ import annotations

import numpy as np

from linkage.perturbation_rules import RoundingMethod
from linkage_core.perturbation.noise_table import Ints


def round_counts(counts: Ints, *, method: RoundingMethod, base: int) -> Ints:
    """Counts as multiples of a base, or as midpoints between two. Zero stays zero.

    Args:
        counts: int64, not negative.
        method: `nearest`, halves up; `up`, to the next multiple; `midpoint`, 1 to `base` as half of it, rounded up, and
            so on, as OpenSAFELY's midpoint 6 (1 to 6 is 3, 7 to 12 is 9).
        base: what is rounded to.
    """
    above = -(-counts // base) * base
    match method:
        case "nearest":
            rounded: Ints = (2 * counts + base) // (2 * base) * base
        case "up":
            rounded = above
        case "midpoint":
            rounded = above - np.where(counts > 0, base // 2, 0)
        case _:
            raise ValueError(f"{method} does not round counts one by one")
    return rounded


def count_ranges(counts: Ints, *, base: int) -> tuple[Ints, Ints]:
    """The first and last count of the range that each lies in: 0, 1 to `base`, `base` + 1 to twice the base ..."""
    last: Ints = -(-counts // base) * base
    return np.where(counts > 0, last - base + 1, 0), last
