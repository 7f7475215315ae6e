"""Kinds of the start of treatment."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from linkage.indicator_kinds.common import (
    Denominator,
    IndicatorBase,
    IntervalName,
    Names,
    Reversals,
    Washout,
    Window,
    as_list,
)


class Initiation(IndicatorBase):
    """Persons with a dispensing within the window after the index day; `combine` over several code sets."""

    kind: Literal["initiation"]
    codes: Names
    combine: Literal["any", "all"] = "any"
    window: Window
    washout: Washout | None = None
    reversals: Reversals = "net"
    end_at_exit: bool = True
    denominator: Annotated[list[Denominator], BeforeValidator(as_list), Field(min_length=1)] = ["all"]
    statistic: list[Literal["count", "share"]] = ["count", "share"]
    interval: IntervalName = "wilson"
