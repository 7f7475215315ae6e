"""Kinds of events in any register: diagnoses, deaths."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from linkage.indicator_kinds.common import (
    DenominatorGrid,
    IndicatorBase,
    IntervalName,
    Washout,
    Window,
    as_list,
)


class EventInWindow(IndicatorBase):
    """Persons with a row of a register (a diagnosis, a death) within the window after the index day."""

    kind: Literal["event_in_window"]
    register_name: str = Field(alias="register")
    date_column: str = Field(alias="date")
    codes: str | None = None
    code_columns: Annotated[list[str], BeforeValidator(as_list)] = Field(default_factory=list, alias="columns")
    window: Window
    washout: Washout | None = None
    denominator: DenominatorGrid = ["all"]
    statistic: list[Literal["count", "share", "rate"]] = ["count", "share"]
    interval: IntervalName = "wilson"

    @model_validator(mode="after")
    def _codes_have_columns(self) -> EventInWindow:
        if (self.codes is None) != (not self.code_columns):
            raise ValueError("give codes and columns together, or neither (any row of the register counts)")
        return self

    @property
    def reads_dispensings(self) -> bool:
        """It reads events."""
        return False

    @property
    def event_dates(self) -> list[tuple[str, str]]:
        """Its own."""
        return [(self.register_name, self.date_column)]

    @property
    def own_columns(self) -> set[str]:
        """Date and codes."""
        return {self.date_column, *self.code_columns}

    def wanted_code_sets(self, register: str) -> list[str] | None:
        """Events are looked for in several columns, lists among them, which a test of one code cannot judge."""
        return None if register == self.register_name else []
