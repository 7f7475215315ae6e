"""From when on each person's dispensings are known."""

from __future__ import annotations

from datetime import date

import numpy as np

from linkage.errors import EventsRejected
from linkage.indicator_kinds import WithObservedStart
from linkage_core.indicators.follow_up import FAR, day_number
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.values import Int32s

_UNKNOWN = int(FAR)


def observed_from(context: RunContext, indicator: WithObservedStart) -> tuple[Int32s, list[tuple[str, Persons]]]:
    """int32, one a person: the first day; and the rule for persons whose own column tells no date.

    Raises:
        EventsRejected: the population does not have the column.
    """
    start, name = indicator.observed_from.register_start, indicator.observed_from.column
    assert start is not None, "definitions are checked when they are read"
    first = day_number(start)
    if name is None:
        return np.full(context.persons, first, np.int32), []
    if name not in context.columns:
        raise EventsRejected(
            f"indicator {indicator.id!r} reads the start of observation from the column {name!r}, which the population "
            "does not have.",
            mend="Send the column with the population, or leave observed_from.column out.",
            facts={"column": name},
        )
    column = context.columns[name]
    # An empty cell leaves the start of the register.
    days = np.array([*map(_day, column.dictionary.to_pylist()), first], np.int32)
    own = days[np.asarray(column.indices.fill_null(len(days) - 1), np.int64)]
    return np.maximum(own, np.int32(first)), [(f"error:{name}", somebody(own == _UNKNOWN))]


def _day(text: object) -> int:
    if not str(text).strip():
        return -_UNKNOWN
    try:
        return day_number(date.fromisoformat(str(text).strip()))
    except ValueError:
        return _UNKNOWN
