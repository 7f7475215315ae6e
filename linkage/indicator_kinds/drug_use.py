"""Drug use periods (PRE2DUP): parameters of the method, what is known of packages and drugs, and the kind.

Everything that decides a period stands in the definition: the service estimates nothing from the persons of an order.
See docs/decisions/estimated-durations.md.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from linkage.indicator_kinds.common import (
    IndicatorBase,
    IntervalName,
    Model,
    Names,
    Observation,
    Reversals,
    as_list,
    unique,
)
from linkage.indicator_kinds.register_columns import DDD_COLUMNS, HOSPITAL_COLUMNS

Days = Annotated[float, Field(gt=0, le=3650, allow_inf_nan=False)]
Doses = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
Span = Annotated[float, Field(ge=0, le=3650, allow_inf_nan=False)]


class PackageDays(Model):
    """What is known of one package: defined daily doses a day (least and usual), and days (least, usual and most)."""

    ddd_low: float = Field(ge=0, le=1000, allow_inf_nan=False)
    ddd_usual: Doses
    days_min: Days
    days_usual: Days
    days_max: Days

    @model_validator(mode="after")
    def _ascending(self) -> PackageDays:
        if self.ddd_low > self.ddd_usual:
            raise ValueError("ddd_low lies above ddd_usual")
        if not self.days_min <= self.days_usual <= self.days_max:
            raise ValueError("days_min, days_usual and days_max must ascend")
        return self


class DrugDays(Model):
    """What is known of a drug, for packages of which nothing is known."""

    ddd_low: float = Field(ge=0, le=1000, allow_inf_nan=False)
    ddd_usual: Doses
    days_min: Days
    days_max: Days

    @model_validator(mode="after")
    def _ascending(self) -> DrugDays:
        if self.ddd_low > self.ddd_usual:
            raise ValueError("ddd_low lies above ddd_usual")
        if self.days_min > self.days_max:
            raise ValueError("days_min lies above days_max")
        return self


class DrugUseModel(Model):
    """How drug use periods are made from dispensings: PRE2DUP, with the defaults of PRE2DUPR 0.2.0.

    Lengths are in days. `packages` are named by product, `drugs` by the beginning of an ATC code, of which the longest
    that fits applies. `hospital = "add"` lets what was dispensed last for stays that begin meanwhile.
    """

    gap_max: Days = 300
    duration_min: Days = 5
    duration_max: Days = 300
    single_max: Days = 150
    ddd_max: Doses = 10
    hospital_max: Span = 30
    days_covered: Span = 5
    weight_past: Weight = 1
    weight_current: Weight = 4
    weight_next: Weight = 1
    weight_ends: Weight = 5
    join_percent: float = Field(default=1, ge=0, le=100, allow_inf_nan=False)
    reversals: Reversals = "net"
    hospital: Literal["ignore", "add"] = "ignore"
    hospital_register: str = "par_sv"
    packages: dict[str, PackageDays] = {}
    drugs: dict[str, DrugDays] = {}
    source: str = ""

    @property
    def parameters(self) -> list[float]:
        """The numbers in the order in which the kernel reads them."""
        return [
            self.gap_max,
            self.duration_min,
            self.duration_max,
            self.single_max,
            self.ddd_max,
            self.hospital_max,
            self.days_covered,
            self.weight_past,
            self.weight_current,
            self.weight_next,
            self.weight_ends,
            self.join_percent,
        ]

    @property
    def columns(self) -> set[str]:
        """Columns of the register of dispensings that it reads."""
        return {"product", *DDD_COLUMNS}

    @property
    def columns_of_stays(self) -> dict[str, set[str]]:
        """Columns that tell hospital stays, by register; none where it does not look at them."""
        return {} if self.hospital == "ignore" else {self.hospital_register: {*HOSPITAL_COLUMNS}}

    @field_validator("drugs")
    @classmethod
    def _written_plainly(cls, drugs: dict[str, DrugDays]) -> dict[str, DrugDays]:
        for prefix in drugs:
            if not prefix.isalnum() or prefix != prefix.upper():
                raise ValueError(f"{prefix!r}: write the beginning of an ATC code in capitals and digits")
        return drugs

    @model_validator(mode="after")
    def _lengths_fit(self) -> DrugUseModel:
        if not self.duration_min <= self.duration_max <= self.gap_max:
            raise ValueError("duration_min, duration_max and gap_max must ascend")
        if self.single_max > self.duration_max:
            raise ValueError("single_max lies above duration_max")
        if not (self.weight_current and self.weight_ends):
            raise ValueError("weight_current and weight_ends must be above 0")
        if not (self.packages or self.drugs):
            raise ValueError("nothing is known of any package or drug: give packages, drugs or both")
        return self


class DrugUsePeriods(IndicatorBase):
    """Periods in which a person used a drug, estimated from her dispensings: how many, how many days, who is in use.

    `periods` counts those that have a day in the observation, each drug for itself; `days_in_use` its days on which any
    of the drugs was used; `in_use` tells who used one on a day of `at_days` after the index day. With
    `end_at_exit = false` dispensings on and after the day of death or emigration count as well.
    """

    kind: Literal["drug_use_periods"]
    codes: Names
    drug_use: str
    observe: Observation
    measure: Annotated[
        list[Literal["periods", "days_in_use", "in_use"]], BeforeValidator(as_list), Field(min_length=1)
    ] = ["periods", "days_in_use"]
    at_days: Annotated[list[Annotated[int, Field(ge=-3650, le=3650)]], BeforeValidator(as_list)] = []
    end_at_exit: bool = True
    statistic: list[Literal["sum", "mean", "count", "share"]] = ["mean", "count", "share"]
    interval: IntervalName = "wilson"

    @model_validator(mode="after")
    def _days_for_in_use(self) -> DrugUsePeriods:
        unique(self.measure)
        unique(self.at_days)
        if ("in_use" in self.measure) != bool(self.at_days):
            raise ValueError("in_use and at_days belong together: name the days on which use is asked for")
        return self

    @property
    def drug_use_models(self) -> list[str]:
        """Its own."""
        return [self.drug_use]
