"""What a dosage text states: amounts a day as exact fractions, and what keeps them from being one number."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

RangeRule = Literal["low", "mid", "high"]

COUNTED_UNITS = frozenset(
    {"", "piece", "tablet", "capsule", "sachet", "dose", "patch", "suppository", "pessary", "injection", "ml"}
)
"""Units in which packages are counted; a text without a unit means those of its package. Drops, milligrams and
international units are not among them: no package tells how many it holds."""


class NotUnderstood(Exception):
    """A text leaves a doubt. Never says what the text is: it may hold anything."""


@dataclass(frozen=True, slots=True)
class DoseStep:
    """A part of a dosage that changes with time: units a day, and for how many days (None: not told, or to the end)."""

    low: Fraction
    high: Fraction
    days: int | None


@dataclass(frozen=True, slots=True)
class Dosage:
    """What a text states.

    Args:
        low, high: units a day, equal where the text states one number; None where it states no daily amount.
        unit: tablet, capsule, dose, ml, drop, mg ...; empty where the text names none.
        as_needed: all or part of it is taken only when needed.
        has_maximum: a maximum is stated; `maximum`: in units a day, None where it is told in another way.
        course_days: for how many days, where the dosage is the same throughout and its end is told.
        steps: where the dosage changes with time, its parts; `low` and `high` are then None.
    """

    low: Fraction | None
    high: Fraction | None
    unit: str = ""
    as_needed: bool = False
    has_maximum: bool = False
    maximum: Fraction | None = None
    course_days: int | None = None
    steps: tuple[DoseStep, ...] = ()

    def units_per_day(self, ranges: RangeRule | None = None) -> Fraction | None:
        """The daily number of units that a package is used up by; None where the text does not state one.

        Args:
            ranges: which number stands for a range such as "1-2 tablets": the lower, the middle or the upper; without a
                rule a range states no number.
        """
        if self.as_needed or self.low is None or self.high is None or self.unit not in COUNTED_UNITS:
            return None
        if self.low == self.high:
            return self.low
        if ranges is None:
            return None
        return {"low": self.low, "mid": (self.low + self.high) / 2, "high": self.high}[ranges]
