"""Number of distinct drugs on a day after the index day, and polypharmacy as a threshold of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from linkage.indicator_kinds import DrugsAtDate, Reversals
from linkage_core.indicators.days_of_supply import DAY
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.values import NO_ROWS, NO_TIME, Bools, Int32s, Measure, PersonValues
from linkage_core.kernels.drugs_at_date import drugs_at_date


def evaluate_drugs_at_date(context: RunContext, indicator: DrugsAtDate) -> list[PersonValues]:
    """For each day, rule and denominator: the number of drugs, and whether it reaches each threshold."""
    register, follow_up = indicator.register_name, context.follow_up
    rows = context.dispensings(register)
    has_rows = context.ever(register, [indicator.codes], rule=_rule(context, indicator))
    drug_of_code = _drug_of_code(context, indicator)
    # With the denominator `all` the dead stay in with what they had; who emigrated is not observed either way.
    exit_day = follow_up.exit(register, death_ends=False)
    values = []
    for day in indicator.at_day:
        at_day = follow_up.from_index(day)
        late = context.incomplete(register, end=at_day + np.int32(1))
        for words, lasts, faulty in _rules(context, indicator):
            drugs = np.zeros(context.persons, np.int32)
            seen = np.zeros(rows.longest, np.int32)
            drugs_at_date(rows.offsets, rows.day, rows.atc.code, lasts, drug_of_code, at_day, seen, drugs)
            wrong = context.has_faulty_row(register, [indicator.codes], faulty & _may_reach(context, indicator, at_day))
            for denominator in indicator.denominator:
                book = context.reasons_at_index()
                book.give("error:days_supply" if indicator.rule == "supply" else "error:packages", wrong)
                if alive := context.alive_rule(denominator, end=at_day + np.int32(1), at=str(day)):
                    book.give(*alive)
                book.give(NO_TIME, exit_day <= at_day)
                counted = book.open_persons
                book.give(NO_ROWS, ~has_rows)
                number = PersonValues(
                    indicator=indicator,
                    parameters=joined(f"at_day={day}", words, denominator_words(denominator)),
                    measure=Measure.AMOUNT,
                    value=np.where(counted, drugs, 0).astype(np.int64),
                    reason=book.reason,
                    reasons=book.names,
                    contributes=counted & (drugs > 0),
                    incomplete=bool((late & counted).any()),
                )
                values.append(number)
                for least in indicator.at_least:
                    reached = (number.value >= least).astype(np.int64)
                    point = joined(number.parameters, f"at_least={least}")
                    values.append(
                        replace(number, parameters=point, measure=Measure.YES_NO, value=reached, contributes=None)
                    )
    return values


def _rule(context: RunContext, indicator: DrugsAtDate) -> Reversals:
    return context.definition.supply[indicator.supply].reversals if indicator.supply else indicator.reversals


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


def _may_reach(context: RunContext, indicator: DrugsAtDate, at_day: Int32s) -> Bools:
    """Rows that lie so near before the day that they might count."""
    rows = context.dispensings(indicator.register_name)
    longest = (
        context.definition.supply[indicator.supply].cap_days
        if indicator.supply
        else max(indicator.dispensed_within_days, default=0)
    )
    on_day = at_day[rows.person_of_row]
    return np.asarray((rows.day <= on_day) & (rows.day > on_day - np.int32(longest)), np.bool_)


def _drug_of_code(context: RunContext, indicator: DrugsAtDate) -> Int32s:
    names = context.dispensings(indicator.register_name).atc.names
    member = context.members(indicator.register_name, indicator.codes)
    drugs: dict[str, int] = {}
    numbers = [
        drugs.setdefault(name[: indicator.code_length], len(drugs)) if member[position] else -1
        for position, name in enumerate(names)
    ]
    return np.array(numbers or [-1], np.int32)
