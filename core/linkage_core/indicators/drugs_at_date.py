"""Distinct drugs on days: how many, or what they weigh, and whether that reaches thresholds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from math import ceil

import numpy as np

from linkage.indicator_kinds import DrugBurden, DrugsAtDate
from linkage.indicator_kinds.concurrent import WEIGHT_SCALE
from linkage_core.indicators.days_read import DayRead, days_read
from linkage_core.indicators.days_together import drugs_in, whole_drugs
from linkage_core.indicators.drugs_held import (
    DrugNumbers,
    Held,
    drug_of_rows,
    drugs_in_force,
    number_of_drugs,
    rules_held,
)
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.set_rows import SetRows
from linkage_core.indicators.values import Int64s, Measure, PersonValues, Threshold
from linkage_core.kernels.drugs_at_date import drugs_at_date


@dataclass(frozen=True, slots=True)
class _Drugs:
    """What a drug weighs.

    Args:
        names: code sets that hold the drugs; [None] for all.
        weight: int64, one a drug, in units of 1 / scale.
        of_rows: tells the drugs of picked rows.
    """

    names: Sequence[str | None]
    weight: Int64s
    scale: int
    of_rows: Callable[[SetRows], DrugNumbers]


def evaluate_drugs_at_date(context: RunContext, indicator: DrugsAtDate) -> list[PersonValues]:
    """For each rule, day and denominator: the number of drugs, and whether it reaches each threshold."""
    weight = np.ones(number_of_drugs(context, indicator), np.int64)
    of_rows = partial(drug_of_rows, context, indicator)
    return _weighed(context, indicator, _Drugs([indicator.codes], weight, 1, of_rows))


def evaluate_drug_burden(context: RunContext, indicator: DrugBurden) -> list[PersonValues]:
    """For each rule, day and denominator: the sum of the drugs' weights, and whether it reaches each threshold."""
    register, names = indicator.register_name, [one.codes for one in indicator.weights]
    number, drugs = whole_drugs(context.dispensings(register))
    weight = np.zeros(max(drugs, 1), np.int64)
    for one in indicator.weights:
        own = drugs_in(context.members(register, one.codes), number)
        weight[own] = np.maximum(weight[own], round(one.weight * WEIGHT_SCALE))
    # A row without a code has -1 and finds the last number, which is none.
    of_rows = partial(drugs_in_force, context, register, names, number)
    return _weighed(context, indicator, _Drugs(names, weight, WEIGHT_SCALE, of_rows))


def _weighed(context: RunContext, indicator: DrugsAtDate | DrugBurden, drugs: _Drugs) -> list[PersonValues]:
    days = list(days_read(indicator))
    return [
        value
        for held in rules_held(context, indicator, drugs.names)
        for day, total in zip(days, _totals(context, drugs, held, days), strict=True)
        for value in _values(context, indicator, drugs, held=held, day=day, total=total)
    ]


def _totals(context: RunContext, drugs: _Drugs, held: Held, days: Sequence[DayRead]) -> Int64s:
    at_day = np.stack([context.time.at(day.moment) for day in days])
    total = np.zeros(at_day.shape, np.int64)
    of_rows = drugs.of_rows(held.picked)
    drugs_at_date(
        held.picked.offsets,
        held.picked.day,
        of_rows.number,
        of_rows.of_code,
        held.given,
        drugs.weight,
        at_day,
        np.empty(max(len(drugs.weight), 1), np.int32),
        total,
        fixed_64ths=held.fixed_64ths,
    )
    return total


def _values(
    context: RunContext,
    indicator: DrugsAtDate | DrugBurden,
    drugs: _Drugs,
    *,
    held: Held,
    day: DayRead,
    total: Int64s,
) -> Iterator[PersonValues]:
    faults = [day.with_faulty_row(context, indicator, drugs.names, held)]
    late = day.late(context, indicator.register_name)
    reaches = "burden_at_least" if isinstance(indicator, DrugBurden) else "at_least"
    for denominator in indicator.denominator:
        reasons = day.reasons(context, indicator, drugs.names, denominator, faults=faults)
        number = PersonValues(
            indicator=indicator,
            parameters=joined(day.words, held.words, denominator_words(denominator)),
            measure=Measure.AMOUNT,
            value=reasons.value_of_counted(total),
            reason=reasons.reason,
            reasons=reasons.names,
            scale=drugs.scale,
            contributes=reasons.counted_with(total > 0),
            period=day.period,
            incomplete=reasons.any_counted(late),
            account=held.account,
            counted=reasons.counted,
        )
        yield number
        for least in indicator.at_least:
            reached = (number.value >= ceil(Fraction(str(least)) * drugs.scale)).view(np.uint8)
            point = joined(number.parameters, f"{reaches}={least:g}")
            yield replace(
                number,
                parameters=point,
                measure=Measure.YES_NO,
                value=reached,
                contributes=None,
                scale=1,
                threshold=Threshold(number.parameters, 0 if isinstance(indicator, DrugBurden) else int(least)),
            )
