"""Proportion of days covered: share of the observed days on which supply was at hand, with a stock for each drug."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from linkage.indicator_kinds import ProportionOfDaysCovered
from linkage_core.indicators.codes import validity
from linkage_core.indicators.days_of_supply import DAY
from linkage_core.indicators.hospital_stays import hospital_stays
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.values import NO_TIME, Bools, Int32s, Measure, PersonValues, UInt8s
from linkage_core.kernels.covered_days import covered_days

NO_CAP = 1 << 60


def evaluate_proportion_of_days_covered(context: RunContext, indicator: ProportionOfDaysCovered) -> list[PersonValues]:
    """For each end of observation and denominator: the fraction, and whether it reaches each threshold."""
    register, time = indicator.register_name, context.time
    model = context.definition.supply[indicator.supply]
    supply = context.supply(register, indicator.supply)
    no_rows = context.without_rows(register, indicator.codes, rule=model.reversals)
    missing = context.dispensings(register).quantity_missing
    account = supply.account(context.set_rows(register, *indicator.codes).places)
    answers = _covered(context, indicator)
    values = []
    for last, (covered, observed) in zip(indicator.observe.to_days, answers, strict=True):
        planned_end = Moment(last)
        late = time.incomplete(register, planned_end)
        uncounted = _with_faulty_row(context, indicator, missing, planned_end)
        unserved = _with_faulty_row(context, indicator, supply.unserved, planned_end)
        without_time = somebody(observed <= 0)
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
            point = joined(f"observe_days={last - indicator.observe.from_day}", denominator_words(denominator))
            fraction = PersonValues(
                indicator=indicator,
                parameters=point,
                measure=Measure.FRACTION,
                value=reasons.value_of_counted(covered.astype(np.int64)),
                of=reasons.value_of_counted(observed.astype(np.int64)),
                reason=reasons.reason,
                reasons=reasons.names,
                incomplete=reasons.any_counted(late),
                account=account,
                counted=reasons.counted,
            )
            values.append(fraction)
            for threshold in indicator.threshold:
                reached = reasons.counted_with(at_least(covered, observed, threshold)).astype(np.int64)
                words = joined(point, f"at_least={threshold:g}")
                values.append(replace(fraction, parameters=words, measure=Measure.YES_NO, value=reached, of=None))
    return values


def at_least(covered: Int32s, observed: Int32s, threshold: float) -> Bools:
    """Whether covered / observed >= threshold, in integers: 292 of 365 days is 0.8 exactly."""
    exact = Fraction(str(threshold))
    if int(observed.max(initial=0)) * max(exact.numerator, exact.denominator) <= np.iinfo(np.int32).max:
        return np.asarray(covered * np.int32(exact.denominator) >= observed * np.int32(exact.numerator), np.bool_)
    return np.asarray(covered.astype(np.int64) * exact.denominator >= observed.astype(np.int64) * exact.numerator)


def _covered(context: RunContext, indicator: ProportionOfDaysCovered) -> list[tuple[Int32s, Int32s]]:
    """Days covered and days observed of each person, for each end of observation: one simulation for all of them."""
    register = indicator.register_name
    model = context.definition.supply[indicator.supply]
    stays = hospital_stays(context, model)
    start = context.time.at(Moment(indicator.observe.from_day))
    ends = [context.time.window_end(register, Moment(last)) for last in indicator.observe.to_days]
    observed = [np.maximum(end - start, np.int32(0)) for end in ends]
    picked = context.set_rows(register, *indicator.codes)
    home, covered_any, covered_all = np.empty((3, len(ends), context.persons), np.int32)
    bounds = np.array([validity(context.code_set(name)) for name in indicator.codes], np.int32).reshape(-1, 2)
    cap = indicator.stock_cap_days
    covered_days(
        picked.offsets,
        picked.day,
        context.dispensings(register).atc.code[picked.places],
        _groups_of_code(context, indicator),
        context.supply(register, indicator.supply).supply_64ths[picked.places],
        np.ascontiguousarray(bounds[:, 0]),
        np.ascontiguousarray(bounds[:, 1]),
        stays.offsets,
        stays.admitted,
        stays.discharged,
        start,
        np.concatenate(ends),
        np.zeros(max(int(max(days.max(initial=1) for days in observed)), 1), np.uint8),
        np.zeros(max(int(np.diff(picked.offsets).max(initial=1)), 1), np.uint8),
        home.reshape(-1),
        covered_any.reshape(-1),
        covered_all.reshape(-1),
        lookback_days=indicator.lookback_days,
        stock_cap_64ths=NO_CAP if cap == "none" else cap * DAY,
        carry_over=indicator.carry_over != "none",
        pooled=indicator.carry_over == "pooled",
    )
    covered = covered_all if indicator.combine == "all" else covered_any
    if model.hospital == "credit":
        return [
            (days + all_days - at_home, all_days)
            for days, all_days, at_home in zip(covered, observed, home, strict=True)
        ]
    return list(zip(covered, observed if model.hospital == "shift" else home, strict=True))


def _groups_of_code(context: RunContext, indicator: ProportionOfDaysCovered) -> UInt8s:
    masks = [context.members(indicator.register_name, name) << bit for bit, name in enumerate(indicator.codes)]
    return np.asarray(np.bitwise_or.reduce(np.array(masks, np.uint8), axis=0), np.uint8)


def _with_faulty_row(
    context: RunContext, indicator: ProportionOfDaysCovered, faulty: Bools, planned_end: Moment
) -> Persons:
    """Persons with a faulty row between the start of the lookback and the end of observation."""
    found = np.flatnonzero(faulty)
    if not len(found):
        return None
    rows, time = context.dispensings(indicator.register_name), context.time
    start, end = time.at(Moment(indicator.observe.from_day)), time.window_end(indicator.register_name, planned_end)
    person = rows.person_at(found)
    inside = (rows.day[found] >= start[person] - np.int32(indicator.lookback_days)) & (rows.day[found] < end[person])
    return context.persons_with(indicator.register_name, indicator.codes, found[inside])
