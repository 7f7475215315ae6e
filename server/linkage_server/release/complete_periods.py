"""Tells complete periods from incomplete ones in a series.

The core marks an indicator as incomplete as a whole, when somebody's window reaches past the register's last complete
day. For a line about one month the calendar says more: if even who was discharged on its last day has been followed
to the end of her window, the month is complete. Only dates are used, so the mark tells nothing about any person.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from linkage.released_table import TIME_STRATA, TOTAL, LineStatus, ReleasedTable
from linkage_server.release.context import ReleaseContext

# Days from the index day to the first day after the window, by the parameter that names the window.
_DAYS_AFTER = {"within_days": 1, "at_day": 1, "observe_days": 0}
_PERIOD = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(\d{2})))?")


def mark_complete_periods(released: ReleasedTable, context: ReleaseContext) -> ReleasedTable:
    """The table with status "ok" in lines about periods that are wholly observed."""
    lines = released.table.to_pylist()
    strata = [one.name for one in released.dimensions if one.name in TIME_STRATA]
    for line in lines:
        if line["status"] == LineStatus.INCOMPLETE and any(_is_complete(line, name, context) for name in strata):
            line["status"], line["reason"] = LineStatus.OK.value, ""
    return replace(released, table=pa.Table.from_pylist(lines, schema=released.table.schema))


def _is_complete(line: dict[str, Any], stratum: str, context: ReleaseContext) -> bool:
    indicator = context.indicator(line["indicator"])
    until = next((one.entry.data_until for one in context.registers if one.entry.name == indicator.register_name), None)
    return period_is_complete(
        line[stratum], stratum=stratum, parameters=line["parameters"], first_day=indicator.first_day, until=until
    )


def period_is_complete(period: str, *, stratum: str, parameters: str, first_day: int, until: date | None) -> bool:
    """Whether a line about one period is wholly observed.

    Args:
        period: such as 2024, 2024-Q1 or 2024-01; a total is of no period.
        stratum: its column; of index days where it begins with `index_`.
        parameters: of the line; they tell how long a window lasts.
        first_day: of the window, in days from the index day.
        until: last day that the register holds in full; None where nobody knows.
    """
    after = _first_day_after(period) if period != TOTAL else None
    if after is None or until is None:
        return False
    if not stratum.startswith("index_"):
        return after <= until + timedelta(days=1)
    days = _window_days(parameters, first_day=first_day)
    return days is not None and after - timedelta(days=1) + timedelta(days=days) <= until + timedelta(days=1)


def _window_days(parameters: str, *, first_day: int) -> int | None:
    """Days from the index day to the first day after the window; None where the parameters do not tell."""
    points = dict(part.split("=", 1) for part in parameters.split(";") if "=" in part)
    if between := re.fullmatch(r"-?\d+\.\.(-?\d+)", points.get("days", "")):
        return int(between[1]) + 1
    for name, after in _DAYS_AFTER.items():
        if re.fullmatch(r"-?\d+", points.get(name, "")):
            return int(points[name]) + (first_day if name == "observe_days" else after)
    return None


def _first_day_after(period: str) -> date | None:
    found = _PERIOD.fullmatch(period)
    if found is None:
        return None
    year = int(found[1])
    month = 3 * int(found[2]) if found[2] else int(found[3]) if found[3] else 12
    return date(year + month // 12, month % 12 + 1, 1) if 1 <= month <= 12 else None
