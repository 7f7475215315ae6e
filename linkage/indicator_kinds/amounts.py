"""Kinds that count and add up rows: users, dispensings, defined daily doses, costs."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from linkage.indicator_kinds.common import Denominator, IndicatorBase, IntervalName, Model, Observation, as_list


class Calendar(Model):
    """Calendar periods, half-open: every whole step of [from, until)."""

    from_date: date = Field(alias="from")
    until: date
    step: Literal["whole", "year", "quarter", "month"] = "year"

    @model_validator(mode="after")
    def _not_empty(self) -> Calendar:
        if self.until <= self.from_date:
            raise ValueError("the period has no day: until must lie after from")
        months = {"whole": 1, "month": 1, "quarter": 3, "year": 12}[self.step]
        for day in (self.from_date, self.until):
            if self.step != "whole" and (day.day != 1 or (day.month - 1) % months):
                raise ValueError(f"with step = {self.step!r} both dates must be the first day of a {self.step}")
        return self


class _Amount(IndicatorBase):
    """Rows of a code set, or of the whole register, in a window after the index day or in calendar periods."""

    codes: str | None = None
    observe: Observation | None = None
    calendar: Calendar | None = None
    end_at_exit: bool = True
    row_strata: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(:\d)?$")]] = Field(default_factory=list)
    denominator: Annotated[list[Denominator], BeforeValidator(as_list), Field(min_length=1)] = ["all"]

    @model_validator(mode="after")
    def _one_window(self) -> _Amount:
        if (self.observe is None) == (self.calendar is None):
            raise ValueError("give either observe (days after the index day) or calendar (periods)")
        return self


class Users(_Amount):
    """Persons with something left in the window: after netting of reversals, or by the signed sum of packages."""

    kind: Literal["users"]
    reversals: Literal["net", "net_latest", "drop_negative", "none", "sum"] = "net"
    statistic: list[Literal["count", "share", "per_1000"]] = ["count", "per_1000"]
    interval: IntervalName = "wilson"


class Dispensings(_Amount):
    """Sum of the sign of each row: a reversed row takes one dispensing away."""

    kind: Literal["dispensings"]
    statistic: list[Literal["sum", "mean"]] = ["sum"]


class DefinedDailyDoses(_Amount):
    """Sum of packages x DDD per package, all rows kept so that reversed rows take theirs away."""

    kind: Literal["ddd"]
    statistic: list[Literal["sum", "mean"]] = ["sum"]


class Cost(_Amount):
    """Sum of a cost, all rows kept."""

    kind: Literal["cost"]
    cost: Annotated[list[Literal["total", "benefit", "patient"]], BeforeValidator(as_list), Field(min_length=1)] = [
        "total"
    ]
    statistic: list[Literal["sum", "mean"]] = ["sum"]
