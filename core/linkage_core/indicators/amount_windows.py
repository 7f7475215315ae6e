"""Windows of amounts: lengths of observation after the index day, or calendar periods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import AmountIndicator, Incidence, Prevalence, RollingCalendar
from linkage_core.indicators.codes import validity
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.periods import periods
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.values import Period
from linkage_core.indicators.window_sums import Windows


@dataclass(frozen=True, slots=True)
class Window:
    """One window, half-open; `at` is the N of `alive_at_N`."""

    words: str
    period: Period | None
    start: Moment
    end: Moment
    at: str


def windows_of(indicator: AmountIndicator | Incidence | Prevalence) -> list[Window]:
    """The windows of an indicator, ends ascending."""
    if indicator.calendar is not None:
        rolling = indicator.calendar.rolling if isinstance(indicator.calendar, RollingCalendar) else 1
        words = f"rolling={rolling}" if rolling > 1 else ""
        return [
            Window(words, period, Moment(first, of_index=False), Moment(after, of_index=False), period.label)
            for period, first, after in periods(indicator.calendar)
        ]
    assert indicator.observe is not None  # A definition has one of the two.
    start = Moment(indicator.observe.from_day)
    return [
        Window(f"observe_days={last - start.day}", None, start, Moment(last), str(last))
        for last in indicator.observe.to_days
    ]


def apart(windows: Sequence[Window]) -> list[range]:
    """Positions of windows that are added up in one pass: calendar periods that overlap need several.

    Rolling periods of k steps fall into k runs, in each of which one begins where another ends.
    """
    if not windows or windows[0].period is None:
        return [range(len(windows))]
    steps = next(
        (number for number, window in enumerate(windows) if window.start.day >= windows[0].end.day), len(windows)
    )
    return [range(first, len(windows), steps) for first in range(steps)]


def kernel_windows(context: RunContext, indicator: AmountIndicator, windows: Sequence[Window]) -> Windows:
    """Windows of one pass as kernels read them, cut at the exit."""
    valid = validity(context.code_set(indicator.codes))
    return cut_windows(context, indicator.register_name, windows, valid=valid, ends=indicator.end_at_exit)


def cut_windows(
    context: RunContext, register: str, windows: Sequence[Window], *, valid: tuple[int, int], ends: bool = True
) -> Windows:
    """The same, with days on which rows count told; death and emigration cut them where `ends` says so."""
    if windows[0].period is not None:
        lengths = [window.end.day - window.start.day for window in windows]
        period_of_day = np.repeat(np.arange(len(windows), dtype=np.int32), lengths)
        exit_day = context.time.exit(register, ends=ends)[np.newaxis, :]
        calendar = (period_of_day, windows[0].start.day, len(windows))
        return Windows(len(windows), valid, np.ascontiguousarray(exit_day), periods=calendar)
    cut = [context.time.window_end(register, window.end, ends=ends) for window in windows]
    return Windows(len(windows), valid, np.stack(cut), start=context.time.at(windows[0].start))
