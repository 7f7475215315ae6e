"""Proportion of days covered: share of the observed days on which supply was at hand, with a stock for each drug."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from linkage.indicator_kinds import ProportionOfDaysCovered
from linkage_core.indicators.covered_days import covered_and_observed
from linkage_core.indicators.grid_covered_days import covered_in_grid
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.values import NO_TIME, Bools, Int32s, Int64s, Measure, PersonValues, Threshold


def evaluate_proportion_of_days_covered(context: RunContext, indicator: ProportionOfDaysCovered) -> list[PersonValues]:
    """For each end of observation and denominator: the fraction, and whether it reaches each threshold."""
    register, time = indicator.register_name, context.time
    model = context.definition.supply[indicator.supply_model]
    supply = context.supply(register, indicator.supply_model, *indicator.codes)
    no_rows = context.without_rows(register, indicator.codes, rule=model.reversals)
    missing = context.dispensings(register).without_quantity
    values = []
    answers = covered_in_grid(context, indicator) or covered_and_observed(context, indicator)
    for last, (covered, observed) in zip(indicator.observe.to_days, answers, strict=True):
        planned_end = Moment(last)
        late = time.incomplete(register, planned_end)
        uncounted = _with_faulty_row(context, indicator, missing, planned_end)
        unserved = _with_faulty_row(context, indicator, supply.unserved_at, planned_end)
        without_time = None if observed.min(initial=1) > 0 else somebody(observed <= 0)
        length = f"observe_days={last - indicator.observe.from_day}"
        reached = [at_least(covered, observed, threshold) for threshold in indicator.threshold]
        for denominator in indicator.denominator:
            rules = [
                ("error:index_date", time.without_index()),
                ("error:packages", uncounted),
                ("error:days_supply", unserved),
                (NO_TIME, without_time),
                *time.alive_rule(denominator, planned_end, at=str(last)),
                *context.excluded_as_incomplete(late),
            ]
            reasons = context.reasons.settle(rules, no_rows=no_rows)
            point = joined(length, denominator_words(denominator))
            incomplete = reasons.any_counted(late)
            values.append(
                PersonValues(
                    indicator=indicator,
                    parameters=point,
                    measure=Measure.FRACTION,
                    value=reasons.value_of_counted(covered),
                    of=reasons.value_of_counted(observed),
                    reason=reasons.reason,
                    reasons=reasons.names,
                    incomplete=incomplete,
                    account=supply.account,
                    counted=reasons.counted,
                )
            )
            values.extend(
                PersonValues(
                    indicator=indicator,
                    parameters=joined(point, f"at_least={threshold:g}"),
                    measure=Measure.YES_NO,
                    value=reasons.counted_with(whether).view(np.uint8),
                    reason=reasons.reason,
                    reasons=reasons.names,
                    incomplete=incomplete,
                    account=supply.account,
                    counted=reasons.counted,
                    threshold=Threshold(point),
                )
                for threshold, whether in zip(indicator.threshold, reached, strict=True)
            )
    return values


def at_least(covered: Int32s | Int64s, observed: Int32s | Int64s, threshold: float) -> Bools:
    """Whether covered / observed >= threshold, in integers: 292 of 365 days is 0.8 exactly."""
    exact = Fraction(str(threshold))
    longest = int(observed.max(initial=0))
    if longest == observed.min(initial=longest):
        # Days are whole: one number of them decides for everybody who is observed as long.
        return np.asarray(covered >= -(-longest * exact.numerator // exact.denominator), np.bool_)
    if longest * max(exact.numerator, exact.denominator) <= np.iinfo(np.int32).max:
        return np.asarray(covered * np.int32(exact.denominator) >= observed * np.int32(exact.numerator), np.bool_)
    return np.asarray(covered.astype(np.int64) * exact.denominator >= observed.astype(np.int64) * exact.numerator)


def _with_faulty_row(
    context: RunContext, indicator: ProportionOfDaysCovered, faulty: Int64s, planned_end: Moment
) -> Persons:
    """Persons with a faulty row between the start of the lookback and the end of observation.

    Args:
        faulty: positions of rows, ascending.
    """
    if not len(faulty):
        return None
    rows, time = context.dispensings(indicator.register_name), context.time
    start, end = time.at(Moment(indicator.observe.from_day)), time.window_end(indicator.register_name, planned_end)
    person = rows.person_at(faulty)
    inside = (rows.day[faulty] >= start[person] - np.int32(indicator.lookback_days)) & (rows.day[faulty] < end[person])
    return context.persons_with(indicator.register_name, indicator.codes, faulty[inside])
