"""Incidence of use: first dispensings after a washout, and the time of those who could have had one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linkage.indicator_kinds import Incidence
from linkage_core.indicators.amount_windows import Window, windows_of
from linkage_core.indicators.observed_from import observed_from
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.reasons import Reasons, somebody
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.values import NO_TIME, Int32s, Int64s, Measure, PersonValues, Threshold
from linkage_core.indicators.yes_no import yes_no
from linkage_core.kernels.incident_use import incident_use


def evaluate_incidence(context: RunContext, indicator: Incidence) -> list[PersonValues]:
    """For each washout and window: who begins, with days at risk, and with repeated events how many there are."""
    windows = windows_of(indicator)
    known_from, unreadable = observed_from(context, indicator)
    values: list[PersonValues] = []
    for washout in indicator.washout_days:
        events, days = _follow(context, indicator, windows, known_from, washout)
        for place, window in enumerate(windows):
            at_risk = _AtRisk(events[place], days[place].astype(np.int64), window, washout)
            reasons = _reasons(context, indicator, at_risk, known_from, unreadable)
            values.extend(_values(context, indicator, at_risk, reasons))
    return values


@dataclass(frozen=True, slots=True)
class _AtRisk:
    """Events and days at risk of each person in one window."""

    events: Int32s
    days: Int64s
    window: Window
    washout: int


def _follow(
    context: RunContext, indicator: Incidence, windows: list[Window], known_from: Int32s, washout: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """int32, windows x persons: events, and days at risk."""
    register, time = indicator.register_name, context.time
    picked = context.set_rows(register, *indicator.codes)
    left = picked.of(context.netted(register, indicator.reversals).left)
    counts = context.in_force(register, indicator.codes, picked)
    is_calendar = indicator.calendar is not None
    ends = sorted({window.end.day for window in windows})
    first = min(window.start.day for window in windows)
    events, days = np.zeros((2, len(ends), context.persons), np.int32)
    incident_use(
        picked.offsets,
        picked.day,
        np.where(counts, left, np.int32(0)),
        np.zeros(1, np.int32) if is_calendar else time.at(Moment(0)),
        np.array([first, *ends], np.int32),
        known_from,
        time.exit(register),
        events,
        days,
        washout=washout,
        repeated=indicator.repeated,
    )
    if is_calendar:
        return events, days
    # Lengths of observation begin together: a longer one is a shorter one and what comes after it.
    place = [ends.index(window.end.day) for window in windows]
    return np.cumsum(events, axis=0, dtype=np.int32)[place], np.cumsum(days, axis=0, dtype=np.int32)[place]


def _reasons(
    context: RunContext,
    indicator: Incidence,
    at_risk: _AtRisk,
    known_from: Int32s,
    unreadable: list[tuple[str, npt.NDArray[np.bool_] | None]],
) -> Reasons:
    register, time, window = indicator.register_name, context.time, at_risk.window
    end = time.window_end(register, window.end)
    rules = [
        *([("error:index_date", time.without_index())] if indicator.observe is not None else []),
        *unreadable,
        ("error:packages", context.without_packages(register, indicator.codes)),
        (NO_TIME, time.without_time(register, window.start)),
        # Nobody can tell whether she begins or goes on.
        ("excluded:not_observed_before", somebody(np.asarray(known_from + np.int32(at_risk.washout) >= end, np.bool_))),
        *context.excluded_as_incomplete(time.incomplete(register, window.end)),
        ("excluded:used_before", somebody(at_risk.days == 0)),
    ]
    no_rows = context.without_rows(register, indicator.codes, rule=indicator.reversals)
    return context.reasons.settle(rules, no_rows=no_rows)


def _values(context: RunContext, indicator: Incidence, at_risk: _AtRisk, reasons: Reasons) -> Iterator[PersonValues]:
    window = at_risk.window
    late = context.time.incomplete(indicator.register_name, window.end)
    account = context.netting_account(indicator.register_name, indicator.reversals, indicator.codes)
    words = joined(f"washout_days={at_risk.washout}", window.words)
    persons = yes_no(
        indicator,
        joined(words, "measure=persons") if indicator.repeated else words,
        at_risk.events > 0,
        reasons,
        late=late,
        period=window.period,
        account=account,
        person_days=None if indicator.repeated else reasons.value_of_counted(at_risk.days),
        threshold=Threshold(joined(words, "measure=events"), 1) if indicator.repeated else None,
    )
    yield persons
    if indicator.repeated:
        events = reasons.value_of_counted(at_risk.events.astype(np.int64))
        yield PersonValues(
            indicator=indicator,
            parameters=joined(words, "measure=events"),
            measure=Measure.AMOUNT,
            value=events,
            reason=reasons.reason,
            reasons=reasons.names,
            contributes=events > 0,
            person_days=reasons.value_of_counted(at_risk.days),
            period=window.period,
            incomplete=persons.incomplete,
            account=account,
            counted=reasons.counted,
        )
