"""Outcomes in a register: which rows are events, and each person's first in some days of hers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa

from linkage.errors import EventsRejected
from linkage.indicator_kinds import Washout
from linkage_core.events import PersonEvents
from linkage_core.indicators.codes import coded, validity
from linkage_core.indicators.follow_up import FAR, days
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.reasons import Persons, among, somebody
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.values import Bools, Int32s
from linkage_core.kernels.first_dispensing import first_dispensing


class EventSource(Protocol):
    """Where a definition looks for events: a register, its date, and codes in any of some columns."""

    @property
    def register_name(self) -> str:
        """The register."""

    @property
    def date_column(self) -> str:
        """The date of an event."""

    @property
    def codes(self) -> str | None:
        """The code set; None where every row is an event."""

    @property
    def code_columns(self) -> Sequence[str]:
        """Columns of codes, lists among them."""


def is_death(context: RunContext, source: EventSource) -> bool:
    """Death does not end the observation in which it is itself the event."""
    death = context.definition.exits.death
    if death is None or death.register_name != source.register_name:
        return False
    return death.date_column == source.date_column


def first_event(context: RunContext, source: EventSource, is_event: Bools, *, start: Int32s, end: Int32s) -> Int32s:
    """int32, one a person: day of the first event in [start, end), on days on which the code set applies; else FAR."""
    events = context.register_events(source.register_name)
    from_day, until_day = validity(context.code_set(source.codes))
    first = np.empty(context.persons, np.int32)
    first_dispensing(
        np.ascontiguousarray(events.offsets, np.int64),
        _days_of(events, source),
        is_event.view(np.uint8),
        np.maximum(start, np.int32(from_day)),
        np.minimum(end, np.int32(until_day)),
        first,
        none=int(FAR),
    )
    return first


def washout_rule(
    context: RunContext, source: EventSource, is_event: Bools, washout: Washout | None
) -> list[tuple[str, Persons]]:
    """Who is left out because she had an event on the days of the washout, counted from the index day."""
    if washout is None:
        return []
    start, end = (context.time.at(Moment(day)) for day in (washout.from_day, washout.to_day + 1))
    had = first_event(context, source, is_event, start=start, end=end) < FAR
    return [("excluded:washout", somebody(np.asarray(had, np.bool_)))]


def events_of(context: RunContext, source: EventSource) -> Bools:
    """bool, one a row of the register: a date, and a code of the set in any of the columns.

    Raises:
        EventsRejected: the register or a column is missing.
    """
    return context.remember(("events", *_named(source)), lambda: _events_of(context, source))


def _named(source: EventSource) -> tuple[object, ...]:
    return source.register_name, source.date_column, source.codes, *source.code_columns


def _events_of(context: RunContext, source: EventSource) -> Bools:
    events = context.register_events(source.register_name)
    has_date = _days_of(events, source) < FAR
    code_set = context.code_set(source.codes)
    if code_set is None:
        return np.asarray(has_date, np.bool_)
    matched = np.zeros(len(has_date), np.bool_)
    for name in source.code_columns:
        column = _column(events, source.register_name, name)
        is_list = pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
        values = coded(column.flatten() if is_list else column)
        member = (values.code >= 0) & (values.facts.membership(code_set)[values.code] > 0)
        if is_list:
            lengths = np.asarray(column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False), np.int64)
            matched[np.repeat(np.arange(len(lengths)), lengths)[member]] = True
        else:
            matched |= member
    return np.asarray(has_date & matched, np.bool_)


def without_events(context: RunContext, source: EventSource, is_event: Bools) -> Persons:
    """Persons without any event, whenever."""

    def told() -> Persons:
        whose = context.register_events(source.register_name).person_of_row[is_event]
        return somebody(~among(context.persons, whose))

    return context.remember(("without events", *_named(source)), told)


def _days_of(events: PersonEvents, source: EventSource) -> Int32s:
    return days(_column(events, source.register_name, source.date_column))


def _column(events: PersonEvents, register: str, name: str) -> pa.Array:
    known = events.rows.schema.names
    if name not in known:
        raise EventsRejected(
            f"register {register!r} has no column {name!r}.",
            mend=f"Name a column that the register delivers: {', '.join(sorted(known))}.",
        )
    return events.rows.column(name)
