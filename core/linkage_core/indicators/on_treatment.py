"""On treatment some months after the index day."""

from __future__ import annotations

import numpy as np

from linkage.indicator_kinds import OnTreatment
from linkage_core.indicators.faulty_rows import persons_with_faulty
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.on_day import AskedDay, OnDay, covered_on, value_on
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.spans import on_treatment_question
from linkage_core.indicators.values import PersonValues


def evaluate_on_treatment(context: RunContext, indicator: OnTreatment) -> list[PersonValues]:
    """For each month, rule and denominator: who is on treatment."""
    by_rule = [_covered(context, indicator) if rule == "covered" else _dispensed(context, indicator) for rule in
               indicator.rule]  # fmt: skip
    return [
        value_on(context, indicator, one, denominator)
        for of_month in zip(*by_rule, strict=True)
        for one in of_month
        for denominator in indicator.denominator
    ]


def _words(indicator: OnTreatment, month: int, rule: str) -> str:
    return f"month={month};at_day={indicator.day_of(month)};{rule}"


def _covered(context: RunContext, indicator: OnTreatment) -> list[OnDay]:
    return covered_on(
        context,
        indicator,
        [
            AskedDay(_words(indicator, month, "rule=covered"), str(day), Moment(day))
            for month, day in zip(indicator.month, map(indicator.day_of, indicator.month), strict=True)
        ],
    )


def _dispensed(context: RunContext, indicator: OnTreatment) -> list[OnDay]:
    return [_dispensed_before(context, indicator, month) for month in indicator.month]


def _dispensed_before(context: RunContext, indicator: OnTreatment, month: int) -> OnDay:
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
