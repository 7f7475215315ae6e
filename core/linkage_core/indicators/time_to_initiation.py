"""Time from the index day to the first dispensing, with the exit as censoring or death as competing end."""

from __future__ import annotations

import numpy as np

from linkage.indicator_kinds import TimeToInitiation
from linkage_core.indicators.first_rows import first_days
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.values import NO_TIME, Int32s, Measure, PersonValues, TimesToEvent, UInt8s
from linkage_core.indicators.yes_no import yes_no
from linkage_core.survival import Ending


def evaluate_time_to_initiation(context: RunContext, indicator: TimeToInitiation) -> list[PersonValues]:
    """The time, whether it ended in a dispensing and, where that competes, whether it ended in death.

    Raises:
        EventsRejected: death shall compete and no register tells it.
    """
    register, rule, time = indicator.register_name, indicator.reversals, context.time
    start, planned = time.at(Moment(0)), Moment(indicator.follow_up_days)
    end = time.window_end(register, planned)
    first = first_days(context, register, indicator.codes, rule, start=start, end=end)
    ending = _ending(context, indicator, first, end)
    days = np.where(first < FAR, first, end).astype(np.int64) - start
    rules = [
        ("error:index_date", time.without_index()),
        ("error:packages", context.without_packages(register, indicator.codes)),
        (NO_TIME, time.without_time(register, Moment(0))),
        *_earlier_users(context, indicator),
    ]
    no_rows = context.without_rows(register, indicator.codes, rule=rule)
    # Curves censor whom the register's end cuts short, so nobody is left out for it.
    reasons = context.reasons.settle(rules, no_rows=no_rows)
    counted = reasons.value_of_counted(days)
    late = time.incomplete(register, planned)
    of_all = context.reasons.settle([*rules, *context.excluded_as_incomplete(late)], no_rows=no_rows)
    measures = {"initiated": Ending.EVENT, **({"died": Ending.COMPETING} if indicator.competing == "death" else {})}
    return [
        PersonValues(
            indicator=indicator,
            parameters="measure=days",
            measure=Measure.AMOUNT,
            value=counted,
            reason=reasons.reason,
            reasons=reasons.names,
            contributes=counted > 0,
            counted=reasons.counted,
            times=TimesToEvent(start, counted, ending),
        ),
        *(
            yes_no(indicator, f"measure={name}", np.asarray(ending == which, np.bool_), of_all, late=late)
            for name, which in measures.items()
        ),
    ]


def _ending(context: RunContext, indicator: TimeToInitiation, first: Int32s, end: Int32s) -> UInt8s:
    """uint8, one a person: `Ending`."""
    ending = (first < FAR) * np.uint8(Ending.EVENT)
    if indicator.competing == "none":
        return np.asarray(ending, np.uint8)
    death = context.follow_up.competing_death()
    ending[(death == end) & (death < FAR) & (first >= FAR)] = Ending.COMPETING
    return np.asarray(ending, np.uint8)


def _earlier_users(context: RunContext, indicator: TimeToInitiation) -> list[tuple[str, Persons]]:
    washout = indicator.washout
    if washout is None:
        return []
    since, until = (context.time.at(Moment(day)) for day in (washout.from_day, washout.to_day + 1))
    used = first_days(context, indicator.register_name, indicator.codes, indicator.reversals, start=since, end=until)
    return [("excluded:washout", somebody(np.asarray(used < FAR, np.bool_)))]
