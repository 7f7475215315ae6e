"""Distinct drugs on days: how many, or what they weigh, and whether that reaches thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

import numpy as np

from linkage.indicator_kinds import DrugBurden, DrugsAtDate
from linkage.indicator_kinds.concurrent import WEIGHT_SCALE
from linkage_core.indicators.days_read import DayRead, days_read
from linkage_core.indicators.days_together import drugs_in, whole_drugs
from linkage_core.indicators.drugs_held import Held, drug_of_rows, on_days_in_force, rules_held
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.values import Int32s, Int64s, Measure, PersonValues, Threshold
from linkage_core.kernels.drugs_at_date import drugs_at_date


@dataclass(frozen=True, slots=True)
class _Drugs:
    """Which drug each row is, and what a drug weighs.

    Args:
        names: code sets that hold the drugs; [None] for all.
        of_row: int32, one a row: number of the drug, -1 for none that counts.
        weight: int64, one a drug, in units of 1 / scale.
    """

    names: Sequence[str | None]
    of_row: Int32s
    weight: Int64s
    scale: int


def evaluate_drugs_at_date(context: RunContext, indicator: DrugsAtDate) -> list[PersonValues]:
    """For each rule, day and denominator: the number of drugs, and whether it reaches each threshold."""
    of_row, drugs = drug_of_rows(context, indicator)
    return _weighed(context, indicator, _Drugs([indicator.codes], of_row, np.ones(drugs, np.int64), 1))


def evaluate_drug_burden(context: RunContext, indicator: DrugBurden) -> list[PersonValues]:
    """For each rule, day and denominator: the sum of the drugs' weights, and whether it reaches each threshold."""
    register, names = indicator.register_name, [one.codes for one in indicator.weights]
    rows = context.dispensings(register)
    number, drugs = whole_drugs(rows)
    weight = np.zeros(max(drugs, 1), np.int64)
    for one in indicator.weights:
        own = drugs_in(context.members(register, one.codes), number)
        weight[own] = np.maximum(weight[own], round(one.weight * WEIGHT_SCALE))
    # A row without a code has -1 and finds the last number, which is none.
    of_row = on_days_in_force(context, register, names, number[rows.atc.code])
    return _weighed(context, indicator, _Drugs(names, of_row, weight, WEIGHT_SCALE))


def _weighed(context: RunContext, indicator: DrugsAtDate | DrugBurden, drugs: _Drugs) -> list[PersonValues]:
    days = list(days_read(indicator))
    return [
        value
        for held in rules_held(context, indicator, drugs.names)
        for day, total in zip(days, _totals(context, indicator, drugs, held, days), strict=True)
        for value in _values(context, indicator, drugs, held=held, day=day, total=total)
    ]


def _totals(
    context: RunContext, indicator: DrugsAtDate | DrugBurden, drugs: _Drugs, held: Held, days: Sequence[DayRead]
) -> Int64s:
    rows = context.dispensings(indicator.register_name)
    at_day = np.stack([context.time.at(day.moment) for day in days])
    total = np.zeros(at_day.shape, np.int64)
    seen = np.zeros(rows.longest, np.int32)
    drugs_at_date(rows.offsets, rows.day, drugs.of_row, held.lasts_64ths, drugs.weight, at_day, seen, total)
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
