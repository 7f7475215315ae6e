"""Kinds that count and add up rows: users, dispensings, packages, doses, amounts of substance, costs, substitutions."""

from __future__ import annotations

from collections.abc import Sized
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from linkage.indicator_kinds.common import (
    BareNumber,
    CalendarDay,
    DenominatorGrid,
    IndicatorBase,
    IntervalName,
    Model,
    Observation,
    QuantileName,
    as_list,
    unique,
)
from linkage.indicator_kinds.population_rates import RATES, STANDARDISED, RateName, Standard, UserRateName
from linkage.indicator_kinds.register_columns import DDD_COLUMNS


class Calendar(Model):
    """Calendar periods, half-open: every whole step of [from, until)."""

    from_date: CalendarDay = Field(alias="from")
    until: CalendarDay
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


class RollingCalendar(Calendar):
    """Calendar periods, half-open: every whole step of [from, until), or the last `rolling` steps up to each one's end.

    Rolling periods overlap and the first reach back before `from`. Disclosure control cannot protect them yet, so they
    are of the laboratory.
    """

    rolling: int = Field(default=1, ge=1, le=120)

    @model_validator(mode="after")
    def _rolls_by_steps(self) -> RollingCalendar:
        if self.step == "whole" and self.rolling > 1:
            raise ValueError("rolling counts steps: step must be month, quarter or year")
        return self


RowStratum = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(:(\d|[a-z][a-z0-9_-]*(\+[a-z][a-z0-9_-]*)*))?$")]
"""A column of rows, its codes cut to a length ("atc:5") or gathered in code sets ("prescribing_reason:stroke+pain")."""


class _Amount(IndicatorBase):
    """Rows of a code set, or of the whole register, in a window after the index day or in calendar periods."""

    codes: str | None = None
    observe: Observation | None = None
    calendar: RollingCalendar | None = None
    end_at_exit: bool = True
    row_strata: list[RowStratum] = Field(default_factory=list)
    denominator: DenominatorGrid = ["all"]
    standard: Standard | None = None

    @model_validator(mode="after")
    def _one_window(self) -> _Amount:
        if (self.observe is None) == (self.calendar is None):
            raise ValueError("give either observe (days after the index day) or calendar (periods)")
        return self

    @property
    def row_code_sets(self) -> list[str]:
        """Names of the code sets that rows are split by."""
        cuts = [stratum.partition(":")[2] for stratum in self.row_strata]
        return [name for cut in cuts if cut and not cut.isdigit() for name in cut.split("+")]

    @property
    def splitting_code_sets(self) -> list[str]:
        """Those of its persons, then those of its rows."""
        return list(dict.fromkeys([*super().splitting_code_sets, *self.row_code_sets]))

    @property
    def nets_reversals(self) -> bool:
        """All rows are kept: a reversed row takes its own amount away."""
        return False

    @property
    def own_columns(self) -> set[str]:
        """Those that rows are split by, too."""
        return super().own_columns | {stratum.partition(":")[0] for stratum in self.row_strata}

    @field_validator("row_strata")
    @classmethod
    def _sets_once(cls, strata: list[str]) -> list[str]:
        for stratum in unique(strata):
            unique(stratum.partition(":")[2].split("+"))
        return strata

    @model_validator(mode="after")
    def _rates_have_what_they_need(self) -> _Amount:
        asked = unique(list(getattr(self, "statistic", [])))
        if self.calendar is None and (rates := [name for name in asked if "inhabitants" in name or name == "smr"]):
            raise ValueError(f"{rates[0]} is of a calendar period: give calendar, not observe")
        if (self.standard is None) and (named := [name for name in asked if name in STANDARDISED]):
            raise ValueError(f"{named[0]} needs standard: the ages, and the weights of a standard population")
        return self

    @property
    def laboratory_statistics(self) -> list[str]:
        """Statistics that disclosure control cannot protect yet."""
        rolling = [f"rolling = {self.calendar.rolling}"] if self.calendar and self.calendar.rolling > 1 else []
        ordinary = ("count", "share", "per_1000", "sum", "mean", *RATES)
        return [*rolling, *(name for name in getattr(self, "statistic", []) if name not in ordinary)]

    @property
    def rates_per_inhabitant(self) -> list[str]:
        """Statistics that need a table of inhabitants."""
        return [name for name in getattr(self, "statistic", []) if name in RATES]


class Users(_Amount):
    """Persons with something left in the window: after netting of reversals, or by the signed sum of packages."""

    kind: Literal["users"]
    reversals: Literal["net", "net_latest", "drop_negative", "none", "sum"] = "net"
    statistic: list[Literal["count", "share", "per_1000"] | UserRateName] = ["count", "per_1000"]
    interval: IntervalName = "wilson"

    @property
    def nets_reversals(self) -> bool:
        """A person counts by what is left of her rows."""
        return True


class Dispensings(_Amount):
    """Sum of the sign of each row: a reversed row takes one dispensing away."""

    kind: Literal["dispensings"]
    statistic: list[Literal["sum", "mean"] | RateName | QuantileName] = ["sum"]


class DefinedDailyDoses(_Amount):
    """Sum of packages x DDD per package, all rows kept so that reversed rows take theirs away."""

    kind: Literal["ddd"]
    statistic: list[Literal["sum", "mean", "ddd_per_1000_inhabitants_per_day"] | RateName | QuantileName] = ["sum"]

    @property
    def own_columns(self) -> set[str]:
        """Doses, too."""
        return super().own_columns | {*DDD_COLUMNS}


class Packages(_Amount):
    """Sum of packages, all rows kept so that reversed rows take theirs away."""

    kind: Literal["packages"]
    statistic: list[Literal["sum", "mean"] | RateName | QuantileName] = ["sum"]


class Units(_Amount):
    """Sum of packages x units per package (tablets, millilitres, doses), all rows kept."""

    kind: Literal["units"]
    statistic: list[Literal["sum", "mean"] | RateName | QuantileName] = ["sum"]

    @property
    def own_columns(self) -> set[str]:
        """Units, too."""
        return super().own_columns | {"units_per_package"}


class SubstanceAmount(_Amount):
    """Milligrams of active substance: packages x units per package x strength of a unit, all rows kept.

    `strength = "text"` reads texts such as "20 mg" or "100 mikrogram/dos"; one that tells two substances, a percentage
    or international units is not understood. `bare_number` says whether a number without a unit is read,
    `concentrations` whether "50 mg/ml" and "10 mg/g" are: only where the register counts such packages in millilitres
    and grams.
    `strength = "number"` reads milligrams from the concept `strength_mg`.
    """

    kind: Literal["substance_amount"]
    strength: Literal["text", "number"] = "text"
    bare_number: BareNumber = "none"
    concentrations: bool = False
    statistic: list[Literal["sum", "mean"] | RateName | QuantileName] = ["sum"]

    @model_validator(mode="after")
    def _only_texts_are_read(self) -> SubstanceAmount:
        if self.strength == "number" and (self.bare_number != "none" or self.concentrations):
            raise ValueError("bare_number and concentrations say how texts are read: leave them out with numbers")
        return self

    @property
    def own_columns(self) -> set[str]:
        """Units and their strength, too."""
        return super().own_columns | {
            "units_per_package",
            "strength_text" if self.strength == "text" else "strength_mg",
        }


class Cost(_Amount):
    """Sum of a cost, all rows kept."""

    kind: Literal["cost"]
    cost: Annotated[list[Literal["total", "benefit", "patient"]], BeforeValidator(as_list), Field(min_length=1)] = [
        "total"
    ]
    statistic: list[Literal["sum", "mean"] | RateName | QuantileName] = ["sum"]

    @property
    def grids(self) -> list[Sized]:
        """Costs, too."""
        return [*super().grids, self.cost]

    @property
    def own_columns(self) -> set[str]:
        """Costs, too."""
        return super().own_columns | {f"cost_{part}" for part in self.cost}


RowCodes = Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(as_list), Field(min_length=1)]


class GenericSubstitution(_Amount):
    """Dispensed rows whose product was substituted, of those with a product that could be: positive rows by their code.

    `substituted` and `not_substituted` are codes of the register's own list, as it delivers them; a row with another
    code, or none, could not be substituted. `share` is a share of rows, not of persons.
    """

    kind: Literal["generic_substitution"]
    code_column: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", alias="column")] = "substitution"
    substituted: RowCodes
    not_substituted: RowCodes
    statistic: list[Literal["sum", "mean", "share"]] = ["sum"]
    interval: Literal["wilson", "clopper-pearson", "none"] = "wilson"

    @model_validator(mode="after")
    def _each_code_once(self) -> GenericSubstitution:
        unique([*self.substituted, *self.not_substituted])
        if self.standard is not None:
            raise ValueError("standard is for rates per inhabitants; a share of rows has none")
        return self

    @property
    def further_values(self) -> int:
        """Rows that were substituted, and rows that could be."""
        return 2

    @property
    def row_codes(self) -> dict[str, tuple[str, list[str]]]:
        """Of substitution."""
        named = {"substituted": self.substituted, "not_substituted": self.not_substituted}
        return {field: (self.code_column, codes) for field, codes in named.items()}

    @property
    def own_columns(self) -> set[str]:
        """The code of substitution, too."""
        return super().own_columns | {self.code_column}

    @property
    def laboratory_statistics(self) -> list[str]:
        """A share of two sums is of the laboratory."""
        return [*super().laboratory_statistics, *(name for name in self.statistic if name == "share")]
