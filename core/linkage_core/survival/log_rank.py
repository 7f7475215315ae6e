"""Log-rank test: do groups differ in how their time to the event runs?

Mantel 1966, with the hypergeometric variance. A competing end counts as censoring, so what is compared are hazards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc

from linkage_core.survival.day_histogram import DayHistogram


class LogRank(NamedTuple):
    """Chi-square, its degrees of freedom, and the probability of one as large; NaN where nothing can be compared."""

    chi_square: float
    freedom: int
    p_value: float


def log_rank(groups: Sequence[DayHistogram]) -> LogRank:
    """Compare groups; those without anybody are left out.

    Nothing can be compared with fewer than two groups, or where no event falls on a day with more than one at risk.
    """
    groups = [group for group in groups if group.persons]
    if len(groups) < 2:
        return LogRank(np.nan, max(len(groups) - 1, 0), np.nan)
    days = max(len(group.events) for group in groups)
    n, d = np.zeros((2, len(groups), days))
    for place, group in enumerate(groups):
        n[place, : len(group.events)] = group.at_risk
        d[place, : len(group.events)] = group.events
    counts = (d.sum(axis=0) > 0) & (n.sum(axis=0) > 1)
    n, d = n[:, counts], d[:, counts]
    all_n, all_d = n.sum(axis=0), d.sum(axis=0)
    share = n / all_n
    difference = d.sum(axis=1) - (share * all_d).sum(axis=1)
    spread = all_d * (all_n - all_d) / (all_n - 1)
    covariance = np.diag((share * spread).sum(axis=1)) - (share * spread) @ share.T
    if not covariance.any():
        return LogRank(np.nan, len(groups) - 1, np.nan)
    # Differences add up to 0, so one group tells nothing that the others do not.
    chi_square = float(difference @ np.linalg.pinv(covariance, hermitian=True) @ difference)
    freedom = int(np.linalg.matrix_rank(covariance, hermitian=True))
    return LogRank(chi_square, freedom, float(chdtrc(freedom, chi_square)))
