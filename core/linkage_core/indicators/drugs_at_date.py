"""Number of distinct drugs on a day after the index day, and polypharmacy as a threshold of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from linkage.indicator_kinds import DrugsAtDate
from linkage_core.indicators.days_of_supply import DAY
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.reasons import Persons
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.spans import reversals_of
from linkage_core.indicators.values import NO_TIME, Bools, Int32s, Int64s, Measure, PersonValues
from linkage_core.kernels.drugs_at_date import drugs_at_date


def evaluate_drugs_at_date(context: RunContext, indicator: DrugsAtDate) -> list[PersonValues]:
    """For each day, rule and denominator: the number of drugs, and whether it reaches each threshold."""
    register, time = indicator.register_name, context.time
    no_rows = context.without_rows(register, [indicator.codes], rule=reversals_of(context.definition, indicator))
    values = []
    for day in indicator.at_day:
        after = Moment(day + 1)
        late = time.incomplete(register, after)
        for words, lasts, faulty in _rules(context, indicator):
            drugs = _drugs(context, indicator, lasts, day)
            wrong = _who_cannot_be_judged(context, indicator, faulty, day)
            for denominator in indicator.denominator:
                rules = [
                    ("error:index_date", time.without_index()),
                    ("error:days_supply" if indicator.rule == "supply" else "error:packages", wrong),
                    *time.alive_rule(denominator, after, at=str(day)),
                    # With the denominator `all` the dead stay in with what they had; who emigrated is not observed.
                    (NO_TIME, time.without_time(register, Moment(day), death_ends=False)),
                ]
                reasons = context.reasons.settle(rules, no_rows=no_rows)
                number = PersonValues(
                    indicator=indicator,
                    parameters=joined(f"at_day={day}", words, denominator_words(denominator)),
                    measure=Measure.AMOUNT,
                    value=reasons.value_of_counted(drugs),
                    reason=reasons.reason,
                    reasons=reasons.names,
                    contributes=reasons.counted_with(drugs > 0),
                    incomplete=reasons.any_counted(late),
                    counted=reasons.counted,
                )
                values.append(number)
                for least in indicator.at_least:
                    reached = (number.value >= least).view(np.uint8)
                    point = joined(number.parameters, f"at_least={least}")
                    values.append(
                        replace(number, parameters=point, measure=Measure.YES_NO, value=reached, contributes=None)
                    )
    return values


def _drugs(context: RunContext, indicator: DrugsAtDate, lasts: Int32s, day: int) -> Int64s:
    rows = context.dispensings(indicator.register_name)
    of_code = rows.atc.facts.drugs(context.code_set(indicator.codes), indicator.code_length)
    drugs, seen = np.zeros(context.persons, np.int32), np.zeros(rows.longest, np.int32)
    drugs_at_date(rows.offsets, rows.day, rows.atc.code, lasts, of_code, context.time.at(Moment(day)), seen, drugs)
    return drugs.astype(np.int64)


def _rules(context: RunContext, indicator: DrugsAtDate) -> Iterator[tuple[str, Int32s, Bools]]:
    """Words, 1/64 days for which each row counts, and rows that cannot be judged."""
    register = indicator.register_name
    if indicator.rule == "supply" and indicator.supply is not None:
        supply = context.supply(register, indicator.supply)
        yield "rule=supply", supply.supply_64ths, supply.unserved
        return
    left = context.netted(register, indicator.reversals).left
    missing = context.dispensings(register).quantity_missing
    for days in indicator.dispensed_within_days:
        yield f"dispensed_within_days={days}", np.where(left > 0, days * DAY, 0).astype(np.int32), missing


def _who_cannot_be_judged(context: RunContext, indicator: DrugsAtDate, faulty: Bools, day: int) -> Persons:
    """Persons with a faulty row that lies so near before the day that it might count."""
    rows = context.dispensings(indicator.register_name)
    longest = (
        context.definition.supply[indicator.supply].cap_days
        if indicator.supply
        else max(indicator.dispensed_within_days, default=0)
    )
    found = np.flatnonzero(faulty)
    on_day = context.time.at(Moment(day))[rows.person_at(found)]
    near = (rows.day[found] <= on_day) & (rows.day[found] > on_day - np.int32(longest))
    return context.persons_with(indicator.register_name, [indicator.codes], found[near])
