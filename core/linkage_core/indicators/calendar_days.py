"""Days that lie a number of days, weeks, months or years after others."""

from __future__ import annotations

import numpy as np

from linkage.indicator_kinds.time_windows import CalendarSpan
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.values import Int32s

_DAYS = {"days": 1, "weeks": 7}
_MONTHS = {"months": 1, "years": 12}


def later(day: Int32s, span: CalendarSpan, *, times: int = 1) -> Int32s:
    """int32, as `day`: the day that lies a span, or several, later; FAR stays where it is.

    A day that the target month lacks becomes the 1st of the month after it: 31 May + 6 months is 1 December.
    """
    number = span.number * times
    if span.unit in _DAYS:
        moved = day + np.int32(number * _DAYS[span.unit])
    else:
        dates = day.astype("datetime64[D]")
        month = dates.astype("datetime64[M]")
        target = month + number * _MONTHS[span.unit]
        in_month = (dates - month).astype("timedelta64[D]")
        next_month = (target + 1).astype("datetime64[D]")
        moved = np.minimum(target.astype("datetime64[D]") + in_month, next_month).astype(np.int64).astype(np.int32)
    return np.where(day < FAR, moved, FAR).astype(np.int32)
