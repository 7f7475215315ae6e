"""A diagnosis, procedure or death in another register within a window after the index day."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from linkage.errors import EventsRejected
from linkage.indicator_kinds import EventInWindow
from linkage_core.events import PersonEvents
from linkage_core.indicators.codes import coded, validity
from linkage_core.indicators.follow_up import FAR, days
from linkage_core.indicators.initiation import denominator_words, washout_points, window_words
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.reasons import somebody
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.values import NO_TIME, Bools, Int32s, Measure, PersonValues
from linkage_core.kernels.first_dispensing import first_dispensing


def evaluate_event_in_window(context: RunContext, indicator: EventInWindow) -> list[PersonValues]:
    """One value for each last day, denominator and state in the washout, with days at risk for a rate."""
    register, time = indicator.register_name, context.time
    events = context.register_events(register)
    is_event = _is_event(context, indicator, events)
    window_start = Moment(indicator.window.from_day)
    start = time.at(window_start)
    exit_day = time.exit(register, death_ends=not _is_death(context, indicator))
    first = _first(context, indicator, is_event, start=start, end=exit_day)
    has_rows = np.zeros(context.persons, np.bool_)
    has_rows[events.person_of_row()[is_event]] = True
    no_rows = somebody(~has_rows)
    had_before = np.zeros(context.persons, np.bool_)
    if indicator.washout is not None:
        before, until = (time.at(Moment(day)) for day in (indicator.washout.from_day, indicator.washout.to_day + 1))
        had_before = np.asarray(_first(context, indicator, is_event, start=before, end=until) < FAR, np.bool_)
    states = washout_points(indicator.washout, had_before)
    values = []
    for last_day in indicator.window.to_days:
        window_end = Moment(last_day + 1)
        end = time.at(window_end)
        late = time.incomplete(register, window_end)
        observed_end = np.minimum(end, exit_day)
        # The day of the event is still a day at risk, as in the reference set's person-years.
        at_risk = np.maximum(np.minimum(np.where(first < end, first + np.int32(1), FAR), observed_end) - start, 0)
        at_risk = at_risk.astype(np.int64)
        for denominator in indicator.denominator:
            for before_words, left_out in states:
                rules = [
                    ("error:index_date", time.without_index()),
                    # Who dies before the window opens is among all persons, with no event and no day at risk, as who
                    # dies a day later is. Leaving her out would print two denominators a few deaths apart, and most of
                    # both would have to be hidden.
                    (NO_TIME, time.without_time(register, window_start, death_ends=False)),
                    *time.alive_rule(denominator, window_end, at=str(last_day)),
                    *context.excluded_as_incomplete(late),
                    *left_out,
                ]
                reasons = context.reasons.settle(rules, no_rows=no_rows)
                values.append(
                    PersonValues(
                        indicator=indicator,
                        parameters=joined(
                            window_words(indicator.window, last_day), denominator_words(denominator), before_words
                        ),
                        measure=Measure.YES_NO,
                        value=reasons.counted_with(first < end).view(np.uint8),
                        reason=reasons.reason,
                        reasons=reasons.names,
                        person_days=reasons.value_of_counted(at_risk),
                        incomplete=reasons.any_counted(late),
                        counted=reasons.counted,
                    )
                )
    return values


def _is_death(context: RunContext, indicator: EventInWindow) -> bool:
    """Death does not end the observation in which it is itself the event."""
    death = context.definition.exits.death
    if death is None or death.register_name != indicator.register_name:
        return False
    return death.date_column == indicator.date_column


def _first(context: RunContext, indicator: EventInWindow, is_event: Bools, *, start: Int32s, end: Int32s) -> Int32s:
    events = context.register_events(indicator.register_name)
    from_day, until_day = validity(context.code_set(indicator.codes))
    first = np.empty(context.persons, np.int32)
    first_dispensing(
        np.ascontiguousarray(events.offsets, np.int64),
        _column_days(events, indicator),
        np.where(is_event, np.int32(0), np.int32(-1)),
        np.ones(len(is_event), np.int32),
        np.ones(1, np.uint8),
        np.maximum(start, np.int32(from_day)),
        np.minimum(end, np.int32(until_day)),
        first,
        none=int(FAR),
    )
    return first


def _column_days(events: PersonEvents, indicator: EventInWindow) -> Int32s:
    return days(_column(events, indicator.register_name, indicator.date_column))


def _is_event(context: RunContext, indicator: EventInWindow, events: PersonEvents) -> Bools:
    """bool, one a row: a date, and a code of the set in any of the columns."""
    has_date = _column_days(events, indicator) < FAR
    code_set = context.code_set(indicator.codes)
    if code_set is None:
        return np.asarray(has_date, np.bool_)
    matched = np.zeros(len(has_date), np.bool_)
    for name in indicator.code_columns:
        column = _column(events, indicator.register_name, name)
        is_list = pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
        values = coded(column.flatten() if is_list else column)
        member = (values.code >= 0) & (values.facts.membership(code_set)[values.code] > 0)
        if is_list:
            lengths = np.asarray(column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False), np.int64)
            matched[np.repeat(np.arange(len(lengths)), lengths)[member]] = True
        else:
            matched |= member
    return np.asarray(has_date & matched, np.bool_)


def _column(events: PersonEvents, register: str, name: str) -> pa.Array:
    if name not in events.rows.schema.names:
        raise EventsRejected(
            f"register {register!r} has no column {name!r}.", mend="Name a column that the register delivers."
        )
    return events.rows.column(name)
