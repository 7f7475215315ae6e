"""Drug use periods in a window after the index day: how many, days in use, and who is in use on a day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from linkage.indicator_kinds import DrugUsePeriods
from linkage_core.indicators.drug_use import drug_use
from linkage_core.indicators.listed_drug_use import DrugUse, ListedDrugUse, UsePeriods
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.set_rows import SetRows
from linkage_core.indicators.values import NO_TIME, Bools, Int32s, Int64s, Measure, PersonValues, RowsTold

_DAYS = np.int64(1) << 32
"""More than there are days, so that days of two persons never meet on one scale."""


def evaluate_drug_use_periods(context: RunContext, indicator: DrugUsePeriods) -> list[PersonValues]:
    """For each end of observation: the measures that are asked for; and use on each day."""
    use = _used(context, indicator)
    values = [value for last in indicator.observe.to_days for value in _observed(use, last)]
    values += [_on_day(use, day) for day in indicator.at_days]
    return [replace(values[0], drug_use=partial(_listed, use)), *values[1:]]


def _listed(use: _Used) -> ListedDrugUse:
    rows = use.context.dispensings(use.indicator.register_name)
    products = rows.codes("product").texts if rows.has("product") else ()
    return ListedDrugUse(use.found, use.context.definition.drug_use[use.indicator.drug_use], rows.atc.names, products)


@dataclass(frozen=True)
class _Used:
    """Periods of an indicator, and who cannot be judged."""

    context: RunContext
    indicator: DrugUsePeriods
    found: DrugUse
    rules: list[tuple[str, Persons]]
    without_rows: Persons
    account: dict[str, int]
    rows_told: tuple[RowsTold, ...]

    @property
    def periods(self) -> UsePeriods:
        return self.found.periods


def _used(context: RunContext, indicator: DrugUsePeriods) -> _Used:
    register, model = indicator.register_name, context.definition.drug_use[indicator.drug_use]
    rows, picked = context.dispensings(register), context.set_rows(register, *indicator.codes)
    left = context.netted(register, model.reversals).left
    counts = context.in_force(register, indicator.codes, picked)
    if indicator.end_at_exit:
        counts = counts & (picked.day < np.repeat(context.time.exit(register), np.diff(picked.offsets)))
    found = drug_use(rows, left, context.stays(model), model, picked=picked, counts=counts)
    place = np.arange(rows.rows)[picked.places]
    missing = counts & rows.quantity_missing[picked.places]
    has_rows = np.concatenate(([0], np.cumsum(left[picked.places] > 0)))[picked.offsets]
    names = indicator.codes
    return _Used(
        context,
        indicator,
        found,
        [
            ("error:index_date", context.time.without_index()),
            ("error:packages", context.persons_with(register, names, place[missing])),
            ("error:package_parameters", context.persons_with(register, names, place[found.unknown])),
        ],
        somebody(has_rows[1:] == has_rows[:-1]),
        {"rows_in_periods": int(np.count_nonzero(found.served)), "rows_without_parameters": len(found.unknown)},
        (_rows_told(found, picked),),
    )


def _rows_told(found: DrugUse, picked: SetRows) -> RowsTold:
    parts = (np.flatnonzero(found.served), found.unknown)
    persons = [len(np.unique(np.searchsorted(picked.offsets, places, side="right"))) for places in parts]
    counts = np.array([[len(places) for places in parts], persons], np.int64)
    return RowsTold("drug_use", ("in_periods", "without_parameters"), counts)


def _observed(use: _Used, last: int) -> list[PersonValues]:
    """Number of periods and days in use of one observation."""
    context, indicator = use.context, use.indicator
    register, time = indicator.register_name, context.time
    opens, planned_end = Moment(indicator.observe.from_day), Moment(last)
    start, end = time.at(opens), time.window_end(register, planned_end, ends=indicator.end_at_exit)
    late = time.incomplete(register, planned_end)
    without_time = time.without_time(register, opens, ends=indicator.end_at_exit)
    person = use.periods.person
    first, after = np.maximum(use.periods.start, start[person]), np.minimum(use.periods.last_day, end[person])
    inside = np.flatnonzero(after > first)
    length = f"observe_days={last - indicator.observe.from_day}"
    numbers = {
        "periods": np.bincount(person[inside], minlength=context.persons).astype(np.int64),
        "days_in_use": _days_of_any(person[inside], first[inside], after[inside], persons=context.persons),
    }
    return [
        _value(
            use,
            joined(length, f"measure={measure}"),
            [(NO_TIME, without_time)],
            late,
            measure=Measure.AMOUNT,
            amount=numbers[measure],
        )
        for measure in indicator.measure
        if measure in numbers
    ]


def _days_of_any(person: Int32s, first: Int32s, after: Int32s, *, persons: int) -> Int64s:
    """int64, one a person: days in any of the half-open intervals [first, after)."""
    order = np.lexsort((first, person))
    own = person[order] * _DAYS
    begins, ends = first[order] + own, after[order] + own
    reached = np.concatenate((begins[:1], np.maximum.accumulate(ends)[:-1]))
    days = np.maximum(ends - np.maximum(begins, reached), 0)
    return np.bincount(person[order], weights=days, minlength=persons).astype(np.int64)


def _on_day(use: _Used, day: int) -> PersonValues:
    """Who is in use on a day after the index day, of those who are observed on it."""
    context, indicator = use.context, use.indicator
    register, time = indicator.register_name, context.time
    at, person = time.at(Moment(day)), use.periods.person
    covers = (use.periods.start <= at[person]) & (at[person] < use.periods.last_day)
    yes = np.zeros(context.persons, np.bool_)
    yes[person[covers]] = True
    gone = time.without_time(register, Moment(day), ends=indicator.end_at_exit)
    return _value(
        use,
        joined("measure=in_use", f"at_day={day}"),
        [(f"excluded:not_observed_at_{day}", gone)],
        time.incomplete(register, Moment(day + 1)),
        measure=Measure.YES_NO,
        yes=yes,
    )


# Any: `yes` or `amount` and what else differs from measure to measure.
def _value(
    use: _Used,
    words: str,
    rules: list[tuple[str, Persons]],
    late: Persons,
    *,
    amount: Int64s | None = None,
    yes: Bools | None = None,
    **fields: Any,
) -> PersonValues:
    rules = [*use.rules, *rules, *use.context.excluded_as_incomplete(late)]
    reasons = use.context.reasons.settle(rules, no_rows=use.without_rows)
    if yes is not None:
        value: Int64s = reasons.counted_with(yes).astype(np.int64)
    else:
        assert amount is not None
        value = reasons.value_of_counted(amount)
        fields["contributes"] = value > 0
    return PersonValues(
        indicator=use.indicator,
        parameters=words,
        value=value,
        reason=reasons.reason,
        reasons=reasons.names,
        incomplete=reasons.any_counted(late),
        account=use.account,
        rows_told=use.rows_told,
        counted=reasons.counted,
        **fields,
    )
