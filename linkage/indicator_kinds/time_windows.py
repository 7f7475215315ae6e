"""Windows that a person's own dates anchor, with offsets and lengths in days, weeks, months or years."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from linkage.indicator_kinds.common import Model

Unit = Literal["days", "weeks", "months", "years"]
_SPAN = r"(-?\d{1,5}) (day|week|month|year)s?"
_COLUMN = "column:"


@dataclass(frozen=True, slots=True)
class CalendarSpan:
    """A number of calendar units."""

    number: int
    unit: Unit


def span_of(text: str) -> CalendarSpan:
    """The span that a definition writes as "6 months"."""
    found = re.fullmatch(_SPAN, text)
    assert found is not None, "definitions are checked when they are read"
    units: dict[str, Unit] = {"day": "days", "week": "weeks", "month": "months", "year": "years"}
    return CalendarSpan(int(found[1]), units[found[2]])


def column_of(length: str) -> str | None:
    """The population's column that a length is read from; None where the definition itself tells it."""
    return length.removeprefix(_COLUMN) if length.startswith(_COLUMN) else None


def _in_words(value: object) -> object:
    """One way to write a span: 90 is "90 days", "1 month" is "1 months"."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value} days"
    if isinstance(value, str) and re.fullmatch(_SPAN, value):
        span = span_of(value)
        return f"{span.number} {span.unit}"
    return value


def _positive(text: str) -> str:
    if column_of(text) is None and span_of(text).number <= 0:
        raise ValueError("a length must be above 0")
    return text


TimeSpan = Annotated[str, BeforeValidator(_in_words), Field(pattern=rf"^{_SPAN}$")]
"""Days as a number, or a text such as "6 months"; may be negative."""
Length = Annotated[TimeSpan, AfterValidator(_positive)]
LengthOrColumn = Annotated[
    str,
    BeforeValidator(_in_words),
    Field(pattern=rf"^({_SPAN}|{_COLUMN}[a-z][a-z0-9_]*)$"),
    AfterValidator(_positive),
]
"""As a length, or "column:NAME": a column of the population that holds days."""


class AnchoredWindow(Model):
    """A window [anchor + offset, anchor + offset + length]: an event on its last day belongs to it.

    Anchors: `index_date`, `first_event` (the person's first dispensing of the codes, whenever),
    `first_event_from_index` (the first on or after the index day), and for an observation `follow_up_start`. A month
    after a day that the next month lacks is the 1st of the month after it.
    """

    anchor: Literal["index_date", "first_event", "first_event_from_index", "follow_up_start"]
    offset: TimeSpan = "0 days"
    length: LengthOrColumn


class EpisodeWindows(Model):
    """The first `count` treatment episodes inside follow-up, each a follow-up and observation of its own.

    A new episode starts after a gap of more than `gap_days` days without supply. A person with fewer has no value for
    the others.
    """

    gap_days: int = Field(ge=0, le=3650)
    count: int = Field(ge=1, le=100)


class SlidingWindows(Model):
    """Windows of one length inside the observation: the first begins with it, each other `every` later than the last.

    A window that does not fit into a person's observation gives that person no value.
    """

    length: Length
    every: Length
    count: int = Field(ge=1, le=400)
