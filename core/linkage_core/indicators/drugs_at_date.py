"""Distinct drugs on days: how many, or what they weigh, and whether that reaches thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

import numpy as np

from linkage.indicator_kinds import Denominator, DrugBurden, DrugsAtDate
from linkage.indicator_kinds.concurrent import WEIGHT_SCALE
from linkage_core.indicators.drugs_held import Held, drug_of_rows, rules_held
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.periods import periods
from linkage_core.indicators.reasons import Persons
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.spans import reversals_of
from linkage_core.indicators.values import NO_TIME, Int32s, Int64s, Measure, Period, PersonValues
from linkage_core.kernels.drugs_at_date import drugs_at_date


@dataclass(frozen=True, slots=True)
class _Day:
    """One day of each person; `at` is the N of `alive_at_N`."""

    words: str
    at: str
    moment: Moment
    period: Period | None

    @property
    def after(self) -> Moment:
        """The day after it."""
        return replace(self.moment, day=self.moment.day + 1)


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
    codes = context.dispensings(indicator.register_name).atc
    weight = np.zeros(max(len(codes.names), 1), np.int64)
    for one in indicator.weights:
        member = context.members(indicator.register_name, one.codes)
        np.maximum(weight, np.where(member, round(one.weight * WEIGHT_SCALE), 0), out=weight)
    number = np.where(weight > 0, np.arange(len(weight), dtype=np.int32), np.int32(-1))
    # A row without a code has -1: it finds the number that is put last.
    of_row = np.append(number, np.int32(-1))[codes.code]
    return _weighed(context, indicator, _Drugs([one.codes for one in indicator.weights], of_row, weight, WEIGHT_SCALE))


def _weighed(context: RunContext, indicator: DrugsAtDate | DrugBurden, drugs: _Drugs) -> list[PersonValues]:
    days = list(_days(indicator))
    return [
        value
        for held in rules_held(context, indicator, drugs.names)
        for day, total in zip(days, _totals(context, indicator, drugs, held, days), strict=True)
        for denominator in indicator.denominator
        for value in _values(context, indicator, drugs, held=held, day=day, total=total, denominator=denominator)
    ]


def _days(indicator: DrugsAtDate | DrugBurden) -> Iterator[_Day]:
    for day in indicator.at_day:
        yield _Day(f"at_day={day}", str(day), Moment(day), None)
    for period, _, after in periods(indicator.calendar) if indicator.calendar else ():
        yield _Day("", period.label, Moment(after - 1, of_index=False), period)


def _totals(
    context: RunContext, indicator: DrugsAtDate | DrugBurden, drugs: _Drugs, held: Held, days: Sequence[_Day]
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
    day: _Day,
    total: Int64s,
    denominator: Denominator,
) -> Iterator[PersonValues]:
    register, time = indicator.register_name, context.time
    late = time.incomplete(register, day.after)
    rules = [
        *([("error:index_date", time.without_index())] if day.period is None else []),
        (held.fault, _who_cannot_be_judged(context, indicator, drugs, held, day)),
        *time.alive_rule(denominator, day.after, at=day.at),
        # With the denominator `all` the dead stay in with what they had; who emigrated is not observed.
        (NO_TIME, time.without_time(register, day.moment, death_ends=False)),
        *context.excluded_as_incomplete(late),
    ]
    no_rows = context.without_rows(register, drugs.names, rule=reversals_of(context.definition, indicator))
    reasons = context.reasons.settle(rules, no_rows=no_rows)
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
        point = joined(number.parameters, f"at_least={least:g}")
        yield replace(number, parameters=point, measure=Measure.YES_NO, value=reached, contributes=None, scale=1)


def _who_cannot_be_judged(
    context: RunContext, indicator: DrugsAtDate | DrugBurden, drugs: _Drugs, held: Held, day: _Day
) -> Persons:
    """Persons with a faulty row that lies so near before the day that it might count."""
    rows = context.dispensings(indicator.register_name)
    found = np.flatnonzero(held.faulty)
    on_day = context.time.at(day.moment)[rows.person_at(found)]
    near = (rows.day[found] <= on_day) & (rows.day[found] > on_day - np.int32(held.longest))
    return context.persons_with(indicator.register_name, drugs.names, found[near])
