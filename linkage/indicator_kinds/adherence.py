"""Kinds of adherence: how much of a time supply was at hand."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from linkage.indicator_kinds.common import (
    Denominator,
    IndicatorBase,
    IntervalName,
    Names,
    Observation,
    ShareGrid,
    as_list,
)


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
    denominator: Annotated[list[Denominator], BeforeValidator(as_list), Field(min_length=1)] = ["all"]
    statistic: list[Literal["mean", "count", "share"]] = ["mean", "count", "share"]
    interval: IntervalName = "wilson"
