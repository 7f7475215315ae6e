"""Users, dispensings, defined daily doses and costs, after the index day or in calendar periods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import Cost, DefinedDailyDoses, Users
from linkage.indicator_kinds import Dispensings as DispensingsKind
from linkage_core.indicators.codes import validity
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.periods import periods
from linkage_core.indicators.row_dimensions import split_by_rows
from linkage_core.indicators.run_context import EVERY_CODE, RunContext, SetRows, joined
from linkage_core.indicators.values import (
    NO_ROWS,
    NO_TIME,
    Bools,
    Int32s,
    Int64s,
    Measure,
    Period,
    PersonValues,
    ReasonBook,
    RowValues,
)
from linkage_core.kernels.sum_in_window import sum_in_window

AmountKind = Users | DispensingsKind | DefinedDailyDoses | Cost


@dataclass(frozen=True, slots=True)
class _Weights:
    """What each row of the code set adds: int64 in units of 1 / scale, and which rows have nothing to add."""

    words: str
    weight: Int64s
    scale: int
    missing: Bools


@dataclass(frozen=True, slots=True)
class _Window:
    words: str
    period: Period | None
    start: Int32s
    end: Int32s
    at: str


def evaluate_amount(context: RunContext, indicator: AmountKind) -> list[PersonValues]:
    """One value for each cost, window or period, and denominator."""
    picked = context.set_rows(indicator.register_name, indicator.codes)
    has_rows = picked.has_rows
    faulty = _faulty(context, indicator)
    exit_day = context.exit(indicator.register_name, ends=indicator.end_at_exit)
    values = []
    for weights in _weights(context, indicator, picked):
        account = {"rows": len(picked.day), "rows_without_measure": int(weights.missing.sum())}
        for window in _windows(context, indicator):
            start, end = _valid(context, indicator, window.start, np.minimum(window.end, exit_day))
            late = context.incomplete(indicator.register_name, end=window.end)
            sums, counted_rows = _sum(picked, weights.weight, start=start, end=end)
            for denominator in indicator.denominator:
                book = ReasonBook(context.persons)
                if indicator.observe is not None:
                    book = context.reasons_at_index()
                book.give("error:packages", faulty)
                book.give(NO_TIME, np.minimum(window.end, exit_day) <= window.start)
                if alive := context.alive_rule(denominator, end=window.end, at=window.at):
                    book.give(*alive)
                if context.definition.exits.incomplete == "exclude":
                    book.give("excluded:window_incomplete", late)
                counted = book.open_persons
                book.give(NO_ROWS, ~has_rows)
                is_users = isinstance(indicator, Users)
                values.append(
                    PersonValues(
                        indicator=indicator,
                        parameters=joined(weights.words, window.words, denominator_words(denominator)),
                        measure=Measure.YES_NO if is_users else Measure.AMOUNT,
                        value=np.where(counted, (sums > 0).astype(np.int64) if is_users else sums, 0),
                        reason=book.reason,
                        reasons=book.names,
                        scale=1 if is_users else weights.scale,
                        contributes=counted & (counted_rows > 0),
                        period=window.period,
                        rows=_by_rows(context, indicator, weights.weight, start=start, end=end, among=counted),
                        incomplete=bool((late & counted).any()),
                        account=account,
                    )
                )
    return values


def _weights(context: RunContext, indicator: AmountKind, picked: SetRows) -> Iterator[_Weights]:
    rows = context.dispensings(indicator.register_name)
    none_missing = np.zeros(len(picked.day), np.bool_)
    if isinstance(indicator, Users):
        register, rule = indicator.register_name, indicator.reversals
        left = rows.quantity if rule == "sum" else context.netted(register, rule).left
        yield _Weights("", left[picked.places].astype(np.int64), 1, none_missing)
    elif isinstance(indicator, DispensingsKind):
        yield _Weights("", np.sign(rows.quantity[picked.places]).astype(np.int64), 1, none_missing)
    elif isinstance(indicator, Cost):
        for part in indicator.cost:
            concept = f"cost_{part}"
            amount, scale = rows.whole_numbers(concept)
            missing = rows.is_null(concept)[picked.places]
            yield _Weights(f"cost={part}", np.ascontiguousarray(amount[picked.places]), scale, missing)
    else:
        yield _doses(rows, picked.places)


def _doses(rows: Dispensings, places: Int64s | slice) -> _Weights:
    """DDD of a row: packages x DDD per package, or the amount that a register without them delivers."""
    if rows.has("ddd_dispensed") and not rows.has("ddd_per_package"):
        amount, scale = rows.whole_numbers("ddd_dispensed")
        amount = np.ascontiguousarray(amount[places])
        return _Weights("", amount, scale, rows.is_null("ddd_dispensed")[places])
    per_package, scale = rows.whole_numbers("ddd_per_package")
    missing = rows.is_null("ddd_per_package")[places] | rows.quantity_missing[places]
    return _Weights("", rows.quantity[places].astype(np.int64) * per_package[places], scale * 100, missing)


def _windows(context: RunContext, indicator: AmountKind) -> Iterator[_Window]:
    if indicator.calendar is not None:
        for period, first, after in periods(indicator.calendar):
            ends = np.full(context.persons, after, np.int32)
            yield _Window("", period, np.full(context.persons, first, np.int32), ends, period.label)
    elif indicator.observe is not None:
        start = context.follow_up.from_index(indicator.observe.from_day)
        for last in indicator.observe.to_days:
            words = f"observe_days={last - indicator.observe.from_day}"
            yield _Window(words, None, start, context.follow_up.from_index(last), str(last))


def _valid(context: RunContext, indicator: AmountKind, start: Int32s, end: Int32s) -> tuple[Int32s, Int32s]:
    from_day, until_day = validity(context.code_set(indicator.codes))
    return np.maximum(start, np.int32(from_day)), np.minimum(end, np.int32(until_day))


def _sum(picked: SetRows, weight: Int64s, *, start: Int32s, end: Int32s) -> tuple[Int64s, Int32s]:
    sums, counted = np.empty(len(start), np.int64), np.empty(len(start), np.int32)
    sum_in_window(picked.offsets, picked.day, picked.code, weight, EVERY_CODE, start, end, sums, counted)
    return sums, counted


def _faulty(context: RunContext, indicator: AmountKind) -> Bools:
    """Persons with a row of the set without packages, where packages decide. Money and DDD do without them."""
    if isinstance(indicator, Cost | DefinedDailyDoses):
        return np.zeros(context.persons, np.bool_)
    missing = context.dispensings(indicator.register_name).quantity_missing
    return context.has_faulty_row(indicator.register_name, [indicator.codes], missing)


def _by_rows(
    context: RunContext, indicator: AmountKind, weight: Int64s, *, start: Int32s, end: Int32s, among: Bools
) -> dict[str, RowValues]:
    rows = context.dispensings(indicator.register_name)
    specs = _row_specs(context, indicator, rows)
    if not specs:
        return {}
    person = rows.person_of_row
    in_set = context.rows_in_set(indicator.register_name, indicator.codes)
    of_all = np.zeros(rows.rows, np.int64)
    of_all[context.set_rows(indicator.register_name, indicator.codes).places] = weight
    chosen = in_set & (rows.day >= start[person]) & (rows.day < end[person]) & among[person]
    return split_by_rows(rows, specs, chosen=chosen, weight=of_all, positive_only=isinstance(indicator, Users))


def _row_specs(context: RunContext, indicator: AmountKind, rows: Dispensings) -> list[str]:
    ordered = [spec for spec in context.row_dimensions if rows.has(spec.partition(":")[0])]
    return list(dict.fromkeys([*indicator.row_strata, *ordered]))
