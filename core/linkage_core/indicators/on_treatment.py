"""On treatment some months after the index day."""

from __future__ import annotations

import numpy as np

from linkage.indicator_kinds import OnTreatment
from linkage_core.indicators.faulty_rows import persons_with_faulty
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.on_day import OnDay, covered_on, value_on
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.spans import on_treatment_question
from linkage_core.indicators.values import PersonValues


def evaluate_on_treatment(context: RunContext, indicator: OnTreatment) -> list[PersonValues]:
    """For each month, rule and denominator: who is on treatment."""
    found = [
        _covered(context, indicator, month) if rule == "covered" else _dispensed(context, indicator, month)
        for month in indicator.month
        for rule in indicator.rule
    ]
    return [value_on(context, indicator, one, denominator) for one in found for denominator in indicator.denominator]


def _words(indicator: OnTreatment, month: int, rule: str) -> str:
    return f"month={month};at_day={indicator.day_of(month)};{rule}"


def _covered(context: RunContext, indicator: OnTreatment, month: int) -> OnDay:
    words, at = _words(indicator, month, "rule=covered"), str(indicator.day_of(month))
    return covered_on(context, indicator, Moment(indicator.day_of(month)), words=words, at=at)


def _dispensed(context: RunContext, indicator: OnTreatment, month: int) -> OnDay:
    register, rule, day = indicator.register_name, indicator.reversals, indicator.day_of(month)
    first, after = context.time.at(Moment(day - indicator.days_before)), context.time.at(Moment(day + 1))
    faulty = context.dispensings(register).without_quantity
    return OnDay(
        words=_words(indicator, month, f"dispensed_days_before={indicator.days_before}"),
        at=str(day),
        day=Moment(day),
        period=None,
        yes=context.dispensed(register, rule, on_treatment_question(indicator, month)).view(np.bool_),
        rules=[
            (
                "error:packages",
                persons_with_faulty(context, register, indicator.codes, faulty, first=first, after=after),
            )
        ],
        no_rows=context.without_rows(register, indicator.codes, rule=rule),
        account=context.netting_account(register, rule, indicator.codes),
    )
