"""Initiation: a dispensing within a window after the index day."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from linkage.indicator_kinds import Denominator, Initiation, Washout, Window
from linkage_core.indicators.codes import validity
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.reasons import Persons, Reasons, somebody
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.spans import washout_question, window_questions
from linkage_core.indicators.values import NO_TIME, Bools, Measure, PersonValues, RowValues
from linkage_core.indicators.window_sums import LevelSums, Windows


def evaluate_initiation(context: RunContext, indicator: Initiation) -> list[PersonValues]:
    """One value for each last day, denominator and, with a stratifying washout, state before the index day."""
    register, rule, time = indicator.register_name, indicator.reversals, context.time
    start = Moment(indicator.window.from_day)
    no_rows = context.without_rows(register, indicator.codes, rule=rule)
    states = washout_points(indicator.washout, _used_in_washout(context, indicator))
    account = context.netting_account(register, rule, indicator.codes)
    split = _row_sums(context, indicator)
    values = []
    for place, last_day in enumerate(indicator.window.to_days):
        end = Moment(last_day + 1)
        late = time.incomplete(register, end)
        in_window = _dispensed_within(context, indicator, last_day)
        window = window_words(indicator.window, last_day)
        for denominator in indicator.denominator:
            point = joined(window, denominator_words(denominator))
            for before, left_out in states:
                rules = [
                    ("error:index_date", time.without_index()),
                    ("error:packages", context.without_packages(register, indicator.codes)),
                    (NO_TIME, time.without_time(register, start, ends=indicator.end_at_exit)),
                    *time.alive_rule(denominator, end, at=str(last_day)),
                    *context.excluded_as_incomplete(late),
                    *left_out,
                ]
                reasons = context.reasons.settle(rules, no_rows=no_rows)
                values.append(
                    PersonValues(
                        indicator=indicator,
                        parameters=joined(point, before),
                        measure=Measure.YES_NO,
                        value=reasons.counted_with(in_window).view(np.uint8),
                        reason=reasons.reason,
                        reasons=reasons.names,
                        rows=_initiators(split, place, reasons),
                        part_of=point if before else "",
                        incomplete=reasons.any_counted(late),
                        account=account,
                        counted=reasons.counted,
                    )
                )
    return values


def _dispensed_within(context: RunContext, indicator: Initiation, last_day: int) -> Bools:
    """Persons with a dispensing of any or of all groups in the window."""
    register, rule = indicator.register_name, indicator.reversals
    answers = [context.dispensed(register, rule, one) for one in window_questions(indicator, last_day)]
    together = answers[0] if len(answers) == 1 else np.bitwise_and.reduce(answers)
    return together.view(np.bool_)


def _used_in_washout(context: RunContext, indicator: Initiation) -> Bools:
    """Persons with a dispensing of any of the groups in the washout."""
    question = washout_question(indicator)
    if question is None:
        return np.zeros(context.persons, np.bool_)
    return context.dispensed(indicator.register_name, indicator.reversals, question).view(np.bool_)


def _row_sums(context: RunContext, indicator: Initiation) -> list[LevelSums]:
    """Rows in the windows by the properties of rows that the order asks for."""
    register = indicator.register_name
    rows = context.dispensings(register)
    specs = [spec for spec in context.row_dimensions if rows.has(spec.partition(":")[0])]
    if not specs:
        return []
    picked = context.set_rows(register, *indicator.codes)
    counts = np.zeros(len(picked.day), np.bool_)
    for name in indicator.codes:
        from_day, until_day = validity(context.code_set(name))
        counts |= context.belong(register, [name], picked.places) & (picked.day >= from_day) & (picked.day < until_day)
    counts &= picked.of(context.netted(register, indicator.reversals).left) > 0
    last_days = [Moment(last_day + 1) for last_day in indicator.window.to_days]
    windows = Windows(
        count=len(last_days),
        valid=validity(None),
        end=np.stack([context.time.window_end(register, end, ends=indicator.end_at_exit) for end in last_days]),
        start=context.time.at(Moment(indicator.window.from_day)),
    )
    return [LevelSums(rows, picked, [(counts.astype(np.int32), None, False)], windows, spec) for spec in specs]


def _initiators(split: list[LevelSums], window: int, reasons: Reasons) -> Mapping[str, RowValues]:
    return {one.dimension: one.values(0, window, reasons, as_persons=True) for one in split}


def washout_points(washout: Washout | None, used_before: Bools) -> list[tuple[str, list[tuple[str, Persons]]]]:
    """Parameter points of a washout: words, and whom the point leaves out under which reason."""
    if washout is None:
        return [("", [])]
    if washout.effect == "exclude":
        return [("", [("excluded:washout", somebody(used_before))])]
    return [
        ("", []),
        ("before=none", [("excluded:used_before", somebody(used_before))]),
        ("before=any", [("excluded:not_used_before", somebody(~used_before))]),
    ]


def window_words(window: Window, last_day: int) -> str:
    """`within_days=90` for a window from the index day, else `days=15..90`."""
    return f"within_days={last_day}" if window.from_day == 0 else f"days={window.from_day}..{last_day}"


def denominator_words(denominator: Denominator) -> str:
    """Nothing for all persons."""
    return "" if denominator == "all" else f"denominator={denominator}"
