"""Daily doses on a day that lie above the limits of their substances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import DoseAboveLimit
from linkage_core.indicators.days_of_supply import DAY
from linkage_core.indicators.days_read import DayRead, days_read
from linkage_core.indicators.drugs_held import Held, drugs_in_force, rules_held
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.reasons import Persons, among, somebody
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.set_rows import SetRows
from linkage_core.indicators.stated_dose import StatedDoses, stated_doses
from linkage_core.indicators.values import Bools, Int32s, Int64s, PersonValues
from linkage_core.indicators.yes_no import yes_no


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of substances with a limit.

    Args:
        picked: rows of the code sets.
        places: int64, positions among them, ascending.
        person, limit: int64, one a row; `day`: int32.
    """

    picked: SetRows
    places: Int64s
    person: Int64s
    limit: Int64s
    day: Int32s

    def of(self, which: Bools) -> _Rows:
        """Those of the rows."""
        own = np.flatnonzero(which)
        return _Rows(self.picked, self.places[own], self.person[own], self.limit[own], self.day[own])


def evaluate_dose_above_limit(context: RunContext, indicator: DoseAboveLimit) -> list[PersonValues]:
    """For each rule, day, denominator and measure: who is above a limit, and whose dose was assumed."""
    rows = _rows(context, indicator)
    return [
        value
        for held in rules_held(context, indicator, indicator.codes)
        for day in days_read(indicator)
        for value in _values(context, indicator, held, day, _on_day(context, indicator, held, day, rows))
    ]


def _rows(context: RunContext, indicator: DoseAboveLimit) -> _Rows:
    rows = context.dispensings(indicator.register_name)
    of_atc = {limit.atc: place for place, limit in enumerate(indicator.limits)}
    of_code = np.array([*(of_atc.get(name[:7], -1) for name in rows.atc.names), -1], np.int32)
    member = np.zeros(len(of_code), np.bool_)
    for name in indicator.codes:
        member[:-1] |= context.members(rows.register, name)[: len(of_code) - 1].view(np.bool_)
    of_code[~member] = -1
    picked = context.set_rows(rows.register, *indicator.codes)
    limit = drugs_in_force(context, rows.register, indicator.codes, of_code, picked).of_row
    places = np.flatnonzero(limit >= 0)
    person = np.repeat(np.arange(context.persons), np.diff(picked.offsets))[places]
    return _Rows(picked, places, person, limit[places].astype(np.int64), picked.day[places])


def _on_day(context: RunContext, indicator: DoseAboveLimit, held: Held, day: DayRead, rows: _Rows) -> StatedDoses:
    """Doses of the rows that a person has on the day."""
    own = _in_force(context, indicator, held, day, rows)
    register, picked = context.dispensings(indicator.register_name), own.picked
    return stated_doses(
        register,
        picked.at(own.places),
        own.person,
        own.limit,
        components=[one.component for one in indicator.limits],
        steps=indicator.dose,
        bare_number_is_mg=indicator.bare_number == "mg",
    )


def _in_force(context: RunContext, indicator: DoseAboveLimit, held: Held, day: DayRead, rows: _Rows) -> _Rows:
    """Rows that a person has on the day; of each substance those of the last day, or all of them."""
    age = context.time.at(day.moment)[rows.person].astype(np.int64) - rows.day
    mine = rows.of(np.asarray((age >= 0) & (age * DAY < held.lasts_64ths(rows.picked, rows.places)), np.bool_))
    if indicator.doses == "all_at_hand":
        return mine
    key = mine.person * len(indicator.limits) + mine.limit
    order = np.lexsort((mine.day, key))
    # The last of a person and substance is of its last day.
    ends = np.flatnonzero(np.append(np.diff(key[order]) != 0, [True] * min(len(order), 1)))
    last_day = np.empty(len(order), np.int32)
    last_day[order] = np.repeat(mine.day[order][ends], np.diff(ends, prepend=-1))
    return mine.of(np.asarray(mine.day == last_day, np.bool_))


def _values(
    context: RunContext, indicator: DoseAboveLimit, held: Held, day: DayRead, doses: StatedDoses
) -> Iterator[PersonValues]:
    persons = context.persons
    treated = among(persons, doses.person)
    faults = [
        day.with_faulty_row(context, indicator, indicator.codes, held),
        *doses.faults(persons),
        *([("excluded:not_dispensed", somebody(~treated))] if indicator.among == "treated" else []),
    ]
    late: Persons = day.late(context, indicator.register_name)
    found = dict(_measured(indicator, doses, persons))
    for denominator in indicator.denominator:
        reasons = day.reasons(context, indicator, indicator.codes, denominator, faults=faults)
        for words, yes in found.items():
            yield yes_no(
                indicator,
                joined(day.words, held.words, denominator_words(denominator), words),
                yes,
                reasons,
                late=late,
                period=day.period,
                account={**held.account, **doses.rows_by_step()},
            )


def _measured(indicator: DoseAboveLimit, doses: StatedDoses, persons: int) -> Iterator[tuple[str, Bools]]:
    daily = doses.daily()
    most = np.array([limit.most_mg for limit in indicator.limits])
    above = np.asarray(daily.milligrams > most[daily.substance], np.bool_)
    if "any" in indicator.measure:
        yield "measure=any", among(persons, daily.person[above])
    if "substance" in indicator.measure:
        for place, limit in enumerate(indicator.limits):
            yield f"substance={limit.atc}", among(persons, daily.person[above & (daily.substance == place)])
    if "assumed_dose" in indicator.measure:
        yield "measure=assumed_dose", doses.assumed(persons)
