"""How long a dispensing lasts in a population, by its waiting-time distribution: an estimate of the laboratory.

Nothing of it can be ordered: an estimate from the population of an order would leak through what is computed with it
(docs/decisions/estimated-durations.md). Its result is written into a supply model as `wtd:N`, with its source.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from linkage.indicator_kinds.common import CalendarDay, IndicatorBase, Model, Names, Reversals, as_list, unique

MOST_DAYS = 3650
"""Of a window: longer ones say nothing that shorter ones do not."""


MOST_INDEX_DATES = 100


class DateWindow(Model):
    """Dates, half-open."""

    from_date: CalendarDay = Field(alias="from")
    until: CalendarDay

    @property
    def days(self) -> int:
        """Its length."""
        return (self.until - self.from_date).days

    @property
    def last(self) -> date:
        """Its last day."""
        return self.until - timedelta(days=1)

    @model_validator(mode="after")
    def _some_days(self) -> DateWindow:
        if not 2 <= self.days <= MOST_DAYS:
            raise ValueError(f"the window must be of 2 to {MOST_DAYS} days: until is the first day after it")
        return self


class WaitingTimeDistribution(IndicatorBase):
    """Days within which a share of those in treatment collect again: percentiles of the time between two dispensings.

    Estimated from the last dispensing of each person in a window (`reverse`), or the first (`ordinary`), as a mixture
    of those who are in treatment and those who begin or stop. With `random_index_dates` each person has so many index
    days of her own, drawn in the window, which makes seasons and the day the window ends have no say.
    """

    kind: Literal["waiting_time_distribution"]
    codes: Names
    between: DateWindow
    direction: Literal["reverse", "ordinary"] = "reverse"
    distribution: Annotated[
        list[Literal["log-normal", "weibull", "exponential"]], BeforeValidator(as_list), Field(min_length=1)
    ] = ["log-normal"]
    percentile: Annotated[list[Annotated[int, Field(ge=1, le=99)]], BeforeValidator(as_list), Field(min_length=1)] = [
        80
    ]
    random_index_dates: int = Field(default=0, ge=0, le=MOST_INDEX_DATES)
    seed: int = Field(default=1, ge=0, le=2**63 - 1)
    reversals: Reversals = "net"
    statistic: list[Literal["estimate"]] = ["estimate"]

    @model_validator(mode="after")
    def _each_once(self) -> WaitingTimeDistribution:
        unique(self.distribution)
        unique(self.percentile)
        return self

    @property
    def needs_index_date(self) -> bool:
        """The window is of dates."""
        return False

    @property
    def laboratory_statistics(self) -> list[str]:
        """All of it: an order is refused."""
        return list(self.statistic)
