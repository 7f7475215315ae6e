"""Kinds of outcomes: how often one comes with and without treatment, and by how well a time before was covered."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sized
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from linkage.indicator_kinds.common import (
    EVERY_HOSPITAL_RULE,
    CarryOver,
    HospitalRule,
    IndicatorBase,
    Model,
    Names,
    Observation,
    ShareGrid,
    StockCap,
    Washout,
    as_list,
    unique,
)
from linkage.indicator_kinds.episodes import DayGrid, WithCurves


class Outcome(Model):
    """A diagnosis in any column of a register; without codes any of its rows, such as a death."""

    register_name: str = Field(alias="register")
    date_column: str = Field(alias="date")
    codes: str | None = None
    code_columns: Annotated[list[str], BeforeValidator(as_list)] = Field(default_factory=list, alias="columns")

    @model_validator(mode="after")
    def _codes_have_columns(self) -> Outcome:
        if (self.codes is None) != (not self.code_columns):
            raise ValueError("give codes and columns together, or neither (any row of the register counts)")
        unique(self.code_columns)
        return self


class LooksElsewhere(IndicatorBase):
    """Kinds that look for events in a register beside the one that tells the treatment."""

    @property
    @abstractmethod
    def looked_for(self) -> Outcome:
        """What is looked for."""

    @property
    def code_sets(self) -> list[str]:
        """Those of the events, too."""
        events = self.looked_for.codes
        return list(dict.fromkeys([*super().code_sets, *([events] if events else [])]))

    @property
    def event_dates(self) -> list[tuple[str, str]]:
        """Those of what is looked for."""
        return [(self.looked_for.register_name, self.looked_for.date_column)]

    @property
    def columns_elsewhere(self) -> dict[str, set[str]]:
        """Date and codes of the events."""
        return {self.looked_for.register_name: {self.looked_for.date_column, *self.looked_for.code_columns}}

    def wanted_code_sets(self, register: str) -> list[str] | None:
        """Events are looked for in several columns, lists among them, which a test of one code cannot judge."""
        return None if register == self.looked_for.register_name else super().wanted_code_sets(register)


class WithOutcome(LooksElsewhere):
    """An outcome in a register beside the one that tells the treatment.

    `washout` leaves out who had the outcome in days around the index day, both ends included.
    """

    outcome: Outcome
    washout: Washout | None = None

    @property
    def looked_for(self) -> Outcome:
        """The outcome."""
        return self.outcome

    @field_validator("washout")
    @classmethod
    def _leaves_out(cls, washout: Washout | None) -> Washout | None:
        if washout is not None and washout.to_day < washout.from_day:
            raise ValueError("the last day of washout stands before its first")
        if washout is not None and washout.effect != "exclude":
            raise ValueError("a washout of outcomes leaves persons out: write effect = 'exclude'")
        return washout


class OutcomeRate(WithOutcome):
    """First outcomes per 1,000 person-years with and without the treatment at hand, not adjusted for anything.

    A dispensing exposes from its day for its days of supply and `grace_days` more; supply is not carried over to later
    days. Rows of one day run side by side (`as_given`), or those of one drug are one dispensing (`by_day`). The day of
    the outcome is the last at risk. `rate_ratio` is of the laboratory.
    """

    kind: Literal["outcome_rate"]
    codes: Names
    supply: str
    exposure: Literal["as_given", "by_day"] = "as_given"
    grace_days: Annotated[DayGrid, Field(min_length=1)] = [30]
    observe: Observation
    statistic: list[Literal["count", "rate", "rate_ratio"]] = ["count", "rate"]
    interval: Literal["poisson", "none"] = "poisson"

    @model_validator(mode="after")
    def _each_once(self) -> OutcomeRate:
        unique(self.codes)
        unique(self.grace_days)
        unique(self.statistic)
        return self

    @property
    def grids(self) -> list[Sized]:
        """Days of grace, too."""
        return [*super().grids, self.grace_days]

    @property
    def laboratory_statistics(self) -> list[str]:
        """Statistics that disclosure control cannot protect yet."""
        return [name for name in self.statistic if name == "rate_ratio"]


class LandmarkOutcome(WithOutcome, WithCurves):
    """Time from a landmark day to an outcome by the share of days covered before it, of who is alive and observed then.

    Time runs from the landmark and never from the index day: who has a share of 365 days has survived them.
    """

    kind: Literal["landmark_outcome"]
    codes: Names
    combine: Literal["any", "all"] = "any"
    supply: str
    landmark_day: int = Field(default=365, ge=1, le=3650)
    lookback_days: int = Field(default=180, ge=0, le=3650)
    carry_over: CarryOver = "per_drug"
    stock_cap_days: StockCap = 180
    threshold: Annotated[ShareGrid, Field(min_length=1)] = [0.8]
    follow_up_days: int = Field(default=365, ge=1, le=3650)

    @model_validator(mode="after")
    def _in_order(self) -> LandmarkOutcome:
        unique(self.codes)
        if sorted(set(self.threshold)) != self.threshold:
            raise ValueError("thresholds between classes must rise, and none may stand twice")
        if any(day > self.follow_up_days for day in [*self.at_days, *self.restricted_mean_days]):
            raise ValueError("a day of at_days or of rmst lies above follow_up_days: the curve ends there")
        return self

    @property
    def hospital_rules(self) -> tuple[HospitalRule, ...]:
        """The stock of days covered knows all."""
        return EVERY_HOSPITAL_RULE

    @property
    def event_word(self) -> str:
        """What the event is called in results."""
        return "outcome"
