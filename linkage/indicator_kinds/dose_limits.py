"""Doses above what is advised, such as the limits for the elderly."""

from __future__ import annotations

from collections.abc import Sized
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from linkage.indicator_kinds.common import BareNumber, Model, Names, as_list, unique
from linkage.indicator_kinds.concurrent import AtDate
from linkage.indicator_kinds.dose import Component, DoseStep, Substance, steps_can_answer
from linkage.indicator_kinds.register_columns import DOSE_COLUMNS


class DoseLimit(Model):
    """The highest daily dose of a substance that is advised.

    Of a fixed combination `component` says which of the strengths in a text such as "10 mg/20 mg" counts, from 1;
    without it the text must tell one strength only.
    """

    atc: Substance
    most_mg: float = Field(gt=0)
    component: Component | None = None


class DoseAboveLimit(AtDate):
    """Persons who on day D have a daily dose above the limit of its substance; the limit itself is not above it.

    Daily dose = strength x units a day, which the dosage text tells (ranges with `:low`, `:mid` or `:high`) or, where
    it is not understood, the next step says; `measure = "assumed_dose"` counts persons whose dose was so assumed. Of a
    substance the dispensings of the last day count, of those that still hold on D; with `doses = "all_at_hand"` all of
    them. Equal doses are one dose, different ones add up. `among = "treated"` leaves out who has no substance with a
    limit.
    """

    kind: Literal["dose_above_limit"]
    codes: Names
    limits: Annotated[list[DoseLimit], Field(min_length=1)]
    dose: Annotated[list[DoseStep], BeforeValidator(as_list), Field(min_length=1), AfterValidator(unique)] = [
        "dosage_text",
        "units_per_day:1",
    ]
    bare_number: BareNumber = "none"
    doses: Literal["last_day", "all_at_hand"] = "last_day"
    among: Literal["everybody", "treated"] = "everybody"
    measure: Annotated[
        list[Literal["any", "substance", "assumed_dose"]],
        BeforeValidator(as_list),
        Field(min_length=1),
        AfterValidator(unique),
    ] = ["any"]
    statistic: list[Literal["count", "share"]] = ["count", "share"]

    @model_validator(mode="after")
    def _limits_fit(self) -> DoseAboveLimit:
        unique([limit.atc for limit in self.limits])
        steps_can_answer(self.dose)
        return self

    @property
    def grids(self) -> list[Sized]:
        """Substances, too."""
        return [*super().grids, self.limits]

    @property
    def own_columns(self) -> set[str]:
        """What tells doses, too."""
        return super().own_columns | {*DOSE_COLUMNS}
