"""The law's days are Swedish ones, wherever the server stands."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

_SWEDEN = ZoneInfo("Europe/Stockholm")


def swedish_day(moment: datetime) -> date:
    """The day that a moment falls on in Sweden."""
    return moment.astimezone(_SWEDEN).date()
