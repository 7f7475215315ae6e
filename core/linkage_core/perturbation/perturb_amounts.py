"""Sums with noise in proportion to their largest contributors.

    step of contributor j = |x_j| * share(|x_j|) * weight_j / sqrt(V)
    change                = sum over j of step_j * v_j

x_1, x_2, ... are the largest contributors, persons or company groups; v_j is looked up with a key of the cell and the
contributor. The flex function gives the share (deliverable D4.2 of "Open source tools for perturbative confidentiality
methods", part I; Giessing and Tent 2019): `share_small` up to the flex point f, and above it

    share(x) = large * (1 + (small * x - large * f) / (large * f) * (2 f / (f + x))**q)

which begins at `share_small` and falls to `share_large`; where the two are equal, all shares are. Dividing by the
square root of the table's variance V makes the shares standard deviations, whatever the table.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linkage.errors import InputRefused
from linkage.perturbation_rules import AmountNoise
from linkage_core.perturbation.noise_rows import Floats
from linkage_core.perturbation.noise_table import Ints, Keys, NoiseTable, look_up

Flags = npt.NDArray[np.bool_]


def flex_share(amounts: Floats, noise: AmountNoise) -> Floats:
    """The flex function: noise's standard deviation as a share of an amount that is not negative."""
    small, large, point = noise.share_small, noise.share_large, noise.flex_point
    if small == large:
        return np.full(amounts.shape, small)
    beyond = np.maximum(amounts, point)
    fading = (2 * point / (point + beyond)) ** noise.flex_exponent
    shares: Floats = large * (1 + (small * beyond - large * point) / (large * point) * fading)
    return shares


def perturb_amounts(
    sums: Floats, *, largest: Floats, keys: Keys, sensitive: Flags, noise: AmountNoise, table: NoiseTable
) -> Floats:
    """Each sum with its change; a sum of 0 stays, and none changes its sign.

    Args:
        sums: float64, one a cell.
        largest: float64, cells by contributors: what the largest gave, the largest first; 0 where there is none.
        keys: uint64, cells by contributors.
        sensitive: the sums that `extra_steps` are for.
        noise: the figures.
        table: made by `amount_table` with the same bound, variance and parts.

    Raises:
        InputRefused: the arrays do not fit each other.
    """
    if largest.shape != keys.shape or largest.shape != (sums.size, len(noise.weights)):
        raise InputRefused("there must be one key and one amount for each weight and sum.")
    changed = sums.astype(np.float64)
    for part, weight in enumerate(noise.weights):
        given = np.abs(largest[:, part])
        step = given * flex_share(given, noise) * weight / np.sqrt(noise.variance)
        # Where contributors cancel out a sum may be smaller than one of its steps.
        step = np.minimum(step, np.abs(changed))
        in_steps = np.divide(np.abs(changed), step, out=np.zeros_like(step), where=step > 0)
        change = _in_steps(table, in_steps, keys[:, part], parts=noise.parts)
        away = np.where(change == 0, np.where(keys[:, part] & np.uint64(1), 1.0, -1.0), np.sign(change))
        change += away * noise.extra_steps * (sensitive & (part == 0))
        changed += np.sign(changed) * np.maximum(step * change, -np.abs(changed))
    return changed


def _in_steps(table: NoiseTable, amounts: Floats, keys: Keys, *, parts: int) -> Floats:
    """The change in steps of amounts in steps; between two rows the two changes are mixed, with the same key."""
    amounts = np.minimum(amounts, table.last)
    below: Ints = np.floor(amounts).astype(np.int64)
    share = amounts - below
    mixed: Floats = (1 - share) * look_up(table, below, keys) + share * look_up(table, below + 1, keys)
    return mixed / parts
