"""CMA1 to CMA9: continuous medication availability of each person, in one pass over her rows for all measures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from linkage.indicator_kinds import MedicationAvailability
from linkage_core.indicators.anchored_windows import PersonWindows, person_windows
from linkage_core.indicators.codes import validity
from linkage_core.indicators.daily_dose import daily_dose
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.set_rows import SetRows
from linkage_core.indicators.supply_in_full import supply_in_full
from linkage_core.indicators.values import (
    NO_ROWS,
    NO_TIME,
    Bools,
    Float64s,
    Int32s,
    Int64s,
    Measure,
    PersonValues,
    UInt8s,
)
from linkage_core.kernels.medication_availability import list_events, measure_availability

SCALE = 1_000_000
"""Units per whole of a value that is added up: millionths, rounded half up."""

_NO_EVENT_ROW = -1.0
# Values are quotients of days and thresholds have few decimals: what rounding in binary takes away is given back.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class _Supply:
    """Rows of the indicator's codes, as the kernel reads them.

    Args:
        supply: float64, one a picked row: days; negative where it is no event, 0 where its days are not told.
        dose: float64, one a picked row; empty where no dose is read.
        without_packages: bool, one a picked row: it does not tell its packages.
        account: rows by the step that told their supply.
    """

    picked: SetRows
    drug: Int32s
    supply: Float64s
    dose: Float64s
    without_packages: Bools
    account: dict[str, int]

    @property
    def first_event(self) -> Int32s:
        """int32, one a person: the day of her first event, FAR for none."""
        events = np.flatnonzero((self.supply >= 0) & (self.picked.day < FAR))
        first = np.searchsorted(events, self.picked.offsets)
        days = np.append(self.picked.day[events], FAR)[first[:-1]]
        return np.where(first[1:] > first[:-1], days, FAR).astype(np.int32)


class SupplyEvents(NamedTuple):
    """Events inside follow-up by person and day, as CMA7 sees them; one entry an event.

    Args:
        person: int32, position in the population; `day`: int32, day number.
        supply: float64, days of supply of the row, or corrected of the day.
        interval: float64, days until the next event or the end of the observation; NaN outside the observation.
        gap, carry_in: float64, days of the interval without supply, and of supply carried in; NaN after observation.
    """

    person: Int32s
    day: Int32s
    supply: Float64s
    interval: Float64s
    gap: Float64s
    carry_in: Float64s


def evaluate_medication_availability(context: RunContext, indicator: MedicationAvailability) -> list[PersonValues]:
    """For each measure, sliding window and denominator: the value, and whether it reaches each threshold."""
    supply = _supply(context, indicator)
    windows = person_windows(context, indicator, first_event=supply.first_event)
    number, state = _measured(indicator, supply, windows)
    return [
        value
        for place, measure in enumerate(indicator.measure)
        for window in range(len(windows.start))
        for value in _values(
            _Cell(context, indicator, supply, windows, measure, window), number[place, window], state[place, window]
        )
    ]


def supply_events(context: RunContext, indicator: MedicationAvailability) -> SupplyEvents:
    """Interval, gap and carry-in of each event of each person in her observation."""
    supply = _supply(context, indicator)
    whole = indicator.model_copy(update={"sliding": None})
    windows = person_windows(context, whole, first_event=supply.first_event)
    rows = len(supply.picked.day)
    person, day = np.empty((2, rows), np.int32)
    lasts, interval, gap, carried = np.empty((4, rows))
    events = list_events(
        supply.picked.offsets,
        supply.picked.day,
        supply.drug,
        supply.supply,
        supply.dose,
        windows.follow_up_start,
        windows.follow_up_end,
        windows.start[0],
        windows.end[0],
        person,
        day,
        lasts,
        interval,
        gap,
        carried,
        corrected=indicator.mode == "corrected",
        same_medication=indicator.same_medication,
        dosage_change=indicator.dosage_change,
    )
    return SupplyEvents(
        person[:events], day[:events], lasts[:events], interval[:events], gap[:events], carried[:events]
    )


def _supply(context: RunContext, indicator: MedicationAvailability) -> _Supply:
    register, model = indicator.register_name, context.definition.supply[indicator.supply]
    rows, netted = context.dispensings(register), context.netted(register, model.reversals)
    answered = context.supply(register, indicator.supply)
    picked = context.set_rows(register, *indicator.codes)
    days = supply_in_full(rows, model, netted, answered)[picked.places]
    missing = rows.quantity_missing[picked.places]
    counts = _counts(context, indicator, picked)
    is_event = counts & ((netted.left[picked.places] > 0) | missing)
    dose = daily_dose(rows)[picked.places] if indicator.dosage_change else np.zeros(0)
    return _Supply(
        picked=picked,
        drug=np.ascontiguousarray(rows.atc.code[picked.places]),
        supply=np.where(is_event, days, _NO_EVENT_ROW),
        dose=np.ascontiguousarray(dose),
        without_packages=counts & missing,
        account=answered.account(picked.places),
    )


def _counts(context: RunContext, indicator: MedicationAvailability, picked: SetRows) -> Bools:
    """bool, one a picked row: a code set holds it on its day."""
    bounds = {name: validity(context.code_set(name)) for name in indicator.codes}
    if all(bound == validity(None) for bound in bounds.values()):
        return np.ones(len(picked.day), np.bool_)
    counts = np.zeros(len(picked.day), np.bool_)
    for name, (first, last) in bounds.items():
        inside = (picked.day >= first) & (picked.day < last)
        counts |= context.belong(indicator.register_name, [name], picked.places) & inside
    return counts


def _measured(indicator: MedicationAvailability, supply: _Supply, windows: PersonWindows) -> tuple[Float64s, UInt8s]:
    """Value and state by measure, window and person."""
    shape = (len(indicator.measure), *windows.start.shape)
    number, state = np.zeros(shape), np.zeros(shape, np.uint8)
    places = np.full(9, -1, np.int8)
    for place, measure in enumerate(indicator.measure):
        places[int(measure.removeprefix("cma")) - 1] = place
    measure_availability(
        supply.picked.offsets,
        supply.picked.day,
        supply.drug,
        supply.supply,
        supply.dose,
        windows.follow_up_start,
        windows.follow_up_end,
        np.ascontiguousarray(windows.start, np.int32),
        np.ascontiguousarray(windows.end, np.int32),
        places,
        number,
        state,
        corrected=indicator.mode == "corrected",
        same_medication=indicator.same_medication,
        dosage_change=indicator.dosage_change,
    )
    return number, state


# Reasons by the kernel's states, beside those of windows.
_REASONS = (
    (4, "error:days_supply"),
    (5, "error:daily_dose"),
    (1, NO_ROWS),
    (2, "excluded:one_event"),
    (3, NO_TIME),
    (6, "error:observation"),
)


@dataclass(frozen=True, slots=True)
class _Cell:
    """One measure in one window."""

    context: RunContext
    indicator: MedicationAvailability
    supply: _Supply
    windows: PersonWindows
    measure: str
    window: int

    @property
    def words(self) -> str:
        """Its parameters."""
        return joined(f"measure={self.measure}", f"window={self.window + 1}" if self.indicator.sliding else "")

    def late(self) -> Persons:
        """Persons whose observation reaches past what the register holds in full while they are still observed."""
        planned = np.where(self.windows.planned_end < FAR, self.windows.planned_end, np.int32(0))
        observed = np.minimum(planned, self.context.time.exit("", death_ends=True))
        return somebody(observed > self.context.follow_up.register_end(self.indicator.register_name))

    def rules(self, state: UInt8s) -> Iterator[tuple[str, Persons]]:
        """Who has no value, and why."""
        yield from self.windows.rules
        yield NO_ROWS, somebody(self.supply.first_event >= FAR)
        yield "error:packages", self._without_packages()
        yield NO_TIME, self.windows.without_time[self.window]
        for number, reason in _REASONS:
            yield reason, somebody(state == number)

    def _without_packages(self) -> Persons:
        faulty = np.flatnonzero(self.supply.without_packages)
        if not len(faulty):
            return None
        person = np.searchsorted(self.supply.picked.offsets, faulty, side="right") - 1
        day = self.supply.picked.day[faulty]
        inside = (day >= self.windows.follow_up_start[person]) & (day <= self.windows.follow_up_end[person])
        found = np.zeros(self.context.persons, np.bool_)
        found[person[inside]] = True
        return somebody(found)


def _values(cell: _Cell, number: Float64s, state: UInt8s) -> Iterator[PersonValues]:
    context, indicator = cell.context, cell.indicator
    late = cell.late()
    for denominator in indicator.denominator:
        rules = [
            *cell.rules(state),
            *context.time.alive_at_end_rule(denominator, cell.windows.planned_end),
            *context.excluded_as_incomplete(late),
        ]
        reasons = context.reasons.settle(rules, no_rows=None)
        words = joined(cell.words, denominator_words(denominator))
        # AdhereR's infinity and NaN are shown to whoever has them for that reason alone.
        undefined = ~np.isfinite(number) & (reasons.reason == reasons.names.index(NO_TIME))
        shown = np.where(reasons.counted | undefined, number, 0.0)
        value = PersonValues(
            indicator=indicator,
            parameters=words,
            measure=Measure.AMOUNT,
            value=in_millionths(np.where(reasons.counted, number, 0.0)),
            scale=SCALE,
            reason=reasons.reason,
            reasons=reasons.names,
            contributes=reasons.counted,
            incomplete=reasons.any_counted(late),
            account=cell.supply.account,
            counted=reasons.counted,
            number=shown,
        )
        yield value
        for threshold in indicator.threshold:
            reached = reasons.counted_with(np.asarray(shown >= threshold - _ROUNDING)).astype(np.int64)
            at_least = joined(words, f"at_least={threshold:g}")
            yield replace(
                value,
                parameters=at_least,
                measure=Measure.YES_NO,
                value=reached,
                scale=1,
                contributes=None,
                number=None,
            )


def in_millionths(number: Float64s) -> Int64s:
    """Values in units of 1 / `SCALE`, rounded half up."""
    return np.floor(number * SCALE + 0.5).astype(np.int64)
