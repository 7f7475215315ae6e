"""Initiation: a dispensing within a window after the index day."""

from __future__ import annotations

import numpy as np

from linkage.indicator_kinds import Denominator, Initiation, Washout, Window
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.row_dimensions import initiation_rows
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.values import NO_ROWS, NO_TIME, Bools, Measure, PersonValues


def evaluate_initiation(context: RunContext, indicator: Initiation) -> list[PersonValues]:
    """One value for each last day, denominator and, with a stratifying washout, state before the index day."""
    register, rule, follow_up = indicator.register_name, indicator.reversals, context.follow_up
    start = follow_up.from_index(indicator.window.from_day)
    exit_day = context.exit(register, ends=indicator.end_at_exit)
    until = np.minimum(follow_up.from_index(max(indicator.window.to_days) + 1), exit_day)
    firsts = [context.first_day(register, name, rule=rule, start=start, end=until) for name in indicator.codes]
    reached = np.max(firsts, axis=0) if indicator.combine == "all" else np.min(firsts, axis=0)
    has_rows = context.ever(register, indicator.codes, rule=rule)
    faulty = context.has_faulty_row(register, indicator.codes, context.dispensings(register).quantity_missing)
    used_before = used_in_washout(context, indicator)
    netted = context.netted(register, rule).among(context.rows_in_any_set(register, indicator.codes))
    account = {
        "reversed_rows": netted.reversed_rows,
        "netted_rows": netted.netted_rows,
        "unmatched_rows": netted.unmatched_rows,
    }
    values = []
    for last_day in indicator.window.to_days:
        end = follow_up.from_index(last_day + 1)
        late = context.incomplete(register, end=end)
        for denominator in indicator.denominator:
            for before, left_out in washout_points(indicator.washout, used_before):
                book = context.reasons_at_index()
                book.give("error:packages", faulty)
                book.give(NO_TIME, exit_day <= start)
                if alive := context.alive_rule(denominator, end=end, at=str(last_day)):
                    book.give(*alive)
                if context.definition.exits.incomplete == "exclude":
                    book.give("excluded:window_incomplete", late)
                book.give(*left_out)
                counted = book.open_persons
                book.give(NO_ROWS, ~has_rows)
                values.append(
                    PersonValues(
                        indicator=indicator,
                        parameters=joined(
                            window_words(indicator.window, last_day), denominator_words(denominator), before
                        ),
                        measure=Measure.YES_NO,
                        value=(counted & (reached < end)).astype(np.int64),
                        reason=book.reason,
                        reasons=book.names,
                        rows=initiation_rows(
                            context, indicator, start=start, end=np.minimum(end, until), among=counted
                        ),
                        incomplete=bool((late & counted).any()),
                        account=account,
                    )
                )
    return values


def used_in_washout(context: RunContext, indicator: Initiation) -> Bools:
    """Persons with a dispensing of any of the groups in the washout."""
    used = np.zeros(context.persons, np.bool_)
    if indicator.washout is None:
        return used
    start = context.follow_up.from_index(indicator.washout.from_day)
    end = context.follow_up.from_index(indicator.washout.to_day + 1)
    for name in indicator.codes:
        first = context.first_day(indicator.register_name, name, rule=indicator.reversals, start=start, end=end)
        used |= first < FAR
    return used


def washout_points(washout: Washout | None, used_before: Bools) -> list[tuple[str, tuple[str, Bools]]]:
    """Parameter points of a washout: words, and whom the point leaves out under which reason."""
    nobody = np.zeros_like(used_before)
    if washout is None:
        return [("", ("excluded:washout", nobody))]
    if washout.effect == "exclude":
        return [("", ("excluded:washout", used_before))]
    return [
        ("", ("excluded:washout", nobody)),
        ("before=none", ("excluded:used_before", used_before)),
        ("before=any", ("excluded:not_used_before", ~used_before)),
    ]


def window_words(window: Window, last_day: int) -> str:
    """`within_days=90` for a window from the index day, else `days=15..90`."""
    return f"within_days={last_day}" if window.from_day == 0 else f"days={window.from_day}..{last_day}"


def denominator_words(denominator: Denominator) -> str:
    """Nothing for all persons."""
    return "" if denominator == "all" else f"denominator={denominator}"
