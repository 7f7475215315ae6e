"""What is asked about each person of a population, and how much of it there is before anybody is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import prod

from linkage.indicator_definition import IndicatorSet
from linkage.indicator_kinds import GenericSubstitution, Indicator
from linkage_core.indicators.periods import periods

_GRIDS = (
    "denominator",
    "supply",
    "reversals",
    "carry_over",
    "cost",
    "dispensed_within_days",
    "at_day",
    "at_days",
    "gap_days",
    "gap_percent",
    "washout_days",
    "lookback_days",
    "month",
    "rule",
    "censoring",
    "measure",
    "within_days",
    "together_days",
    "covered_days",
    "pairs",
    "limits",
    "grace_days",
    "memberships",
)
_THRESHOLDS = ("threshold", "at_least")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about each person, and how the answers are counted.

    Args:
        sets: indicator sets, each with the indicators that are asked for.
        by: crossings, as in `count_by`.
        row_dimensions: row variables that values are split by as well.
        data_until: by register, the last day that it holds in full.
    """

    sets: Sequence[IndicatorSet]
    by: Sequence[Sequence[str]]
    row_dimensions: Sequence[str]
    data_until: Mapping[str, date]

    @property
    def last_period_day(self) -> int | None:
        """Day number of the last day of the last calendar period; None without any."""
        calendars = [getattr(indicator, "calendar", None) for indicator in self._indicators]
        return max((periods(calendar)[-1][0].last_day for calendar in calendars if calendar), default=None)

    @property
    def values(self) -> int:
        """Values of one person, about: parameter points times periods."""
        return sum(map(_values, self._indicators))

    @property
    def _indicators(self) -> list[Indicator]:
        return [indicator for definition in self.sets for indicator in definition.indicators]


def _values(indicator: Indicator) -> int:
    # Kinds differ in which of these they have; what a kind lacks does not multiply.
    window = getattr(indicator, "window", None) or getattr(indicator, "observe", None)
    sliding, episodes = getattr(indicator, "sliding", None), getattr(indicator, "episodes", None)
    calendar, washout = getattr(indicator, "calendar", None), getattr(indicator, "washout", None)
    found = (getattr(indicator, name, None) for name in _GRIDS)
    grids = [max(len(grid), 1) for grid in found if isinstance(grid, list)]
    return (
        prod(grids)
        * (len(window.to_days) if window else 1)
        * (sliding.count if sliding else 1)
        * (episodes.count if episodes else 1)
        * (len(periods(calendar)) if calendar else 1)
        * (3 if washout and washout.effect == "stratify" else 1)
        * getattr(indicator, "most_lines", 1)
        * (2 if isinstance(indicator, GenericSubstitution) else 1)
        * (1 + sum(len(getattr(indicator, name, ())) for name in _THRESHOLDS))
        * (len(indicator.by_reason.sets) + 3 if indicator.by_reason else 1)
    )
