"""The closed list of indicator kinds, with typed parameters and every default.

Windows come in two spellings, because the field uses both:
- `window = { from = 0, to = 90 }` is "within 90 days": days 0 to 90 after the index day, both included.
- `observe = { from = 0, to = 365 }` is a length: the half-open interval [index + 0, index + 365), 365 days.
A list in place of one number (`to = [30, 90]`) is a grid: every point is computed in the same pass.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

Item = TypeVar("Item")


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _unique(values: list[Item]) -> list[Item]:
    if len(set(values)) != len(values):
        raise ValueError("a value stands twice in the list")
    return values


IntGrid = Annotated[list[int], BeforeValidator(_as_list), Field(min_length=1)]
ShareGrid = Annotated[list[Annotated[float, Field(gt=0, le=1)]], BeforeValidator(_as_list)]
Names = Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
Reversals = Literal["net", "net_latest", "drop_negative", "none"]
Denominator = Literal["all", "alive_at_N"]
IntervalName = Literal["wilson", "clopper-pearson", "poisson", "none"]


class Model(BaseModel):
    """Base of every part of a definition: nothing unknown, nothing changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Words(Model):
    """One text in the two languages of the reports."""

    sv: str = ""
    en: str = ""


class Window(Model):
    """Days after the index day, first and last included; `to` may be a grid of last days."""

    from_day: int = Field(alias="from")
    to_days: IntGrid = Field(alias="to")

    @model_validator(mode="after")
    def _forwards(self) -> Window:
        _unique(self.to_days)
        if any(day < self.from_day for day in self.to_days):
            raise ValueError("the last day stands before the first day")
        return self


class Observation(Model):
    """A half-open interval of days after the index day; `to` may be a grid of ends."""

    from_day: int = Field(alias="from")
    to_days: IntGrid = Field(alias="to")

    @model_validator(mode="after")
    def _not_empty(self) -> Observation:
        _unique(self.to_days)
        if any(day <= self.from_day for day in self.to_days):
            raise ValueError("the observation has no day: its end must lie after its start")
        return self


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


class Washout(Model):
    """Days before the index day that decide who is new; both ends included.

    `exclude` leaves persons with a row in the window out; `stratify` also counts new and continuing persons apart.
    """

    from_day: int = Field(alias="from")
    to_day: int = Field(alias="to")
    effect: Literal["exclude", "stratify"] = "exclude"


class Validity(Model):
    """Dates on which a code set applies, half-open; rows outside are not matched."""

    from_date: date | None = Field(default=None, alias="from")
    until: date | None = None


class CodeSet(Model):
    """Codes by prefix: matched by an `include` and by no `exclude`. `atc_include = [...]` sets the system too."""

    system: Literal["atc", "icd10", "kva", "icdo3", "snomed"]
    include: list[str] = Field(min_length=1)
    exclude: list[str] = Field(default_factory=list)
    valid: Validity = Validity()
    needs_review: bool = False
    source: str = ""

    @model_validator(mode="before")
    @classmethod
    def _system_from_key(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        fields = dict(raw)
        for key in list(fields):
            system, _, part = key.rpartition("_")
            if part in ("include", "exclude") and system:
                if fields.setdefault("system", system) != system:
                    raise ValueError("one code set holds codes of one system only")
                fields[part] = fields.pop(key)
        return fields

    @field_validator("include", "exclude")
    @classmethod
    def _written_plainly(cls, prefixes: list[str]) -> list[str]:
        for prefix in prefixes:
            if not prefix or not prefix.isalnum() or prefix != prefix.upper():
                raise ValueError(f"{prefix!r}: write a prefix in capitals and digits, without dot, star or dash")
        return _unique(prefixes)


_STEP_PATTERN = r"^(dosage_text|days_supply|units_per_day:\d+(\.\d+)?|ddd:\d+(\.\d+)?|fixed:\d+)$"


class SupplyModel(Model):
    """How many days one dispensing lasts: the first step that can answer for a row, cut at `cap_days`.

    Steps: `dosage_text` (amount by the parsed dosage), `days_supply` (a column of the register), `units_per_day:x`,
    `ddd:x`, `fixed:N`. There is no default model: one DDD a day is right too seldom to be silent.
    """

    steps: Annotated[list[Annotated[str, Field(pattern=_STEP_PATTERN)]], BeforeValidator(_as_list), Field(min_length=1)]
    cap_days: int = Field(default=125, ge=1, le=3650)
    reversals: Reversals = "net"
    hospital: Literal["ignore", "freeze", "credit", "shift"] = "ignore"
    hospital_register: str = "par_sv"

    @field_validator("steps")
    @classmethod
    def _each_once(cls, steps: list[str]) -> list[str]:
        if any(float(step.partition(":")[2] or 1) <= 0 for step in steps):
            raise ValueError("an amount of a supply step must be above 0")
        return _unique(steps)


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


class IndicatorBase(Model):
    """What every kind has."""

    id: Identifier
    title: Words = Words()
    description: Words = Words()
    source: str = ""
    needs_review: bool = False
    register_name: str = Field(default="lmed", alias="register")
    target: Target | None = None

    @property
    def title_or_id(self) -> Words:
        """Titles for readers; the identifier where a language has none."""
        return Words(sv=self.title.sv or self.id, en=self.title.en or self.id)


class _Amount(IndicatorBase):
    """Rows of a code set, or of the whole register, in a window after the index day or in calendar periods."""

    codes: str | None = None
    observe: Observation | None = None
    calendar: Calendar | None = None
    end_at_exit: bool = True
    row_strata: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(:\d)?$")]] = Field(default_factory=list)
    denominator: Annotated[list[Denominator], BeforeValidator(_as_list), Field(min_length=1)] = ["all"]

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
    cost: Annotated[list[Literal["total", "benefit", "patient"]], BeforeValidator(_as_list), Field(min_length=1)] = [
        "total"
    ]
    statistic: list[Literal["sum", "mean"]] = ["sum"]


class Initiation(IndicatorBase):
    """Persons with a dispensing within the window after the index day; `combine` over several code sets."""

    kind: Literal["initiation"]
    codes: Names
    combine: Literal["any", "all"] = "any"
    window: Window
    washout: Washout | None = None
    reversals: Reversals = "net"
    end_at_exit: bool = True
    denominator: Annotated[list[Denominator], BeforeValidator(_as_list), Field(min_length=1)] = ["all"]
    statistic: list[Literal["count", "share"]] = ["count", "share"]
    interval: IntervalName = "wilson"


class ProportionOfDaysCovered(IndicatorBase):
    """Share of the observed days on which any or all of the groups were at hand, with a stock for each drug."""

    kind: Literal["proportion_of_days_covered"]
    codes: Names
    combine: Literal["any", "all"] = "any"
    supply: str
    observe: Observation
    lookback_days: int = Field(default=180, ge=0, le=3650)
    carry_over: Literal["per_drug", "pooled", "none"] = "per_drug"
    stock_cap_days: Annotated[int, Field(ge=1, le=3650)] | Literal["none"] = 180
    threshold: ShareGrid = []
    denominator: Annotated[list[Denominator], BeforeValidator(_as_list), Field(min_length=1)] = ["all"]
    statistic: list[Literal["mean", "count", "share"]] = ["mean", "count", "share"]
    interval: IntervalName = "wilson"


class DrugsAtDate(IndicatorBase):
    """Number of distinct drugs on day D: supply covers D, or dispensed in (D - days, D]."""

    kind: Literal["drugs_at_date"]
    codes: str | None = None
    at_day: IntGrid
    rule: Literal["supply", "dispensed"]
    dispensed_within_days: Annotated[list[Annotated[int, Field(ge=1)]], BeforeValidator(_as_list)] = []
    supply: str | None = None
    reversals: Reversals = "net"
    code_length: Literal[3, 4, 5, 7] = 7
    at_least: Annotated[list[Annotated[int, Field(ge=1)]], BeforeValidator(_as_list)] = []
    denominator: Annotated[list[Denominator], BeforeValidator(_as_list), Field(min_length=1)] = ["alive_at_N"]
    statistic: list[Literal["mean", "count", "share"]] = ["mean", "count", "share"]
    interval: IntervalName = "wilson"

    @model_validator(mode="after")
    def _rule_has_what_it_needs(self) -> DrugsAtDate:
        if self.rule == "supply" and self.supply is None:
            raise ValueError("rule = 'supply' needs the name of a supply model in supply")
        if self.rule == "dispensed" and not self.dispensed_within_days:
            raise ValueError("rule = 'dispensed' needs dispensed_within_days: the window is part of the definition")
        return self


class EventInWindow(IndicatorBase):
    """Persons with a row of a register (a diagnosis, a death) within the window after the index day."""

    kind: Literal["event_in_window"]
    register_name: str = Field(alias="register")
    date_column: str = Field(alias="date")
    codes: str | None = None
    code_columns: Annotated[list[str], BeforeValidator(_as_list)] = Field(default_factory=list, alias="columns")
    window: Window
    washout: Washout | None = None
    denominator: Annotated[list[Denominator], BeforeValidator(_as_list), Field(min_length=1)] = ["all"]
    statistic: list[Literal["count", "share", "rate"]] = ["count", "share"]
    interval: IntervalName = "wilson"

    @model_validator(mode="after")
    def _codes_have_columns(self) -> EventInWindow:
        if (self.codes is None) != (not self.code_columns):
            raise ValueError("give codes and columns together, or neither (any row of the register counts)")
        return self


Indicator = Annotated[
    Users | Dispensings | DefinedDailyDoses | Cost | Initiation | ProportionOfDaysCovered | DrugsAtDate | EventInWindow,
    Field(discriminator="kind"),
]
AmountIndicator = Users | Dispensings | DefinedDailyDoses | Cost
