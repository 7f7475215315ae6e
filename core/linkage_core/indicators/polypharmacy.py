"""Number of distinct drugs over an observation: their mean, and the share of days with so many or more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import Polypharmacy
from linkage_core.indicators.days_of_supply import DAY
from linkage_core.indicators.days_together import NO_CAP, Conditions, Supply, in_lists
from linkage_core.indicators.drugs_held import Held, drug_of_rows, number_of_drugs, rules_held
from linkage_core.indicators.faulty_rows import persons_with_faulty
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.proportion_of_days_covered import at_least
from linkage_core.indicators.reasons import Persons, Reasons, somebody
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.spans import reversals_of
from linkage_core.indicators.values import NO_TIME, Int32s, Int64s, Measure, PersonValues, Threshold
from linkage_core.indicators.yes_no import yes_no

MEAN_SCALE = 1_000_000
"""Units per drug of a mean number of drugs."""


@dataclass(frozen=True, slots=True)
class _Counted:
    """One rule up to one end of observation.

    Args:
        end: int32, one a person: end of her observation; `days`: int32: how many days it has, 0 or less for none.
        drug_days: int64, one a person: days of each drug, added up.
        days_with: int32, thresholds x persons: days with so many drugs or more.
    """

    held: Held
    last: int
    end: Int32s
    days: Int32s
    drug_days: Int64s
    days_with: Int32s


def evaluate_polypharmacy(context: RunContext, indicator: Polypharmacy) -> list[PersonValues]:
    """For each rule, end of observation and denominator: the mean, and for each threshold its share of days."""
    return [
        value
        for held in rules_held(context, indicator, [indicator.codes])
        for counted in _counted(context, indicator, held)
        for value in _values(context, indicator, counted)
    ]


def _counted(context: RunContext, indicator: Polypharmacy, held: Held) -> Iterator[_Counted]:
    register, observe = indicator.register_name, indicator.observe
    picked = context.set_rows(register, indicator.codes)
    drugs = number_of_drugs(context, indicator)
    places = np.arange(len(indicator.at_least), dtype=np.int32)
    one_counter = in_lists(np.arange(drugs), np.zeros(drugs, np.int64), lists=drugs)
    conditions = Conditions(one_counter, [[(0, least)] for least in indicator.at_least], places, len(places))
    # A day that supply covers in part is a day with the drug, as it is for the drugs of a single day.
    lasting = ((held.lasts_64ths(picked) + (DAY - 1)) // DAY * DAY).astype(np.int32)
    of_row = drug_of_rows(context, indicator, picked).of_row
    supply = Supply(picked, of_row, lasting, held.longest, NO_CAP, carry_over=False)
    start = context.time.at(Moment(observe.from_day))
    last_days = sorted(observe.to_days)
    end = np.stack([context.time.window_end(register, Moment(last)) for last in last_days])
    together, drug_days = supply.with_drug_days(conditions, start=start, end=end)
    answers = zip(last_days, end, drug_days, together, strict=True)
    found = {
        last: _Counted(held, last, until, until - start, days, with_many) for last, until, days, with_many in answers
    }
    return (found[last] for last in observe.to_days)


def _values(context: RunContext, indicator: Polypharmacy, counted: _Counted) -> Iterator[PersonValues]:
    register, time, planned_end = indicator.register_name, context.time, Moment(counted.last)
    late = time.incomplete(register, planned_end)
    start = time.at(Moment(indicator.observe.from_day))
    first = start - np.int32(counted.held.longest - 1)
    faulty = counted.held.faulty
    wrong = persons_with_faulty(context, register, [indicator.codes], faulty, first=first, after=counted.end)
    no_rows = context.without_rows(register, [indicator.codes], rule=reversals_of(context.definition, indicator))
    for denominator in indicator.denominator:
        rules = [
            ("error:index_date", time.without_index()),
            (counted.held.fault, wrong),
            (NO_TIME, somebody(counted.days <= 0)),
            *time.alive_rule(denominator, planned_end, at=str(counted.last)),
            *context.excluded_as_incomplete(late),
        ]
        reasons = context.reasons.settle(rules, no_rows=no_rows)
        words = joined(
            f"observe_days={counted.last - indicator.observe.from_day}",
            counted.held.words,
            denominator_words(denominator),
        )
        if "mean_drugs" in indicator.measure:
            yield _mean(indicator, counted, reasons, words, late=late)
        if "share_of_days" in indicator.measure:
            yield from _shares(indicator, counted, reasons, words, late=late)


def _mean(indicator: Polypharmacy, counted: _Counted, reasons: Reasons, words: str, *, late: Persons) -> PersonValues:
    drug_days = reasons.value_of_counted(counted.drug_days)
    days = np.maximum(counted.days, 1)
    return PersonValues(
        indicator=indicator,
        parameters=joined(words, "measure=mean_drugs"),
        measure=Measure.AMOUNT,
        # Rounded half up, in whole numbers.
        value=(2 * drug_days * MEAN_SCALE + days) // (2 * days),
        number=drug_days / days,
        scale=MEAN_SCALE,
        reason=reasons.reason,
        reasons=reasons.names,
        contributes=drug_days > 0,
        incomplete=reasons.any_counted(late),
        account=counted.held.account,
        counted=reasons.counted,
    )


def _shares(
    indicator: Polypharmacy, counted: _Counted, reasons: Reasons, words: str, *, late: Persons
) -> Iterator[PersonValues]:
    for least, days in zip(indicator.at_least, counted.days_with, strict=True):
        point = joined(words, f"measure=share_of_days;drugs={least}")
        yield PersonValues(
            indicator=indicator,
            parameters=point,
            measure=Measure.FRACTION,
            value=reasons.value_of_counted(days),
            of=reasons.value_of_counted(counted.days),
            reason=reasons.reason,
            reasons=reasons.names,
            incomplete=reasons.any_counted(late),
            account=counted.held.account,
            counted=reasons.counted,
        )
        for threshold in indicator.threshold:
            reached = at_least(days, counted.days, threshold)
            parameters = joined(point, f"at_least={threshold:g}")
            account = counted.held.account
            yield yes_no(
                indicator, parameters, reached, reasons, late=late, account=account, threshold=Threshold(point)
            )
