"""What definitions of every kind are built from: grids, windows of days, words, targets."""

from __future__ import annotations

import re
from collections.abc import Sized
from datetime import date
from math import prod
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from linkage.indicator_kinds.register_columns import DISPENSING_COLUMNS, PRODUCT_COLUMNS, merged

Item = TypeVar("Item")


def as_list(value: object) -> object:
    """One value as a list of one: a grid may be written either way."""
    return value if isinstance(value, list) else [value]


def unique(values: list[Item]) -> list[Item]:
    """The list itself; a value that stands twice is refused."""
    if len(set(values)) != len(values):
        raise ValueError("a value stands twice in the list")
    return values


IntGrid = Annotated[list[int], BeforeValidator(as_list), Field(min_length=1)]
FURTHEST_DAY = 50_000
Day = Annotated[int, Field(ge=-FURTHEST_DAY, le=FURTHEST_DAY)]
"""A day counted from another, no further than lives and registers reach: sums of such days stay within 32 bits."""
SomeDays = Annotated[list[Day], BeforeValidator(as_list), Field(min_length=1)]
ShareGrid = Annotated[list[Annotated[float, Field(gt=0, le=1)]], BeforeValidator(as_list)]
Names = Annotated[list[str], BeforeValidator(as_list), Field(min_length=1)]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
Reversals = Literal["net", "net_latest", "drop_negative", "none"]
HospitalRule = Literal["ignore", "freeze", "credit", "shift"]
EVERY_HOSPITAL_RULE: tuple[HospitalRule, ...] = get_args(HospitalRule)
Denominator = Literal["all", "alive_at_N"]
DenominatorGrid = Annotated[list[Denominator], BeforeValidator(as_list), Field(min_length=1)]
CarryOver = Literal["per_drug", "pooled", "none"]
StockCap = Annotated[int, Field(ge=1, le=3650)] | Literal["none"]
"""Days of supply that may be carried over, at most."""
BareNumber = Literal["mg", "none"]
"""What a strength without a unit is read as."""
IntervalName = Literal["wilson", "clopper-pearson", "poisson", "none"]
QuantileName = Annotated[str, Field(pattern=r"^(median|quantile:0\.\d{1,4})$")]
"""Of persons' values: the median, or another quantile such as quantile:0.25."""


def _iso_day(value: object) -> object:
    """A day as JSON writes it: definitions are stored as JSON, which has no dates of its own."""
    return date.fromisoformat(value) if isinstance(value, str) and _ISO_DAY.fullmatch(value) else value


_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
CalendarDay = Annotated[date, BeforeValidator(_iso_day)]
"""A date in a definition."""


class Model(BaseModel):
    """Base of every part of a definition: nothing unknown, nothing changed after reading, no value of another type.

    A number in quotes, `true` for 1 or a text for a date is a slip of the pen, and a slip counts the wrong persons.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=True, allow_inf_nan=False)


class Words(Model):
    """One text in the two languages of the reports."""

    sv: str = ""
    en: str = ""


class Window(Model):
    """Days after the index day, first and last included; `to` may be a grid of last days."""

    from_day: Day = Field(alias="from")
    to_days: SomeDays = Field(alias="to")

    @model_validator(mode="after")
    def _forwards(self) -> Window:
        unique(self.to_days)
        if any(day < self.from_day for day in self.to_days):
            raise ValueError("the last day stands before the first day")
        return self


class Observation(Model):
    """A half-open interval of days after the index day; `to` may be a grid of ends."""

    from_day: Day = Field(alias="from")
    to_days: SomeDays = Field(alias="to")

    @model_validator(mode="after")
    def _not_empty(self) -> Observation:
        unique(self.to_days)
        if any(day <= self.from_day for day in self.to_days):
            raise ValueError("the observation has no day: its end must lie after its start")
        return self


class Washout(Model):
    """Days before the index day that decide who is new; both ends included.

    `exclude` leaves persons with a row in the window out; `stratify` also counts new and continuing persons apart.
    """

    from_day: Day = Field(alias="from")
    to_day: Day = Field(alias="to")
    effect: Literal["exclude", "stratify"] = "exclude"


class Target(Model):
    """Lower and upper target level of a quality indicator."""

    lower: float = Field(ge=0, le=1)
    upper: float = Field(ge=0, le=1)
    better: Literal["high", "low"] = "high"

    @model_validator(mode="after")
    def _ordered(self) -> Target:
        if self.lower > self.upper:
            raise ValueError("the lower target lies above the upper target")
        return self


class ByReason(Model):
    """Persons by the reason that their dispensings of the indicator's codes tell, beside all persons.

    `sets` are code sets of Snomed CT concepts. The reason is that of the first or the latest day with a dispensing, or
    `any` that one of them tells; with `window` only dispensings on those days after the index day count. Persons with
    other reasons, and those whose dispensings tell none, are counted apart.
    """

    sets: Names
    rule: Literal["first", "latest", "any"] = "first"
    window: Window | None = None
    column: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] = "prescribing_reason"

    @model_validator(mode="after")
    def _told_apart(self) -> ByReason:
        unique(self.sets)
        if self.window is not None and len(self.window.to_days) > 1:
            raise ValueError("by_reason.window must have one last day")
        return self


class IndicatorBase(Model):
    """What every kind has, and what it tells about itself: a kind that differs says so in its own class."""

    id: Identifier
    title: Words = Words()
    description: Words = Words()
    source: str = ""
    needs_review: bool = False
    register_name: str = Field(default="lmed", alias="register")
    target: Target | None = None
    by_reason: ByReason | None = None

    @model_validator(mode="after")
    def _states_something(self) -> IndicatorBase:
        if not getattr(self, "statistic", ["count"]):
            raise ValueError("statistic is empty, so that nothing would be told: name one, or leave it out")
        return self

    # Any: kinds differ.
    def _field(self, name: str) -> Any:
        """Its field of a name; None where its kind has none. To ask for an attribute costs an error that is caught."""
        return self.__dict__.get(name)

    @property
    def title_or_id(self) -> Words:
        """Titles for readers; the identifier where a language has none."""
        return Words(sv=self.title.sv or self.id, en=self.title.en or self.id)

    @property
    def own_code_sets(self) -> list[str]:
        """Names of the code sets of its own rows; empty when every row counts."""
        codes = getattr(self, "codes", None)
        return [] if codes is None else [codes] if isinstance(codes, str) else list(codes)

    @property
    def code_sets(self) -> list[str]:
        """Names of the code sets that say which rows count, those of a second drug or of an outcome among them."""
        return self.own_code_sets

    @property
    def splitting_code_sets(self) -> list[str]:
        """Names of the code sets that its persons or rows are split by; they do not say which rows count."""
        return list(dict.fromkeys(self.by_reason.sets)) if self.by_reason else []

    @property
    def every_code_set(self) -> list[str]:
        """Names of all code sets that it uses, each once."""
        return list(dict.fromkeys([*self.code_sets, *self.splitting_code_sets]))

    @property
    def supply_models(self) -> list[str]:
        """Names of the supply models that it uses."""
        supply = self._field("supply")
        return [] if supply is None else [supply] if isinstance(supply, str) else list(supply)

    @property
    def drug_use_models(self) -> list[str]:
        """Names of the models of drug use that it uses, beside those that supply models name."""
        return []

    @property
    def hospital_rules(self) -> tuple[HospitalRule, ...]:
        """What days in hospital can count as in its supply models."""
        return ("ignore",)

    @property
    def needs_index_date(self) -> bool:
        """Whether it counts days from an index date."""
        return getattr(self, "calendar", None) is None

    @property
    def needs_dose(self) -> bool:
        """Whether daily doses are read."""
        return False

    @property
    def reads_dispensings(self) -> bool:
        """Whether its rows are dispensings, which are of one code each and tell reasons of prescribing."""
        return True

    @property
    def nets_reversals(self) -> bool:
        """Whether reversed rows take others away, so that products are told apart."""
        return True

    @property
    def death_competes(self) -> bool:
        """Whether death is an end of its own, so that its date must be known."""
        return False

    @property
    def event_dates(self) -> list[tuple[str, str]]:
        """Register and date column of the events that it looks for."""
        return []

    @property
    def population_columns(self) -> list[str]:
        """Columns of the population, beside index date and strata, that it reads."""
        return []

    @property
    def own_columns(self) -> set[str]:
        """Columns of its register that it reads, beside those of its models."""
        products = PRODUCT_COLUMNS if self.nets_reversals else ()
        reasons = [self.by_reason.column, *PRODUCT_COLUMNS] if self.by_reason else []
        return {*DISPENSING_COLUMNS, *products, *reasons, *(["daily_dose"] if self.needs_dose else [])}

    @property
    def row_codes(self) -> dict[str, tuple[str, list[str]]]:
        """Fields that name codes of rows, each with the column of its register and the codes."""
        return {}

    @property
    def columns_elsewhere(self) -> dict[str, set[str]]:
        """Columns of other registers that it reads, beside those of its models."""
        return {}

    @property
    def needed_columns(self) -> dict[str, set[str]]:
        """Columns that it reads, by register, beside those of its models."""
        return merged({self.register_name: self.own_columns}, self.columns_elsewhere)

    def wanted_code_sets(self, register: str) -> list[str] | None:
        """Names of the sets of ATC codes that it looks for in a register; None where every row of it matters."""
        return (self.code_sets or None) if register == self.register_name else []

    @property
    def grids(self) -> list[Sized]:
        """Lists of which every value is computed with every value of the others; an empty one does not multiply."""
        common = ("denominator", "measure", "rule", "at_day", "at_days", "reversals")
        return [grid for name in common if isinstance(grid := self._field(name), list)]

    @property
    def further_values(self) -> int:
        """How many values of a person each point of its grids has, beside windows, periods and thresholds."""
        return 1

    @property
    def values_by_period(self) -> int:
        """Values of one person in each of its calendar periods, about, before anybody is looked at."""
        window = self._field("window") or self._field("observe")
        washout = self._field("washout")
        thresholds = (self._field(name) or () for name in ("threshold", "at_least"))
        return (
            prod(max(len(grid), 1) for grid in self.grids)
            * self.further_values
            * (len(window.to_days) if window else 1)
            * (3 if washout and washout.effect == "stratify" else 1)
            * (1 + sum(map(len, thresholds)))
            * (len(self.by_reason.sets) + 5 if self.by_reason else 1)
        )

    @property
    def classes_of_persons(self) -> int:
        """About how many classes an order counts its persons by, for what is formed from them."""
        if not (told := self.told_by_class):
            return 0
        days = getattr(self, "at_days", [])
        return 3 * (len(days) + 1) if days and {"km", "cif", "median"} & {*told} else 20

    @property
    def unprotected(self) -> list[str]:
        """What disclosure control cannot protect yet: an order must not ask for it."""
        told = self.told_by_class
        return [name for name in self.laboratory_statistics if name not in told]

    @property
    def told_by_class(self) -> list[str]:
        """Statistics that an order has from counts of persons by class: intervals of a time, bins of a value, paths.

        At one point of a grid: who reaches less by one rule reaches less by another, which disclosure control of
        classes does not know.
        """
        quantiles = [name for name in getattr(self, "statistic", []) if name.startswith(("median", "quantile:"))]
        return quantiles if quantiles and getattr(self, "calendar", None) is None and self.has_one_point() else []

    def has_one_point(self, *side_by_side: str) -> bool:
        """Whether none of its grids has several points; those of some fields may."""
        free = {id(getattr(self, name, None)) for name in side_by_side}
        window = getattr(self, "window", None) or getattr(self, "observe", None)
        lengths = [len(grid) for grid in self.grids if id(grid) not in free]
        return max([*lengths, len(window.to_days) if window else 1], default=1) <= 1

    @property
    def rates_per_inhabitant(self) -> list[str]:
        """Statistics that need a table of inhabitants."""
        return []

    @property
    def laboratory_statistics(self) -> list[str]:
        """Statistics that disclosure control cannot protect yet: an order must not ask for them."""
        return [name for name in getattr(self, "statistic", []) if name.startswith(("median", "quantile:"))]
