"""Who is on treatment on a day: supply covers it, or there is a dispensing on it or shortly before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import Denominator, OnTreatment, Prevalence
from linkage_core.indicators.covered_days import covered_between
from linkage_core.indicators.faulty_rows import persons_with_faulty
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.values import NO_TIME, Bools, Period, PersonValues
from linkage_core.indicators.yes_no import yes_no


@dataclass(frozen=True, slots=True)
class OnDay:
    """What was found about a day.

    Args:
        words: of the parameter point; `at` is the N of `alive_at_N`.
        yes: who is on treatment.
        rules: who cannot be judged.
        no_rows: persons without any dispensing of the codes.
    """

    words: str
    at: str
    day: Moment
    period: Period | None
    yes: Bools
    rules: list[tuple[str, Persons]]
    no_rows: Persons
    account: dict[str, int]


def covered_on(
    context: RunContext,
    indicator: Prevalence | OnTreatment,
    day: Moment,
    *,
    words: str,
    at: str,
    period: Period | None = None,
) -> OnDay:
    """Whose supply covers a day, by stocks that start empty `lookback_days` before it."""
    assert indicator.supply is not None, "definitions are checked when they are read"
    register, time = indicator.register_name, context.time
    after = Moment(day.day + 1, of_index=day.of_index)
    start, end = time.at(day), time.window_end(register, after)
    ((covered, counted),) = covered_between(context, indicator, start, end[np.newaxis])
    supply = context.supply(register, indicator.supply)
    first = start - np.int32(indicator.lookback_days)
    rows = context.dispensings(register)
    faulty = {"error:packages": rows.without_quantity, "error:days_supply": supply.unserved_at}
    rules = [
        (name, persons_with_faulty(context, register, indicator.codes, places, first=first, after=end))
        for name, places in faulty.items()
    ]
    # Days in hospital are no days of the model that freezes them: nothing can be said about this one.
    rules.append(("excluded:in_hospital", somebody(np.asarray((counted <= 0) & (end > start), np.bool_))))
    model = context.definition.supply[indicator.supply]
    return OnDay(
        words=words,
        at=at,
        day=day,
        period=period,
        yes=np.asarray(covered > 0, np.bool_),
        rules=rules,
        no_rows=context.without_rows(register, indicator.codes, rule=model.reversals),
        account=supply.account(context.set_rows(register, *indicator.codes).places),
    )


def value_on(
    context: RunContext, indicator: Prevalence | OnTreatment, found: OnDay, denominator: Denominator
) -> PersonValues:
    """Of those who are observed on the day; with the denominator `all` the dead stay in, not on treatment."""
    register, time = indicator.register_name, context.time
    after = Moment(found.day.day + 1, of_index=found.day.of_index)
    late = time.incomplete(register, after)
    rules = [
        *([("error:index_date", time.without_index())] if found.day.of_index else []),
        *found.rules,
        *time.alive_rule(denominator, after, at=found.at),
        (NO_TIME, time.without_time(register, found.day, death_ends=False)),
        *context.excluded_as_incomplete(late),
    ]
    return yes_no(
        indicator,
        joined(found.words, denominator_words(denominator)),
        found.yes,
        context.reasons.settle(rules, no_rows=found.no_rows),
        late=late,
        period=found.period,
        account=found.account,
    )
