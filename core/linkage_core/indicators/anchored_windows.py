"""Follow-up and observation of each person: windows that her own dates anchor, cut at her exit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from linkage.indicator_kinds import AnchoredWindow, MedicationAvailability, SlidingWindows
from linkage.indicator_kinds.time_windows import column_of, span_of
from linkage_core.indicators.calendar_days import later
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.values import NO_TIME, Bools, EventList, Int32s

_NOBODY_YET = np.int32(0)


@dataclass(frozen=True, slots=True)
class PersonWindows:
    """Windows of all persons, [start, end] with an event on the last day inside.

    Args:
        words: what tells each window from the others; "" for an observation.
        follow_up_start, follow_up_end: int32, one a person; a person without windows has an end before the start.
        start, end: int32, windows x persons; a window without days ends where it starts.
        planned_end: int32, one a person: where the observation would end if nobody left; FAR where it is not known.
        rules: who has no value, and why, for all windows; `window_rules` for each.
    """

    words: list[str]
    follow_up_start: Int32s
    follow_up_end: Int32s
    start: Int32s
    end: Int32s
    planned_end: Int32s
    rules: list[tuple[str, Persons]]
    window_rules: list[list[tuple[str, Persons]]]


def person_windows(
    context: RunContext, indicator: MedicationAvailability, *, first_event: Callable[[Int32s | None], Int32s]
) -> PersonWindows:
    """Lay out follow-up and observation.

    Args:
        first_event: the day of each person's first event, from a day of each person on; FAR for none.

    Raises:
        EventsRejected: the population lacks a column that tells a length.
    """
    days = {name: context.days_in_column(name) for name in indicator.population_columns}

    def anchored(window: AnchoredWindow, follow_up_start: Int32s) -> tuple[Int32s, Int32s]:
        start = later(_anchor(window, context.follow_up.index, first_event, follow_up_start), span_of(window.offset))
        column = column_of(window.length)
        if column is None:
            return start, later(start, span_of(window.length))
        lengths = days[column]
        return start, np.where((start < FAR) & (lengths > 0), start + lengths, FAR).astype(np.int32)

    first, planned_last = anchored(indicator.follow_up, np.zeros(context.persons, np.int32))
    observation = indicator.observation
    start, planned_end = (first, planned_last) if observation is None else anchored(observation, first)
    exit_day = context.time.exit(indicator.register_name, ends=indicator.end_at_exit)
    last, end = np.minimum(planned_last, exit_day), np.minimum(planned_end, exit_day)
    known = (first < FAR) & (planned_last < FAR) & (start < FAR) & (planned_end < FAR)
    has_days, inside = known & (end > start), (start >= first) & (end <= last)
    usable = has_days & inside
    return PersonWindows(
        words=[""],
        follow_up_start=np.where(usable, first, _NOBODY_YET),
        follow_up_end=np.where(usable, last, np.int32(-1)),
        start=np.where(usable, start, _NOBODY_YET)[np.newaxis],
        end=np.where(usable, end, _NOBODY_YET)[np.newaxis],
        planned_end=np.where(known, planned_end, FAR).astype(np.int32),
        rules=[
            *([("error:index_date", context.time.without_index())] if indicator.needs_index_date else []),
            *((f"error:{name}", somebody(lengths <= 0)) for name, lengths in days.items()),
            (NO_TIME, somebody(known & ~has_days)),
            ("error:observation", somebody(has_days & ~inside)),
        ],
        window_rules=[[]],
    )


def _anchor(
    window: AnchoredWindow, index: Int32s, first_event: Callable[[Int32s | None], Int32s], follow_up_start: Int32s
) -> Int32s:
    if window.anchor == "index_date":
        return index
    if window.anchor == "first_event":
        return first_event(None)
    return first_event(index) if window.anchor == "first_event_from_index" else follow_up_start


def sliding(windows: PersonWindows, rule: SlidingWindows) -> PersonWindows:
    """Windows that slide in the observation; follow-up stays what it is."""
    every, length = span_of(rule.every), span_of(rule.length)
    observed_from, observed_until = windows.start[0], windows.end[0]
    start = np.array([later(observed_from, every, times=place) for place in range(rule.count)], np.int32)
    end = np.array([later(one, length) for one in start], np.int32)
    fits = end <= observed_until
    return replace(
        windows,
        words=[f"window={place + 1}" for place in range(rule.count)],
        start=start,
        end=np.where(fits, end, start),
        window_rules=[[(NO_TIME, somebody(~fitting))] for fitting in fits],
    )


def whole_follow_up(windows: PersonWindows) -> PersonWindows:
    """The observation is all of follow-up."""
    return replace(windows, start=windows.follow_up_start[np.newaxis], end=windows.follow_up_end[np.newaxis])


def episode_windows(
    windows: PersonWindows, events: EventList, *, gap_days: int, count: int, equality_ends: bool
) -> Iterator[PersonWindows]:
    """The first episodes of each person, each a follow-up and observation of its own.

    Args:
        windows: follow-up as the observation; `events`: its events with their gaps.
        gap_days: an episode ends with a gap of more days.
        equality_ends: AdhereR lets a gap of just so many days end the last episode of a person.
    """
    following = np.append(events.person[1:], -1) == events.person
    last_day = np.where(following, np.append(events.day[1:], 0), windows.follow_up_end[events.person])
    ends = (events.gap > gap_days) | (~following & equality_ends & (events.gap == gap_days))
    is_last = ends | ~following
    first_of_person = np.append(True, ~following[:-1]) if len(events.person) else np.zeros(0, np.bool_)
    starts = first_of_person | np.append(False, ends[:-1] & following[:-1]) if len(ends) else first_of_person
    person = events.person[starts]
    start = events.day[starts]
    end = np.floor(np.where(ends, last_day - events.gap, last_day)[is_last]).astype(np.int32)
    number = np.arange(len(person)) - np.searchsorted(person, person)
    for episode in range(count):
        of_number = number == episode
        has = np.zeros(len(windows.follow_up_start), np.bool_)
        has[person[of_number]] = True
        begins, until = np.zeros((2, len(has)), np.int32)
        begins[person[of_number]], until[person[of_number]] = start[of_number], end[of_number]
        yield replace(
            windows,
            words=[f"episode={episode + 1}"],
            follow_up_start=begins,
            follow_up_end=_without(has, until),
            start=begins[np.newaxis],
            end=until[np.newaxis],
            window_rules=[[(f"excluded:no_episode_{episode + 1}", somebody(~has))]],
        )


def _without(has: Bools, until: Int32s) -> Int32s:
    return np.where(has, until, np.int32(-1)).astype(np.int32)
