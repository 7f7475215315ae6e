"""Kinds of use in a population: who begins, who has a treatment on a day or in a period."""

from __future__ import annotations

from collections.abc import Sized
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from linkage.indicator_kinds.amounts import Calendar
from linkage.indicator_kinds.common import (
    EVERY_HOSPITAL_RULE,
    CalendarDay,
    CarryOver,
    Day,
    DenominatorGrid,
    HospitalRule,
    IndicatorBase,
    IntervalName,
    Model,
    Names,
    Observation,
    Reversals,
    StockCap,
    as_list,
    unique,
)
from linkage.register_catalogue import shipped_registers

CodesOnDay = Annotated[Names, Field(max_length=8)]
Lookback = Annotated[int, Field(ge=1, le=3650)]


class ObservedFrom(Model):
    """The day from which a person's dispensings are known: a start for everybody, a date of her own, the later of both.

    Without `register_start` it is the first day that the register covers, where the register is a shipped one. `column`
    is a column of the population with dates, such as the day of immigration; an empty cell leaves only the start.
    """

    register_start: CalendarDay | None = None
    column: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] | None = None


class WithObservedStart(IndicatorBase):
    """Kinds that ask what came before, and therefore from when on anything is known."""

    observed_from: ObservedFrom = ObservedFrom()

    # Any: a definition as it is written, before it is checked.
    @model_validator(mode="before")
    @classmethod
    def _start_of_the_register(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        start = raw.get("observed_from", {})
        shipped = shipped_registers().get(str(raw.get("register", "lmed")))
        if shipped is None or not isinstance(start, dict) or start.get("register_start") is not None:
            return raw
        return {**raw, "observed_from": {**start, "register_start": shipped.coverage.first_day}}

    @model_validator(mode="after")
    def _start_is_told(self) -> WithObservedStart:
        if self.observed_from.register_start is None:
            raise ValueError(
                f"observed_from.register_start is missing: the first day that the register {self.register_name!r} "
                "covers is not known here"
            )
        return self

    @property
    def population_columns(self) -> list[str]:
        """Columns of the population that tell dates."""
        return [self.observed_from.column] if self.observed_from.column else []


class Incidence(WithObservedStart):
    """Persons who begin: a dispensing after `washout_days` days without one, and person-time of those who could begin.

    A person is at risk on a day when all of the `washout_days` days before it are observed and none has a dispensing of
    the codes. The day of her dispensing is the last at risk. With `repeated` she is at risk again after a new washout,
    and events are counted besides persons.
    """

    kind: Literal["incidence"]
    codes: Names
    washout_days: Annotated[list[Lookback], BeforeValidator(as_list), Field(min_length=1)] = [365]
    repeated: bool = False
    observe: Observation | None = None
    calendar: Calendar | None = None
    reversals: Reversals = "net"
    statistic: list[Literal["count", "share", "rate", "sum"]] = ["count", "share", "rate"]
    interval: IntervalName = "wilson"

    @model_validator(mode="after")
    def _one_window(self) -> Incidence:
        unique(self.washout_days)
        if (self.observe is None) == (self.calendar is None):
            raise ValueError("give either observe (days after the index day) or calendar (periods)")
        if "sum" in self.statistic and not self.repeated:
            raise ValueError("sum counts events: with repeated = false a person has one, and count tells it")
        return self

    @property
    def grids(self) -> list[Sized]:
        """Lengths of washout, too."""
        return [*super().grids, self.washout_days]


class _OnDay(IndicatorBase):
    """Whether supply covers a day, by the stock that `proportion_of_days_covered` keeps."""

    supply: str | None = None
    lookback_days: int = Field(default=180, ge=0, le=3650)
    carry_over: CarryOver = "per_drug"
    stock_cap_days: StockCap = 180

    @property
    def hospital_rules(self) -> tuple[HospitalRule, ...]:
        """Its stock knows all."""
        return EVERY_HOSPITAL_RULE


class Prevalence(_OnDay):
    """Users: persons whose supply covers a day (`covered`), or with a dispensing in a period (`dispensed`).

    `covered` is asked on `at_day` after the index day, or on the last day of each period of `calendar`; `dispensed` in
    `observe` or in each period of `calendar`. The two give different numbers and are named in the parameters. Unless
    `denominator` says otherwise, `covered` is of persons alive on the day and `dispensed` of all who are observed.
    """

    kind: Literal["prevalence"]
    codes: CodesOnDay
    rule: Literal["covered", "dispensed"]
    at_day: Annotated[list[Day], BeforeValidator(as_list)] = []
    observe: Observation | None = None
    calendar: Calendar | None = None
    reversals: Reversals = "net"
    denominator: DenominatorGrid = ["all"]
    statistic: list[Literal["count", "share", "per_1000"]] = ["count", "share"]
    interval: IntervalName = "wilson"

    # Any: a definition as it is written, before it is checked.
    @model_validator(mode="before")
    @classmethod
    def _dead_have_no_day(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and raw.get("rule") == "covered":
            return {"denominator": ["alive_at_N"], **raw}
        return raw

    @field_validator("at_day")
    @classmethod
    def _each_once(cls, days: list[int]) -> list[int]:
        return unique(days)

    @model_validator(mode="after")
    def _rule_has_what_it_needs(self) -> Prevalence:
        if sum(map(bool, (self.at_day, self.observe, self.calendar))) != 1:
            raise ValueError("give one of at_day, observe and calendar")
        if self.rule == "covered" and (self.supply is None or self.observe is not None):
            raise ValueError("rule = 'covered' needs a supply model in supply, and at_day or calendar")
        if self.rule == "dispensed" and (self.supply is not None or self.at_day):
            raise ValueError("rule = 'dispensed' needs observe or calendar, and reads no supply")
        return self


DAYS_A_MONTH = (3044, 100)
"""30.44 days, as a fraction of whole numbers."""


class OnTreatment(_OnDay):
    """Persons on treatment at month m, which is day 30.44 x m after the index day, rounded half up.

    `covered`: supply covers the day. `dispensed`: a dispensing on it or on one of the `days_before` days before it.
    """

    kind: Literal["on_treatment"]
    codes: CodesOnDay
    month: Annotated[list[Annotated[int, Field(ge=0, le=240)]], BeforeValidator(as_list), Field(min_length=1)]
    rule: Annotated[list[Literal["covered", "dispensed"]], BeforeValidator(as_list), Field(min_length=1)]
    days_before: int = Field(default=90, ge=0, le=3650)
    reversals: Reversals = "net"
    denominator: DenominatorGrid = ["alive_at_N"]
    statistic: list[Literal["count", "share"]] = ["count", "share"]
    interval: IntervalName = "wilson"

    @model_validator(mode="after")
    def _rules_have_what_they_need(self) -> OnTreatment:
        unique(self.month)
        unique(self.rule)
        if ("covered" in self.rule) != (self.supply is not None):
            raise ValueError("rule 'covered' needs a supply model in supply, and no other rule reads one")
        return self

    @property
    def grids(self) -> list[Sized]:
        """Months, too."""
        return [*super().grids, self.month]

    def day_of(self, month: int) -> int:
        """The day after the index day."""
        days, of = DAYS_A_MONTH
        return (2 * month * days + of) // (2 * of)
