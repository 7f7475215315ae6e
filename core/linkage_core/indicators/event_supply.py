"""Dispensings as events: supply, drug and dose of each row, and what the kernel of CMA1 to CMA9 makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import MedicationAvailability
from linkage_core.indicators.anchored_windows import PersonWindows
from linkage_core.indicators.daily_dose import daily_dose
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.supply_in_full import supply_in_full
from linkage_core.indicators.values import Bools, EventList, Float64s, Int32s, Int64s, UInt8s
from linkage_core.kernels.medication_availability import list_events, measure_availability

_NO_EVENT_ROW = -1.0


@dataclass(frozen=True, slots=True)
class EventSupply:
    """Rows of an indicator's codes, as the kernel reads them.

    Args:
        offsets: int64, persons + 1: rows of person i are [offsets[i], offsets[i + 1]).
        day, drug: int32, one a row.
        supply: float64, one a row: days; negative where it is no event, 0 where its days are not told.
        dose: float64, one a row; empty where no dose is read.
        without_packages: bool, one a row: it does not tell its packages.
        account: rows by the step that told their supply.
    """

    indicator: MedicationAvailability
    offsets: Int64s
    day: Int32s
    drug: Int32s
    supply: Float64s
    dose: Float64s
    without_packages: Bools
    account: dict[str, int]

    def first_event(self, *, from_day: Int32s | None = None) -> Int32s:
        """int32, one a person: the day of her first event, FAR for none; from each person's `from_day` on."""
        is_event = (self.supply >= 0) & (self.day < FAR)
        if from_day is not None:
            is_event &= self.day >= np.repeat(from_day, np.diff(self.offsets))
        events = np.flatnonzero(is_event)
        first = np.searchsorted(events, self.offsets)
        days = np.append(self.day[events], FAR)[first[:-1]]
        return np.where(first[1:] > first[:-1], days, FAR).astype(np.int32)

    def measured(self, windows: PersonWindows, measures: Sequence[str]) -> tuple[Float64s, UInt8s]:
        """Value and state by measure, window and person; states as the kernel's stub tells them."""
        shape = (len(measures), *windows.start.shape)
        number, state = np.zeros(shape), np.zeros(shape, np.uint8)
        places = np.full(9, -1, np.int8)
        for place, measure in enumerate(measures):
            places[int(measure.removeprefix("cma")) - 1] = place
        measure_availability(
            self.offsets,
            self.day,
            self.drug,
            self.supply,
            self.dose,
            windows.follow_up_start,
            windows.follow_up_end,
            windows.start,
            windows.end,
            places,
            number,
            state,
            corrected=self.indicator.mode == "corrected",
            same_medication=self.indicator.same_medication,
            dosage_change=self.indicator.dosage_change,
        )
        return number, state

    def events(self, windows: PersonWindows) -> EventList:
        """Interval, gap and carry-in of each event in the first of the windows."""
        rows = len(self.day)
        person, day = np.empty((2, rows), np.int32)
        lasts, interval, gap, carried = np.empty((4, rows))
        found = list_events(
            self.offsets,
            self.day,
            self.drug,
            self.supply,
            self.dose,
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
            corrected=self.indicator.mode == "corrected",
            same_medication=self.indicator.same_medication,
            dosage_change=self.indicator.dosage_change,
        )
        return EventList(
            person[:found].astype(np.int64), day[:found], lasts[:found], interval[:found], gap[:found], carried[:found]
        )


def event_supply(context: RunContext, indicator: MedicationAvailability) -> EventSupply:
    """Read the rows of an indicator.

    Raises:
        EventsRejected: a column is missing.
    """
    register, model = indicator.register_name, context.definition.supply[indicator.supply]
    rows, netted = context.dispensings(register), context.netted(register, model.reversals)
    answered = context.supply(register, indicator.supply, *indicator.codes)
    picked = context.set_rows(register, *indicator.codes)
    missing = rows.quantity_missing[picked.places]
    belongs = context.in_force(register, indicator.codes, picked)
    if indicator.end_at_exit:
        # The last day of a window belongs to it, the day of death or emigration to nobody's observation.
        belongs &= picked.day < np.repeat(context.time.exit(register), np.diff(picked.offsets))
    is_event = belongs & ((netted.left[picked.places] > 0) | missing)
    days = supply_in_full(rows, model, netted, answered)
    dose = daily_dose(rows)[picked.places] if indicator.dosage_change else np.zeros(0)
    return EventSupply(
        indicator=indicator,
        offsets=picked.offsets,
        day=picked.day,
        drug=np.ascontiguousarray(rows.atc.code[picked.places]),
        supply=np.where(is_event, days, _NO_EVENT_ROW),
        dose=np.ascontiguousarray(dose),
        without_packages=belongs & missing,
        account=answered.account,
    )
