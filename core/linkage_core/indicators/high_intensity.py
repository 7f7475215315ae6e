"""Treatment of high intensity: the daily dose of the last dispensing before a day, against thresholds of substances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import HighIntensity
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.faulty_rows import persons_with_faulty
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.reasons import among, somebody
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.set_supply import dispensed_of_sets, drugs_of_sets
from linkage_core.indicators.stated_dose import StatedDoses, stated_doses
from linkage_core.indicators.values import NO_TIME, Bools, Int32s, Int64s, PersonValues
from linkage_core.indicators.yes_no import yes_no
from linkage_core.kernels.last_rows import last_rows


def evaluate_high_intensity(context: RunContext, indicator: HighIntensity) -> list[PersonValues]:
    """For each day, denominator and measure: whose dose is high, and whose was assumed."""
    return [value for day in indicator.at_day for value in _on_day(context, indicator, day)]


@dataclass(frozen=True, slots=True)
class _LastRows:
    """Rows of each person's last day of dispensing before a day.

    Args:
        places: int64, positions in the register; `person`: int64, `code`: int32, one a place.
        treated: bool, one a person: she has some.
    """

    places: Int64s
    person: Int64s
    code: Int32s
    treated: Bools


def _on_day(context: RunContext, indicator: HighIntensity, day: int) -> Iterator[PersonValues]:
    register, time, persons = indicator.register_name, context.time, context.persons
    rows = context.dispensings(register)
    after = time.at(Moment(day))
    first = np.full(persons, -(1 << 30), np.int32)
    if indicator.last_within_days != "any":
        first = time.at(Moment(day - indicator.last_within_days))
    last = _last_rows(context, indicator, first, after)
    doses = _doses(rows, indicator, last)
    missing = persons_with_faulty(context, register, indicator.codes, rows.without_quantity, first=first, after=after)
    late = time.incomplete(register, Moment(day))
    rules = [
        ("error:index_date", time.without_index()),
        ("error:packages", missing),
        *doses.faults(persons),
        (NO_TIME, time.without_time(register, Moment(day - 1), death_ends=False)),
        *context.excluded_as_incomplete(late),
        *([("excluded:not_dispensed", somebody(~last.treated))] if indicator.among == "treated" else []),
    ]
    found = {"high_intensity": _high(doses, indicator, persons), "assumed_dose": doses.assumed(persons)}
    account = doses.rows_by_step() | {"rows_without_threshold": len(last.places) - len(doses.person)}
    no_rows = context.without_rows(register, indicator.codes, rule=indicator.reversals)
    for denominator in indicator.denominator:
        alive = time.alive_rule(denominator, Moment(day), at=str(day))
        reasons = context.reasons.settle([*rules, *alive], no_rows=no_rows)
        for measure in indicator.measure:
            words = joined(f"at_day={day}", denominator_words(denominator), f"measure={measure}")
            yield yes_no(indicator, words, found[measure], reasons, late=late, account=account)


def _last_rows(context: RunContext, indicator: HighIntensity, first: Int32s, after: Int32s) -> _LastRows:
    """Rows of the last day in [first, after) with a dispensing of the codes."""
    register = indicator.register_name
    picked = context.set_rows(register, *indicator.codes)
    dispensed = dispensed_of_sets(context, register, indicator.codes, indicator.reversals)
    place, person = np.empty((2, len(picked.day)), np.int64)
    treated = np.empty(context.persons, np.uint8)
    found = last_rows(picked.offsets, picked.day, dispensed, first, after, place, person, treated)
    own = place[:found]
    places = picked.at(own)
    code = drugs_of_sets(context, register, indicator.codes)[own]
    return _LastRows(places, person[:found], code, treated.view(np.bool_))


def _doses(rows: Dispensings, indicator: HighIntensity, last: _LastRows) -> StatedDoses:
    """What the rows say about dose, where their substance has a threshold."""
    of_atc = {threshold.atc: place for place, threshold in enumerate(indicator.thresholds)}
    of_code = np.array([*(of_atc.get(name[:7], -1) for name in rows.atc.names), -1], np.int64)
    threshold = of_code[last.code]
    known = np.flatnonzero(threshold >= 0)
    return stated_doses(
        rows,
        last.places[known],
        last.person[known],
        threshold[known],
        components=[one.component for one in indicator.thresholds],
        steps=indicator.dose,
        bare_number_is_mg=indicator.bare_number == "mg",
    )


def _high(doses: StatedDoses, indicator: HighIntensity, persons: int) -> Bools:
    """Who reaches the threshold of a substance."""
    daily = doses.daily()
    least = np.array([threshold.least_mg for threshold in indicator.thresholds])
    return among(persons, daily.person[daily.milligrams >= least[daily.substance]])
