"""Of how many of several groups a person has a dispensing within a window, and whether of all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from linkage.indicator_kinds import Combination
from linkage_core.indicators.initiation import denominator_words, window_words
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.spans import group_questions
from linkage_core.indicators.values import NO_TIME, Int64s, Measure, PersonValues, Threshold


def evaluate_combination(context: RunContext, indicator: Combination) -> list[PersonValues]:
    """For each last day and denominator: the number of groups, and whether it reaches each of `at_least`."""
    register, rule, time = indicator.register_name, indicator.reversals, context.time
    no_rows = context.without_rows(register, indicator.codes, rule=rule)
    account = context.netting_account(register, rule, indicator.codes)
    values = []
    for last_day in indicator.window.to_days:
        end = Moment(last_day + 1)
        late = time.incomplete(register, end)
        groups = _groups(context, indicator, last_day)
        for denominator in indicator.denominator:
            rules = [
                ("error:index_date", time.without_index()),
                ("error:packages", context.without_packages(register, indicator.codes)),
                (NO_TIME, time.without_time(register, Moment(indicator.window.from_day), ends=indicator.end_at_exit)),
                *time.alive_rule(denominator, end, at=str(last_day)),
                *context.excluded_as_incomplete(late),
            ]
            reasons = context.reasons.settle(rules, no_rows=no_rows)
            point = joined(window_words(indicator.window, last_day), denominator_words(denominator))
            number = PersonValues(
                indicator=indicator,
                parameters=joined(point, "measure=groups"),
                measure=Measure.AMOUNT,
                value=reasons.value_of_counted(groups),
                reason=reasons.reason,
                reasons=reasons.names,
                contributes=reasons.counted_with(groups > 0),
                incomplete=reasons.any_counted(late),
                account=account,
                counted=reasons.counted,
            )
            values.append(number)
            values.extend(
                replace(
                    number,
                    parameters=joined(point, f"at_least={least}"),
                    measure=Measure.YES_NO,
                    value=reasons.counted_with(groups >= least).view(np.uint8),
                    contributes=None,
                    threshold=Threshold(number.parameters, least),
                )
                for least in indicator.at_least
            )
    return values


def _groups(context: RunContext, indicator: Combination, last_day: int) -> Int64s:
    """int64, one a person: groups with a dispensing in the window."""
    register, rule = indicator.register_name, indicator.reversals
    answers = [context.dispensed(register, rule, one) for one in group_questions(indicator, last_day)]
    return np.asarray(np.sum(answers, axis=0), np.int64)
