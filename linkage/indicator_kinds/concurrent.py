"""Kinds of concurrent use: drugs at hand at the same time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from linkage.indicator_kinds.common import Denominator, IndicatorBase, IntervalName, IntGrid, Reversals, as_list


class DrugsAtDate(IndicatorBase):
    """Number of distinct drugs on day D: supply covers D, or dispensed in (D - days, D]."""

    kind: Literal["drugs_at_date"]
    codes: str | None = None
    at_day: IntGrid
    rule: Literal["supply", "dispensed"]
    dispensed_within_days: Annotated[list[Annotated[int, Field(ge=1)]], BeforeValidator(as_list)] = []
    supply: str | None = None
    reversals: Reversals = "net"
    code_length: Literal[3, 4, 5, 7] = 7
    at_least: Annotated[list[Annotated[int, Field(ge=1)]], BeforeValidator(as_list)] = []
    denominator: Annotated[list[Denominator], BeforeValidator(as_list), Field(min_length=1)] = ["alive_at_N"]
    statistic: list[Literal["mean", "count", "share"]] = ["mean", "count", "share"]
    interval: IntervalName = "wilson"

    @model_validator(mode="after")
    def _rule_has_what_it_needs(self) -> DrugsAtDate:
        if self.rule == "supply" and self.supply is None:
            raise ValueError("rule = 'supply' needs the name of a supply model in supply")
        if self.rule == "dispensed" and not self.dispensed_within_days:
            raise ValueError("rule = 'dispensed' needs dispensed_within_days: the window is part of the definition")
        return self
