"""First outcomes in exposed and in unexposed time, with the days of both; rates are unadjusted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import OutcomeRate
from linkage_core.counted_table import DAYS_A_YEAR
from linkage_core.indicators.exposed_time import Exposure
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.reasons import Persons, somebody, together
from linkage_core.indicators.register_outcome import events_of, first_event, is_death, washout_rule, without_events
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.values import (
    NO_TIME,
    Bools,
    CellStatistic,
    Int32s,
    Int64s,
    Measure,
    PersonValues,
)
from linkage_core.intervals import poisson_exact
from linkage_core.ratios import rate_ratio


@dataclass(frozen=True, slots=True)
class _Arm:
    """One arm at one parameter point.

    Args:
        days: int64, one a person: days at risk in the arm; `event`: bool, whose outcome fell into it.
    """

    name: str
    days: Int64s
    event: Bools


@dataclass(frozen=True, slots=True)
class _AtRisk:
    """Who is followed until when.

    Args:
        start: int32, one a person; `first`: day of the first outcome, FAR for none.
        rules: who has no value and why, whatever the end of observation.
        no_outcome, no_rows: persons without any outcome, and without any dispensing, whenever.
    """

    start: Int32s
    first: Int32s
    exit_day: Int32s
    rules: list[tuple[str, Persons]]
    no_outcome: Persons
    no_rows: Persons


def evaluate_outcome_rate(context: RunContext, indicator: OutcomeRate) -> list[PersonValues]:
    """For each end of observation and grace: days by arm, and whose first outcome fell into which arm.

    Raises:
        EventsRejected: a register or column is missing.
    """
    exposure = Exposure(
        context, indicator.register_name, indicator.codes, indicator.supply, by_day=indicator.exposure == "by_day"
    )
    followed = _at_risk(context, indicator, exposure)
    ends = [_end(context, followed, last) for last in indicator.observe.to_days]
    at_risk = [np.minimum(end, np.where(followed.first < end, followed.first + np.int32(1), FAR)) for end in ends]
    values: list[PersonValues] = []
    for grace in indicator.grace_days:
        exposed = exposure.days(followed.start, [*at_risk], grace_days=grace)
        # Of who has no outcome no day is asked.
        (on_the_day,) = exposure.days(followed.first, [followed.first + (followed.first < FAR)], grace_days=grace)
        for last, end, until, days in zip(indicator.observe.to_days, ends, at_risk, exposed, strict=True):
            observed = np.maximum(until - followed.start, 0).astype(np.int64)
            event = np.asarray(followed.first < end, np.bool_)
            arms = (
                _Arm("exposed", days.astype(np.int64), event & (on_the_day > 0)),
                _Arm("unexposed", observed - days, event & (on_the_day == 0)),
            )
            words = joined(f"observe_days={last - indicator.observe.from_day}", f"grace_days={grace}")
            values += _values(context, indicator, followed, arms, words=words, last=last)
    return values


def _at_risk(context: RunContext, indicator: OutcomeRate, exposure: Exposure) -> _AtRisk:
    register, outcome, time = indicator.register_name, indicator.outcome, context.time
    is_event = events_of(context, outcome)
    # Death does not end the observation in which it is itself the outcome, and neither register may have ended.
    dies = not is_death(context, outcome)
    exit_day = np.minimum(time.exit(register, death_ends=dies), time.exit(outcome.register_name, death_ends=dies))
    opens = Moment(indicator.observe.from_day)
    start, last = time.at(opens), time.at(Moment(max(indicator.observe.to_days)))
    until = np.minimum(last, exit_day)
    rows, supply = context.dispensings(register), context.supply(register, indicator.supply, *indicator.codes)
    since = np.where(start < FAR, start - np.int32(exposure.longest + max(indicator.grace_days)), FAR).astype(np.int32)
    rules = [
        ("error:index_date", time.without_index()),
        ("error:packages", exposure.with_faulty_row(rows.without_quantity, since, until)),
        ("error:days_supply", exposure.with_faulty_row(supply.unserved_at, since, until)),
        (NO_TIME, somebody(np.asarray(exit_day <= start, np.bool_))),
        *washout_rule(context, outcome, is_event, indicator.washout),
    ]
    rule = context.definition.supply[indicator.supply].reversals
    return _AtRisk(
        start=start,
        first=first_event(context, outcome, is_event, start=start, end=until),
        exit_day=exit_day,
        rules=rules,
        no_outcome=without_events(context, outcome, is_event),
        no_rows=context.without_dispensings(register, indicator.codes, rule=rule),
    )


def _end(context: RunContext, followed: _AtRisk, last: int) -> Int32s:
    return np.minimum(context.time.at(Moment(last)), followed.exit_day)


def _values(
    context: RunContext,
    indicator: OutcomeRate,
    followed: _AtRisk,
    arms: Sequence[_Arm],
    *,
    words: str,
    last: int,
) -> Iterator[PersonValues]:
    registers = dict.fromkeys((indicator.register_name, indicator.outcome.register_name))
    late = together([context.time.incomplete(register, Moment(last)) for register in registers])
    rules = [*followed.rules, *context.excluded_as_incomplete(late)]
    account = context.supply(indicator.register_name, indicator.supply, *indicator.codes).account
    everybody = context.reasons.settle(rules, no_rows=followed.no_rows)
    counted = everybody.counted

    def statistics(persons: Bools) -> list[CellStatistic]:
        return _statistics(arms, persons & counted)

    for arm in arms:
        yield PersonValues(
            indicator=indicator,
            parameters=joined(words, f"measure={arm.name}_days"),
            measure=Measure.AMOUNT,
            value=everybody.value_of_counted(arm.days),
            reason=everybody.reason,
            reasons=everybody.names,
            contributes=everybody.counted_with(arm.days > 0),
            incomplete=everybody.any_counted(late),
            account=account,
            counted=counted,
            statistics=statistics if arm is arms[0] and "rate_ratio" in indicator.statistic else None,
        )
    for arm in arms:
        # Only who has time in an arm is of it: rates of the few are hidden with the few.
        without = (f"excluded:never_{arm.name}", somebody(arm.days == 0))
        reasons = context.reasons.settle([*rules, without], no_rows=followed.no_outcome)
        yield PersonValues(
            indicator=indicator,
            parameters=joined(words, f"arm={arm.name}"),
            measure=Measure.YES_NO,
            value=reasons.counted_with(arm.event).view(np.uint8),
            reason=reasons.reason,
            reasons=reasons.names,
            person_days=reasons.value_of_counted(arm.days),
            incomplete=reasons.any_counted(late),
            account=account,
            counted=reasons.counted,
        )


def _statistics(arms: Sequence[_Arm], persons: Bools) -> list[CellStatistic]:
    """Rates of both arms with exact limits, and their ratio, of some persons."""
    events = [float(np.count_nonzero(arm.event & persons)) for arm in arms]
    years = [float(arm.days[persons].sum()) / DAYS_A_YEAR for arm in arms]
    found = [
        _rate(f"rate_{arm.name}", event, year, persons=int(np.count_nonzero(persons & (arm.days > 0))))
        for arm, event, year in zip(arms, events, years, strict=True)
    ]
    ratio = rate_ratio(events[0], years[0], events[1], years[1])
    notes = ["unadjusted"]
    if min(years) == 0:
        notes.append("no time in one arm")
    elif events[1] == 0:
        notes.append("no event without exposure: no ratio and no upper limit")
    found.append(
        CellStatistic(
            "rate_ratio",
            float(ratio.value),
            float(ratio.lower),
            float(ratio.upper) if np.isfinite(ratio.upper) else np.nan,
            numerator=events[0],
            denominator=events[1],
            person_years=sum(years),
            interval="exact",
            note="; ".join(notes),
        )
    )
    return found


def _rate(name: str, events: float, years: float, *, persons: int) -> CellStatistic:
    if years == 0:
        return CellStatistic(name, np.nan, numerator=events, denominator=persons, person_years=0.0, note="no time")
    limits = poisson_exact(events)
    rate, lower, upper = (1000 * float(number) / years for number in (events, limits.lower, limits.upper))
    return CellStatistic(name, rate, lower, upper, events, persons, years, interval="exact", note="unadjusted")
