"""Quality rules of a register: a closed list of kinds, chosen and given their numbers in the definition file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from linkage.register_variable import Action, ColumnName, LocalizedText, Strict


class NotAfter(Strict):
    """One date of a row may not lie after another; rows that lack either pass."""

    kind: Literal["not_after"]
    variable: ColumnName
    other: ColumnName
    action: Action = Action.QUARANTINE
    title: LocalizedText


class YearOf(Strict):
    """A year variable equals the year of a date."""

    kind: Literal["year_of"]
    variable: ColumnName
    other: ColumnName
    action: Action = Action.COUNT
    title: LocalizedText


class SumOf(Strict):
    """An amount equals the sum of its parts, give or take `tolerance` whole units (rounding)."""

    kind: Literal["sum_of"]
    variable: ColumnName
    parts: tuple[ColumnName, ...] = Field(min_length=1)
    tolerance: float = Field(ge=0)
    action: Action = Action.COUNT
    title: LocalizedText


class RefusedValues(Strict):
    """Rows with one of these values do not belong in the register."""

    kind: Literal["refused_values"]
    variable: ColumnName
    values: tuple[str, ...] = Field(min_length=1)
    action: Action = Action.QUARANTINE
    title: LocalizedText


RowRule = Annotated[NotAfter | YearOf | SumOf | RefusedValues, Field(discriminator="kind")]


class RowFilter(Strict):
    """Which rows of a file shared by several registers belong to this one; the others are counted and left alone."""

    source_name: str
    values: tuple[str, ...] = Field(min_length=1)


class OneRowPerPerson(Strict):
    """Several rows of one person describe one event: the first whose `prefer_filled` has a value is kept."""

    prefer_filled: ColumnName


class DeliveryRules(Strict):
    """Rules a delivery must follow as a whole; one broken rule refuses it and the previous snapshot stays served.

    Attributes:
        short_month_share: refuse when a month has this share fewer rows than expected.
        compare_months: how many of the nearest other months the expectation (their median) is taken from.
        compare_at_least: with fewer months to compare with, the rule does not apply and the report says so.
        chance_sigmas: the shortfall must also exceed this many Poisson standard deviations, so that months of a few
            dozen rows are not refused for chance alone.
        quarantined_share: refuse when more than this share of rows is quarantined ...
        quarantined_rows: ... and at least this many.
        unknown_columns: "count" reports columns the definition does not know, "refuse" refuses them.
        encoding: text encoding of CSV deliveries.
        delimiter: column separator of CSV deliveries; found from the header where not stated.
    """

    short_month_share: float = Field(default=0.20, gt=0, le=1)
    compare_months: int = Field(default=12, ge=1)
    compare_at_least: int = Field(default=3, ge=1)
    chance_sigmas: float = Field(default=3.0, ge=0)
    quarantined_share: float = Field(default=0.20, gt=0, le=1)
    quarantined_rows: int = Field(default=1_000, ge=0)
    unknown_columns: Literal["count", "refuse"] = "count"
    encoding: Literal["utf-8", "latin-1"] = "utf-8"
    delimiter: Literal[",", ";", "\t", "|"] | None = None
