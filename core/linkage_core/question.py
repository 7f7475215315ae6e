"""What is asked about each person of a population, and how much of it there is before anybody is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from linkage.indicator_definition import IndicatorSet
from linkage.indicator_kinds import Indicator
from linkage_core.indicators.periods import periods
from linkage_core.rates import Inhabitants


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about each person, and how the answers are counted.

    Args:
        sets: indicator sets, each with the indicators that are asked for.
        by: crossings, as in `count_by`.
        row_dimensions: row variables that values are split by as well.
        data_until: by register, the last day that it holds in full.
        inhabitants: mean populations, where rates per inhabitant are asked for.
        persons_known: who asks sent the persons, and knows how many they are; else registers define them.
    """

    sets: Sequence[IndicatorSet]
    by: Sequence[Sequence[str]]
    row_dimensions: Sequence[str]
    data_until: Mapping[str, date]
    inhabitants: Inhabitants | None = None
    persons_known: bool = True

    @property
    def last_period_day(self) -> int | None:
        """Day number of the last day of the last calendar period; None without any."""
        calendars = [getattr(indicator, "calendar", None) for indicator in self.indicators]
        return max((periods(calendar)[-1][0].last_day for calendar in calendars if calendar), default=None)

    @property
    def values(self) -> int:
        """Values of one person, about: parameter points times periods."""
        return sum(map(_values, self.indicators))

    @property
    def indicators(self) -> list[Indicator]:
        """Those that are asked for, in their order."""
        return [indicator for definition in self.sets for indicator in definition.indicators]


def _values(indicator: Indicator) -> int:
    calendar = getattr(indicator, "calendar", None)
    return indicator.values_by_period * (len(periods(calendar)) if calendar else 1) + indicator.classes_of_persons
