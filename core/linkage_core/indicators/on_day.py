"""Who is on treatment on a day: supply covers it, or there is a dispensing on it or shortly before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import Denominator, OnTreatment, Prevalence
from linkage_core.indicators.covered_days import NO_CAP
from linkage_core.indicators.days_of_supply import DAY, DaysOfSupply
from linkage_core.indicators.faulty_rows import persons_with_faulty
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.set_supply import drugs_of_sets, supply_of_sets
from linkage_core.indicators.side_by_side import side_by_side
from linkage_core.indicators.values import NO_TIME, Bools, Int32s, Period, PersonValues, UInt8s
from linkage_core.indicators.yes_no import yes_no
from linkage_core.kernels.covered_on_days import covered_on_days
from linkage_core.kernels.covered_side_by_side import covered_side_by_side

COVERED, IN_HOSPITAL = 1, 2
"""What the kernel says of a day."""


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


@dataclass(frozen=True, slots=True)
class AskedDay:
    """A day on which supply is asked for; `words` and `at` as those of `OnDay`."""

    words: str
    at: str
    day: Moment
    period: Period | None = None


def covered_on(context: RunContext, indicator: Prevalence | OnTreatment, days: Sequence[AskedDay]) -> list[OnDay]:
    """Whose supply covers each day, by stocks that start empty `lookback_days` before it."""
    assert indicator.supply is not None, "definitions are checked when they are read"
    supply, model = (
        context.supply(indicator.register_name, indicator.supply, *indicator.codes),
        context.definition.supply[indicator.supply],
    )
    no_rows = context.without_rows(indicator.register_name, indicator.codes, rule=model.reversals)
    found = []
    for asked, covers in zip(days, _covers(context, indicator, days), strict=True):
        yes = covers > 0 if model.hospital == "credit" else covers == COVERED
        rules = _faulty(context, indicator, asked.day, supply)
        # Days in hospital are no days of the model that freezes them: nothing can be said about this one.
        frozen = somebody(covers == IN_HOSPITAL) if model.hospital == "freeze" else None
        rules.append(("excluded:in_hospital", frozen))
        found.append(OnDay(asked.words, asked.at, asked.day, asked.period, yes, rules, no_rows, supply.account))
    return found


def _covers(context: RunContext, indicator: Prevalence | OnTreatment, days: Sequence[AskedDay]) -> UInt8s:
    """uint8, days x persons: what the kernel says; of stocks that the drugs of a code set share, each set has one."""
    moments = tuple(asked.day for asked in days)
    # Indicators of a set mostly ask for the same days.
    at_day = context.remember(("at days", moments), lambda: np.stack([context.time.at(day) for day in moments]))
    if indicator.carry_over != "pooled":
        return _covers_by(context, indicator, indicator.codes, at_day)
    of_sets = [_covers_by(context, indicator, [name], at_day) for name in indicator.codes]
    return np.asarray(np.maximum.reduce(of_sets), np.uint8)


def _covers_by(
    context: RunContext, indicator: Prevalence | OnTreatment, names: Sequence[str], at_day: Int32s
) -> UInt8s:
    assert indicator.supply is not None, "definitions are checked when they are read"
    register, model = indicator.register_name, context.definition.supply[indicator.supply]
    supply, exit_day = supply_of_sets(context, register, names, indicator.supply), context.time.exit(register)
    by_drug, carried = indicator.carry_over == "per_drug", indicator.carry_over != "none"
    cap = NO_CAP if indicator.stock_cap_days == "none" else indicator.stock_cap_days * DAY
    covers = np.empty(at_day.shape, np.uint8)
    if model.hospital == "ignore":
        rows = side_by_side(context, register, names)
        covered_side_by_side(
            rows.person,
            rows.drugs,
            rows.block_at,
            rows.day,
            rows.drug,
            rows.laid(supply),
            at_day,
            exit_day,
            covers,
            lookback_days=indicator.lookback_days,
            stock_cap_64ths=cap,
            carry_over=carried,
            by_drug=by_drug,
        )
        return covers
    picked, stays = context.set_rows(register, *names), context.stays(model)
    covered_on_days(
        picked.with_rows,
        picked.offsets,
        picked.day,
        drugs_of_sets(context, register, names) if by_drug else None,
        supply,
        (stays.offsets, stays.admitted, stays.discharged),
        at_day,
        exit_day,
        covers,
        lookback_days=indicator.lookback_days,
        stock_cap_64ths=cap,
        carry_over=carried,
    )
    return covers


def _faulty(
    context: RunContext, indicator: Prevalence | OnTreatment, day: Moment, supply: DaysOfSupply
) -> list[tuple[str, Persons]]:
    """Who has a row that may cover the day or not."""
    register, time = indicator.register_name, context.time
    faulty = {
        "error:packages": context.dispensings(register).without_quantity,
        "error:days_supply": supply.unserved_at,
    }
    if not any(map(len, faulty.values())):
        return [(name, None) for name in faulty]
    first = time.at(day) - np.int32(indicator.lookback_days)
    after = time.window_end(register, Moment(day.day + 1, of_index=day.of_index))
    return [
        (name, persons_with_faulty(context, register, indicator.codes, places, first=first, after=after))
        for name, places in faulty.items()
    ]


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
