"""Kinds of dose: how strong a treatment is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from linkage.indicator_kinds.common import (
    BareNumber,
    DenominatorGrid,
    IndicatorBase,
    IntervalName,
    Model,
    Names,
    Reversals,
    SomeDays,
    as_list,
    unique,
)
from linkage.indicator_kinds.register_columns import DOSE_COLUMNS

DoseStep = Annotated[str, Field(pattern=r"^(dosage_text(:(low|mid|high))?|units_per_day:\d+(\.\d+)?)$")]

Substance = Annotated[str, Field(pattern=r"^[A-Z]\d{2}[A-Z]{2}\d{2}$")]
"""A whole ATC code."""
Component = Annotated[int, Field(ge=1, le=9)]
"""Which of the strengths of a fixed combination."""


class IntensityThreshold(Model):
    """From which daily dose a substance is of high intensity.

    Of a fixed combination `component` says which of the strengths in a text such as "10 mg/20 mg" counts, from 1;
    without it the text must tell one strength only.
    """

    atc: Substance
    least_mg: float = Field(gt=0)
    component: Component | None = None


def steps_can_answer(steps: list[str]) -> None:
    """Refuse units a day that are not above 0, and a step behind one that answers for every row."""
    for step in steps:
        if step.startswith("units_per_day") and float(step.partition(":")[2]) <= 0:
            raise ValueError("units a day must be above 0")
    if any(step.startswith("units_per_day") for step in steps[:-1]):
        raise ValueError("units_per_day answers for every row: it must be the last step of dose")


class HighIntensity(IndicatorBase):
    """Persons whose last dispensing before day D is of a dose that reaches the threshold of its substance.

    Daily dose = strength x units a day, which the dosage text tells (ranges with `:low`, `:mid` or `:high`) or, where
    it is not understood, the next step says. `measure = "assumed_dose"` counts persons whose dose was so assumed.
    Different doses of a substance on the last day are added, equal ones are one. A substance without a threshold is
    never of high intensity. `bare_number` says whether a strength without a unit is read as milligrams.
    """

    kind: Literal["high_intensity"]
    codes: Names
    at_day: SomeDays
    last_within_days: Annotated[int, Field(ge=1, le=3650)] | Literal["any"] = 365
    thresholds: Annotated[list[IntensityThreshold], Field(min_length=1)]
    dose: Annotated[list[DoseStep], BeforeValidator(as_list), Field(min_length=1)] = ["dosage_text", "units_per_day:1"]
    bare_number: BareNumber = "none"
    among: Literal["everybody", "treated"] = "everybody"
    measure: Annotated[
        list[Literal["high_intensity", "assumed_dose"]], BeforeValidator(as_list), Field(min_length=1)
    ] = ["high_intensity", "assumed_dose"]
    reversals: Reversals = "net"
    denominator: DenominatorGrid = ["alive_at_N"]
    statistic: list[Literal["count", "share"]] = ["count", "share"]
    interval: IntervalName = "wilson"

    @model_validator(mode="after")
    def _thresholds_fit(self) -> HighIntensity:
        unique(self.at_day)
        unique(self.dose)
        unique(self.measure)
        unique([threshold.atc for threshold in self.thresholds])
        steps_can_answer(self.dose)
        return self

    @property
    def own_columns(self) -> set[str]:
        """What tells doses, too."""
        return super().own_columns | {*DOSE_COLUMNS}
