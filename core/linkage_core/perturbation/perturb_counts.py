"""Counts of persons with noise by cell key."""

from __future__ import annotations

import numpy as np

from linkage.errors import InputRefused
from linkage_core.perturbation.noise_table import Ints, Keys, NoiseTable, look_up


def perturb_counts(counts: Ints, keys: Keys, table: NoiseTable) -> Ints:
    """Each count with its change: the row is the count, the column follows from the key. Zero stays zero.

    Args:
        counts: int64, different persons of each cell.
        keys: uint64, the key of each cell.
        table: made by `count_table`.

    Raises:
        InputRefused: a count is negative, or there is not one key for each count.
    """
    if counts.shape != keys.shape:
        raise InputRefused("there must be one cell key for each count.")
    if counts.min(initial=0) < 0:
        raise InputRefused("a count of persons is negative.")
    changed: Ints = counts + look_up(table, counts.ravel(), keys.ravel()).reshape(counts.shape)
    assert np.all(changed >= 0)
    return changed
