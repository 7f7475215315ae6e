"""What a person's ratio is rounded to before an order adds it up.

A sum of exact ratios tells more than a mean: where all but one were observed for 365 days, what is no multiple of
1/365 is the one who died on day 37, and her own share of days can be read off it. Rounded person by person, nothing but
the rounded ratios enters a table, however it is cut, so that no margin and no other order tells more of anybody.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from linkage.indicator_kinds import Indicator, TreatmentEpisodes
from linkage_core.disclosure.printed_digits import KnownPairs, printed_decimals
from linkage_core.indicators.values import Int32s, Int64s, Measure, PersonValues, UInt8s

RATIO_SCALE = 1_000_000
"""Units per whole of a ratio."""

_DECIMALS = 2
"""Where a definition does not say how many days a ratio may be of."""

_MOST_DECIMALS = 3


def with_decimals(value: PersonValues) -> PersonValues:
    """The value, told how many decimals of each person's ratio or length may be added up; others stay as they are."""
    if value.measure is Measure.FRACTION or (value.measure is Measure.AMOUNT and value.scale == RATIO_SCALE):
        return value.but_for(decimals=_decimals_of(value.indicator))
    return value


def rounded_ratios(value: Int64s | Int32s | UInt8s, *, decimals: int) -> Int64s:
    """Ratios in units of 1 / RATIO_SCALE, rounded half up to so many decimals, in the same units."""
    unit = RATIO_SCALE // 10**decimals
    rounded: Int64s = (value.astype(np.int64) + unit // 2) // unit * unit
    return rounded


def _decimals_of(indicator: Indicator) -> int:
    if isinstance(indicator, TreatmentEpisodes):
        # Lengths, in 1/64 days: a fraction is of few, whose dose it would tell.
        return 0
    observe, follow_up = getattr(indicator, "observe", None), getattr(indicator, "follow_up", None)
    if observe is not None:
        return min(decimals_of_days(last - observe.from_day) for last in observe.to_days)
    if follow_up is not None and isinstance(follow_up.length, int):
        return decimals_of_days(follow_up.length)
    return _DECIMALS


@lru_cache(maxsize=64)
def decimals_of_days(days: int) -> int:
    """Decimals at which three pairs of days fit every share of at most so many days; at most three, at least none."""
    known = KnownPairs((0, days), (1, days), part_of_whole=True)
    return max(printed_decimals(known, most=_MOST_DECIMALS) or 0, 0)
