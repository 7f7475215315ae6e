"""Proportion of days covered: share of the observed days on which supply was at hand, with a stock for each drug."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from linkage.indicator_kinds import ProportionOfDaysCovered
from linkage_core.indicators.codes import validity
from linkage_core.indicators.days_of_supply import DAY
from linkage_core.indicators.hospital_stays import HospitalStays, hospital_stays
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.values import NO_ROWS, NO_TIME, Bools, Int32s, Int64s, Measure, PersonValues, UInt8s
from linkage_core.kernels.covered_days import covered_days

NO_CAP = 1 << 60


def evaluate_proportion_of_days_covered(context: RunContext, indicator: ProportionOfDaysCovered) -> list[PersonValues]:
    """For each end of observation and denominator: the fraction, and whether it reaches each threshold."""
    register, follow_up = indicator.register_name, context.follow_up
    model = context.definition.supply[indicator.supply]
    supply = context.supply(register, indicator.supply)
    start = follow_up.from_index(indicator.observe.from_day)
    stays = hospital_stays(context, model)
    has_rows = context.ever(register, indicator.codes, rule=model.reversals)
    missing = context.dispensings(register).quantity_missing
    account = supply.account(context.set_rows(register, *indicator.codes).places)
    values = []
    for last in indicator.observe.to_days:
        planned_end = follow_up.from_index(last)
        end = np.minimum(planned_end, follow_up.exit(register)).astype(np.int32)
        covered, observed = _covered(context, indicator, start=start, end=end, stays=stays)
        late = context.incomplete(register, end=planned_end)
        unserved = _has_faulty(context, indicator, supply.unserved, start=start, end=end)
        uncounted = _has_faulty(context, indicator, missing, start=start, end=end)
        for denominator in indicator.denominator:
            book = context.reasons_at_index()
            book.give("error:packages", uncounted)
            book.give("error:days_supply", unserved)
            book.give(NO_TIME, observed <= 0)
            if alive := context.alive_rule(denominator, end=planned_end, at=str(last)):
                book.give(*alive)
            if context.definition.exits.incomplete == "exclude":
                book.give("excluded:window_incomplete", late)
            counted = book.open_persons
            book.give(NO_ROWS, ~has_rows)
            point = joined(f"observe_days={last - indicator.observe.from_day}", denominator_words(denominator))
            fraction = PersonValues(
                indicator=indicator,
                parameters=point,
                measure=Measure.FRACTION,
                value=np.where(counted, covered, 0),
                of=np.where(counted, observed, 0),
                reason=book.reason,
                reasons=book.names,
                incomplete=bool((late & counted).any()),
                account=account,
            )
            values.append(fraction)
            for threshold in indicator.threshold:
                reached = (counted & at_least(covered, observed, threshold)).astype(np.int64)
                words = joined(point, f"at_least={threshold:g}")
                values.append(replace(fraction, parameters=words, measure=Measure.YES_NO, value=reached, of=None))
    return values


def at_least(covered: Int64s, observed: Int64s, threshold: float) -> Bools:
    """Whether covered / observed >= threshold, in integers: 292 of 365 days is 0.8 exactly."""
    exact = Fraction(str(threshold))
    return np.asarray(covered * exact.denominator >= observed * exact.numerator, np.bool_)


def _covered(
    context: RunContext, indicator: ProportionOfDaysCovered, *, start: Int32s, end: Int32s, stays: HospitalStays
) -> tuple[Int64s, Int64s]:
    rows = context.dispensings(indicator.register_name)
    picked = context.set_rows(indicator.register_name, *indicator.codes)
    home = np.zeros(context.persons, np.int32)
    covered_any, covered_all = np.zeros_like(home), np.zeros_like(home)
    bounds = np.array([validity(context.code_set(name)) for name in indicator.codes], np.int32).reshape(-1, 2)
    observed = np.maximum(end.astype(np.int64) - start, 0)
    cap = indicator.stock_cap_days
    covered_days(
        picked.offsets,
        picked.day,
        rows.atc.code[picked.places],
        _groups_of_code(context, indicator),
        context.supply(indicator.register_name, indicator.supply).supply_64ths[picked.places],
        np.ascontiguousarray(bounds[:, 0]),
        np.ascontiguousarray(bounds[:, 1]),
        stays.offsets,
        stays.admitted,
        stays.discharged,
        start,
        end,
        np.zeros(max(int(observed.max(initial=1)), 1), np.uint8),
        np.zeros(max(int(np.diff(picked.offsets).max(initial=1)), 1), np.uint8),
        home,
        covered_any,
        covered_all,
        lookback_days=indicator.lookback_days,
        stock_cap_64ths=NO_CAP if cap == "none" else cap * DAY,
        carry_over=indicator.carry_over != "none",
        pooled=indicator.carry_over == "pooled",
    )
    covered = (covered_all if indicator.combine == "all" else covered_any).astype(np.int64)
    mode = context.definition.supply[indicator.supply].hospital
    if mode == "credit":
        return covered + observed - home, observed
    return covered, observed if mode == "shift" else home.astype(np.int64)


def _groups_of_code(context: RunContext, indicator: ProportionOfDaysCovered) -> UInt8s:
    masks = [context.members(indicator.register_name, name) << bit for bit, name in enumerate(indicator.codes)]
    return np.asarray(np.bitwise_or.reduce(np.array(masks, np.uint8), axis=0), np.uint8)


def _has_faulty(
    context: RunContext, indicator: ProportionOfDaysCovered, faulty: Bools, *, start: Int32s, end: Int32s
) -> Bools:
    """Persons with a faulty row between the start of the lookback and the end of observation."""
    rows = context.dispensings(indicator.register_name)
    found = np.flatnonzero(faulty)
    person = rows.person_of_row[found]
    inside = (rows.day[found] >= start[person] - np.int32(indicator.lookback_days)) & (rows.day[found] < end[person])
    looked_at = np.zeros(rows.rows, np.bool_)
    looked_at[found[inside]] = True
    return context.has_faulty_row(indicator.register_name, indicator.codes, looked_at)
