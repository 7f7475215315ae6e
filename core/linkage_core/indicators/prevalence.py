"""Prevalence of use: on a day by supply, or in a period by dispensings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from linkage.indicator_kinds import Prevalence
from linkage_core.indicators.amount_windows import cut_windows, windows_of
from linkage_core.indicators.codes import validity
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.on_day import AskedDay, covered_on, value_on
from linkage_core.indicators.periods import periods
from linkage_core.indicators.person_sums import sums_in_windows
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.spans import use_questions
from linkage_core.indicators.values import NO_TIME, Bools, PersonValues
from linkage_core.indicators.yes_no import yes_no


def evaluate_prevalence(context: RunContext, indicator: Prevalence) -> list[PersonValues]:
    """For each day or period, and denominator: who is a user."""
    if indicator.rule == "dispensed":
        return list(_dispensed(context, indicator))
    days = [AskedDay(f"at_day={day};rule=covered", str(day), Moment(day)) for day in indicator.at_day]
    if indicator.calendar is not None:
        # Supply is at hand on a day: of a period that is its last.
        days = [
            AskedDay("rule=covered", period.label, Moment(after - 1, of_index=False), period)
            for period, _, after in periods(indicator.calendar)
        ]
    found = covered_on(context, indicator, days)
    return [value_on(context, indicator, one, denominator) for one in found for denominator in indicator.denominator]


def _dispensed(context: RunContext, indicator: Prevalence) -> Iterator[PersonValues]:
    register, rule, time = indicator.register_name, indicator.reversals, context.time
    users = _users(context, indicator)
    no_rows = context.without_rows(register, indicator.codes, rule=rule)
    account = context.netting_account(register, rule, indicator.codes)
    for window, yes in zip(windows_of(indicator), users, strict=True):
        late = time.incomplete(register, window.end)
        for denominator in indicator.denominator:
            rules = [
                *([("error:index_date", time.without_index())] if indicator.observe is not None else []),
                ("error:packages", context.without_packages(register, indicator.codes)),
                (NO_TIME, time.without_time(register, window.start)),
                *time.alive_rule(denominator, window.end, at=window.at),
                *context.excluded_as_incomplete(late),
            ]
            yield yes_no(
                indicator,
                joined(window.words, "rule=dispensed", denominator_words(denominator)),
                yes,
                context.reasons.settle(rules, no_rows=no_rows),
                late=late,
                period=window.period,
                account=account,
            )


def _users(context: RunContext, indicator: Prevalence) -> list[Bools]:
    """Who has a dispensing in each window; one that is not reversed."""
    register = indicator.register_name
    if indicator.observe is not None:
        asked = use_questions(indicator)
        return [context.dispensed(register, indicator.reversals, one).view(np.bool_) for one in asked]
    picked = context.set_rows(register, *indicator.codes)
    left = picked.of(context.netted(register, indicator.reversals).left)
    counts = np.where(context.in_force(register, indicator.codes, picked), left, np.int32(0))
    # Rows on which no code set applies have nothing left: all days count.
    cut = cut_windows(context, register, windows_of(indicator), valid=validity(None))
    return list(sums_in_windows(picked, [(counts, None, False)], cut, above=[0]).above[0])
