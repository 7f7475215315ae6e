"""A diagnosis, procedure or death in another register within a window after the index day."""

from __future__ import annotations

import numpy as np

from linkage.indicator_kinds import EventInWindow
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.initiation import denominator_words, washout_points, window_words
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.register_outcome import events_of, first_event, is_death, without_events
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.values import NO_TIME, Measure, PersonValues


def evaluate_event_in_window(context: RunContext, indicator: EventInWindow) -> list[PersonValues]:
    """One value for each last day, denominator and state in the washout, with days at risk for a rate."""
    register, time = indicator.register_name, context.time
    is_event = events_of(context, indicator)
    window_start = Moment(indicator.window.from_day)
    start = time.at(window_start)
    exit_day = time.exit(register, death_ends=not is_death(context, indicator))
    first = first_event(context, indicator, is_event, start=start, end=exit_day)
    no_rows = without_events(context, indicator, is_event)
    had_before = np.zeros(context.persons, np.bool_)
    if indicator.washout is not None:
        before, until = (time.at(Moment(day)) for day in (indicator.washout.from_day, indicator.washout.to_day + 1))
        had_before = np.asarray(first_event(context, indicator, is_event, start=before, end=until) < FAR, np.bool_)
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
            point = joined(window_words(indicator.window, last_day), denominator_words(denominator))
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
                        parameters=joined(point, before_words),
                        part_of=point if before_words else "",
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
