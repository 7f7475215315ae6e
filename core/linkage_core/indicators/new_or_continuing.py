"""How treatment starts at the index day: new, continuing, or not at all in the start window."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from linkage.indicator_kinds import NewOrContinuing
from linkage_core.indicators.initiation import denominator_words, window_words
from linkage_core.indicators.observed_from import observed_from
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.spans import lookback_question, start_question
from linkage_core.indicators.values import NO_TIME, Bools, PersonValues
from linkage_core.indicators.yes_no import yes_no


def evaluate_new_or_continuing(context: RunContext, indicator: NewOrContinuing) -> list[PersonValues]:
    """For each lookback, last day and denominator: three values, of which each person has one with yes."""
    register, rule, time = indicator.register_name, indicator.reversals, context.time
    known_from, unreadable = observed_from(context, indicator)
    values: list[PersonValues] = []
    for lookback in indicator.lookback_days:
        before = context.dispensed(register, rule, lookback_question(indicator, lookback)).view(np.bool_)
        unknown = somebody(np.asarray(known_from > time.at(Moment(-lookback)), np.bool_))
        known = [*unreadable, (f"excluded:not_observed_for_{lookback}", unknown)]
        for last_day in indicator.window.to_days:
            started = context.dispensed(register, rule, start_question(indicator, last_day)).view(np.bool_)
            levels = {"new": started & ~before, "continuing": started & before, "none": ~started}
            words = joined(f"lookback_days={lookback}", window_words(indicator.window, last_day))
            values.extend(_values(context, indicator, levels, words=words, last_day=last_day, known=known))
    return values


def _values(
    context: RunContext,
    indicator: NewOrContinuing,
    levels: dict[str, Bools],
    *,
    words: str,
    last_day: int,
    known: list[tuple[str, Persons]],
) -> Iterator[PersonValues]:
    register, time, end = indicator.register_name, context.time, Moment(last_day + 1)
    late = time.incomplete(register, end)
    for denominator in indicator.denominator:
        rules = [
            ("error:index_date", time.without_index()),
            *known,
            ("error:packages", context.without_packages(register, indicator.codes)),
            (NO_TIME, time.without_time(register, Moment(indicator.window.from_day))),
            *time.alive_rule(denominator, end, at=str(last_day)),
            *context.excluded_as_incomplete(late),
        ]
        no_rows = context.without_rows(register, indicator.codes, rule=indicator.reversals)
        reasons = context.reasons.settle(rules, no_rows=no_rows)
        point = joined(words, denominator_words(denominator))
        for level, persons in levels.items():
            yield yes_no(
                indicator,
                joined(point, f"level={level}"),
                persons,
                reasons,
                late=late,
                account=context.netting_account(register, indicator.reversals, indicator.codes),
                part_of=point,
            )
