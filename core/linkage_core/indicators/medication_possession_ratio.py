"""The medication possession ratio: days of supply dispensed in the observation over its days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import Denominator, MedicationPossessionRatio
from linkage_core.indicators.codes import validity
from linkage_core.indicators.days_of_supply import DAY
from linkage_core.indicators.faulty_rows import persons_with_faulty
from linkage_core.indicators.first_rows import first_days
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.person_sums import sums_in_windows
from linkage_core.indicators.proportion_of_days_covered import at_least
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.set_supply import supply_of_sets
from linkage_core.indicators.values import NO_TIME, Int32s, Int64s, Measure, PersonValues, Threshold
from linkage_core.indicators.window_sums import Windows
from linkage_core.indicators.yes_no import yes_no

RATIO_SCALE = 1_000_000
"""Units per whole of a ratio."""


@dataclass(frozen=True, slots=True)
class _Possession:
    """Supply of the rows of one observation, and its days.

    Args:
        last: end of the observation, in days after the index day.
        supply, days: int64, one a person, in 1/64 days.
        rules: who cannot be judged.
    """

    last: int
    supply: Int64s
    days: Int64s
    rules: list[tuple[str, Persons]]


def evaluate_medication_possession_ratio(
    context: RunContext, indicator: MedicationPossessionRatio
) -> list[PersonValues]:
    """For each end of observation and denominator: the ratio, and whether it reaches each threshold."""
    found = _possessions(context, indicator)
    return [
        value
        for one in found
        for denominator in indicator.denominator
        for value in _values(context, indicator, one, denominator)
    ]


def _possessions(context: RunContext, indicator: MedicationPossessionRatio) -> list[_Possession]:
    register, time, observe = indicator.register_name, context.time, indicator.observe
    supply = context.supply(register, indicator.supply_model, *indicator.codes)
    ends = [time.window_end(register, Moment(last)) for last in observe.to_days]
    start = time.at(Moment(observe.from_day))
    windows = Windows(len(ends), validity(None), np.stack(ends), start=start)
    sums = _supplied(context, indicator, windows)
    missing = context.dispensings(register).without_quantity
    found = []
    for last, end, supplied in zip(observe.to_days, ends, sums, strict=True):
        begins, not_begun = _begins(context, indicator, start, end)
        rules = [
            (name, persons_with_faulty(context, register, indicator.codes, places, first=start, after=end))
            for name, places in (("error:packages", missing), ("error:days_supply", supply.unserved_at))
        ]
        rules += [(NO_TIME, somebody(np.asarray(end <= start, np.bool_))), *not_begun]
        days = np.maximum(end.astype(np.int64) - begins, 0)
        found.append(_Possession(last, supplied, days * DAY, rules))
    return found


def _supplied(context: RunContext, indicator: MedicationPossessionRatio, windows: Windows) -> Int64s:
    """int64, windows x persons, in 1/64 days: for the models of all points of a grid rows are gone through once."""
    register = indicator.register_name
    points = [
        one for one in context.indicators if one.id == indicator.id and isinstance(one, MedicationPossessionRatio)
    ]
    models = [*dict.fromkeys(one.supply_model for one in points)]

    def sums() -> Int64s:
        picked = context.set_rows(register, *indicator.codes)
        weights = [(supply_of_sets(context, register, indicator.codes, name), None, False) for name in models]
        return sums_in_windows(picked, weights, windows).of_persons

    found: Int64s = context.remember(("supplied", indicator.id), sums)[models.index(indicator.supply_model)]
    return found


def _begins(
    context: RunContext, indicator: MedicationPossessionRatio, start: Int32s, end: Int32s
) -> tuple[Int32s, list[tuple[str, Persons]]]:
    """The day from which days are counted, and who has none."""
    if indicator.start == "index_date":
        return start, []
    rule = context.definition.supply[indicator.supply_model].reversals
    first = first_days(context, indicator.register_name, indicator.codes, rule, start=start, end=end)
    return first, [("excluded:not_started", somebody(np.asarray(first >= FAR, np.bool_)))]


def _values(
    context: RunContext, indicator: MedicationPossessionRatio, one: _Possession, denominator: Denominator
) -> Iterator[PersonValues]:
    register, time = indicator.register_name, context.time
    model = context.definition.supply[indicator.supply_model]
    late = time.incomplete(register, Moment(one.last))
    rules = [
        ("error:index_date", time.without_index()),
        *one.rules,
        *time.alive_rule(denominator, Moment(one.last), at=str(one.last)),
        *context.excluded_as_incomplete(late),
    ]
    no_rows = context.without_rows(register, indicator.codes, rule=model.reversals)
    reasons = context.reasons.settle(rules, no_rows=no_rows)
    account = context.supply(register, indicator.supply_model, *indicator.codes).account
    supply = np.minimum(one.supply, one.days) if indicator.cap_at_1 else one.supply
    ratio = np.divide(supply, one.days, out=np.zeros(context.persons), where=reasons.counted & (one.days > 0))
    point = joined(f"observe_days={one.last - indicator.observe.from_day}", denominator_words(denominator))
    yield PersonValues(
        indicator=indicator,
        parameters=point,
        measure=Measure.AMOUNT,
        value=np.floor(ratio * RATIO_SCALE + 0.5).astype(np.int64),
        scale=RATIO_SCALE,
        number=ratio,
        reason=reasons.reason,
        reasons=reasons.names,
        contributes=ratio > 0,
        incomplete=reasons.any_counted(late),
        account=account,
        counted=reasons.counted,
    )
    for threshold in indicator.threshold:
        reached = at_least(supply, one.days, threshold)
        words = joined(point, f"at_least={threshold:g}")
        yield yes_no(indicator, words, reached, reasons, late=late, account=account, threshold=Threshold(point))
