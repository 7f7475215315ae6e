"""Units against the whole, and one period against another: what chance alone would give.

Shares are events by persons; a unit without persons has no limits and no difference (NaN).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import bdtrik, betainc

from linkage.indicator_kinds import Target
from linkage_core.intervals import Floats, wilson


def funnel_limits(persons: npt.ArrayLike, overall: float, *, level: float) -> tuple[Floats, Floats]:
    """Lower and upper limit of a share among so many persons, at 0.95 or 0.998, if they are like all.

    Exact binomial, interpolated between whole persons (Spiegelhalter, Stat Med 2005;24:1185, appendix A.1). Where
    everybody or nobody has the event both limits are the overall share.
    """
    n = np.asarray(persons, np.float64)
    known = np.maximum(n, 1.0)
    if not 0 < overall < 1:
        lower = upper = np.full(n.shape, overall)
    else:
        tail = (1 - level) / 2
        lower, upper = _limit(known, overall, tail), _limit(known, overall, 1 - tail)
    return np.where(n > 0, lower, np.nan), np.where(n > 0, upper, np.nan)


def place_in_funnel(share: float, persons: float, overall: float) -> str:
    """Where a unit lies: "inside", or "above" or "below" with the widest limits that it is outside of, 95 or 99.8."""
    for level, name in ((0.998, "99.8"), (0.95, "95")):
        lower, upper = funnel_limits([persons], overall, level=level)
        if share < lower[0]:
            return f"below {name}"
        if share > upper[0]:
            return f"above {name}"
    return "inside"


class Difference(NamedTuple):
    """A difference of shares and its limits."""

    value: Floats
    lower: Floats
    upper: Floats


def share_difference(
    events: npt.ArrayLike,
    persons: npt.ArrayLike,
    events_before: npt.ArrayLike,
    persons_before: npt.ArrayLike,
    *,
    level: float = 0.95,
) -> Difference:
    """Share less the share of other persons, with limits formed of both score intervals (Newcombe, Stat Med
    1998;17:873-890, method 10).
    """
    now, before = (np.asarray(part, np.float64) for part in (persons, persons_before))
    with np.errstate(invalid="ignore", divide="ignore"):
        p, q = np.asarray(events, np.float64) / now, np.asarray(events_before, np.float64) / before
    of_p, of_q = wilson(events, persons, level=level), wilson(events_before, persons_before, level=level)
    value = p - q
    lower = value - np.hypot(p - of_p.lower, of_q.upper - q)
    upper = value + np.hypot(of_p.upper - p, q - of_q.lower)
    return Difference(value, lower, upper)


def direction(lower: float, upper: float) -> str:
    """Where a difference with these limits goes: "up", "down", or "unclear" where they hold 0."""
    return "up" if lower > 0 else "down" if upper < 0 else "unclear"


def against_target(share: float, target: Target) -> str:
    """Where a share lies by its target: "below" the band, "within" it, or at its better end or "beyond" it."""
    ends = (target.lower, target.upper)
    first, best = ends if target.better == "high" else (-ends[1], -ends[0])
    signed = share if target.better == "high" else -share
    return "below" if signed < first else "beyond" if signed >= best else "within"


def _limit(persons: Floats, overall: float, tail: float) -> Floats:
    # bdtrik gives the real number whose distribution function is `tail`; the quantile is the next whole one.
    quantile = np.maximum(np.ceil(bdtrik(tail, persons, overall) - 1e-9), 0.0)
    at = _at_most(quantile, persons, overall)
    below = _at_most(quantile - 1, persons, overall)
    share: Floats = (quantile - (at - tail) / (at - below)) / persons
    return np.clip(share, 0.0, 1.0)


def _at_most(hits: Floats, persons: Floats, overall: float) -> Floats:
    """Binomial distribution function, by the incomplete beta function."""
    inside = np.clip(hits, 0, persons - 1)
    known = betainc(persons - inside, inside + 1, 1 - overall)
    result: Floats = np.where(hits < 0, 0.0, np.where(hits >= persons, 1.0, known))
    return result
