"""Follow-up and observation of each person: windows that her own dates anchor, cut at her exit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import AnchoredWindow, MedicationAvailability
from linkage.indicator_kinds.time_windows import column_of, span_of
from linkage_core.indicators.calendar_days import later
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.values import NO_TIME, Int32s


@dataclass(frozen=True, slots=True)
class PersonWindows:
    """Windows of all persons, [start, end] with an event on the last day inside.

    Args:
        follow_up_start, follow_up_end: int32, one a person; a person without a window has an end before the start.
        start, end: int32, windows x persons: the observation, or the windows that slide in it.
        planned_end: int32, one a person: where the observation would end if nobody left.
        rules: who has no windows, and why, beside the rules of single windows.
        without_time: for each window, persons for whom it has no day or does not fit.
    """

    follow_up_start: Int32s
    follow_up_end: Int32s
    start: Int32s
    end: Int32s
    planned_end: Int32s
    rules: list[tuple[str, Persons]]
    without_time: list[Persons]


def person_windows(context: RunContext, indicator: MedicationAvailability, *, first_event: Int32s) -> PersonWindows:
    """Lay out the windows of an indicator.

    Args:
        first_event: int32, one a person: day of her first event, FAR for none.

    Raises:
        EventsRejected: the population lacks a column that tells a length.
    """
    follow_up, observation = indicator.follow_up, indicator.observation
    days = {name: context.days_in_column(name) for name in indicator.population_columns}
    anchors = {"index_date": context.follow_up.index, "first_event": first_event}
    first, planned_last = _bounds(follow_up, anchors, days)
    start, planned_end = _bounds(observation, {**anchors, "follow_up_start": first}, days)
    exit_day = context.time.exit(indicator.register_name, ends=indicator.end_at_exit)
    last, end = np.minimum(planned_last, exit_day), np.minimum(planned_end, exit_day)
    known = (first < FAR) & (planned_last < FAR) & (start < FAR) & (planned_end < FAR)
    inside = (start >= first) & (end <= last)
    rules = [
        *([("error:index_date", context.time.without_index())] if indicator.needs_index_date else []),
        *((f"error:{name}", somebody(lengths <= 0)) for name, lengths in days.items()),
        (NO_TIME, somebody(known & (end <= start))),
        ("error:observation", somebody(known & (end > start) & ~inside)),
    ]
    usable = known & inside & (end > start)
    starts, ends = _slide(indicator, start, end)
    without_time = [somebody(usable & (e <= s)) for s, e in zip(starts, ends, strict=True)]
    nothing = np.int32(0)
    return PersonWindows(
        follow_up_start=np.where(usable, first, nothing),
        follow_up_end=np.where(usable, last, np.int32(-1)),
        start=np.where(usable, starts, nothing),
        end=np.where(usable, ends, nothing),
        planned_end=np.where(known, planned_end, FAR).astype(np.int32),
        rules=rules,
        without_time=without_time,
    )


def _bounds(window: AnchoredWindow, anchors: dict[str, Int32s], days: dict[str, Int32s]) -> tuple[Int32s, Int32s]:
    start = later(anchors[window.anchor], span_of(window.offset))
    column = column_of(window.length)
    if column is None:
        return start, later(start, span_of(window.length))
    lengths = days[column]
    return start, np.where((start < FAR) & (lengths > 0), start + lengths, FAR).astype(np.int32)


def _slide(indicator: MedicationAvailability, start: Int32s, end: Int32s) -> tuple[Int32s, Int32s]:
    """Starts and ends, windows x persons; a window that does not fit ends where it starts."""
    sliding = indicator.sliding
    if sliding is None:
        return start[np.newaxis], end[np.newaxis]
    every, length = span_of(sliding.every), span_of(sliding.length)
    starts = np.array([later(start, every, times=place) for place in range(sliding.count)], np.int32)
    ends = np.array([later(one, length) for one in starts], np.int32)
    fits = ends <= end
    return starts, np.where(fits, ends, starts)
