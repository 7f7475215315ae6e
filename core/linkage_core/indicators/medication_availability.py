"""CMA1 to CMA9: continuous medication availability of each person, all measures from one pass over her rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from linkage.indicator_kinds import MedicationAvailability
from linkage_core.indicators.anchored_windows import (
    PersonWindows,
    episode_windows,
    person_windows,
    sliding,
    whole_follow_up,
)
from linkage_core.indicators.event_supply import EventSupply, event_supply
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.hospital_stays import HospitalStays, home_days
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.values import (
    NO_ROWS,
    NO_TIME,
    Float64s,
    Int32s,
    Int64s,
    Measure,
    PersonValues,
    Threshold,
    UInt8s,
)

SCALE = 1_000_000
"""Units per whole of a value that is added up: millionths, rounded half up."""

# Values are quotients of days and thresholds have few decimals: what rounding in binary takes away is given back.
_ROUNDING = 1e-12
# Reasons by the kernel's states, in the order in which they are given.
_REASONS = (
    (4, "error:days_supply"),
    (5, "error:daily_dose"),
    (1, NO_ROWS),
    (2, "excluded:one_event"),
    (3, NO_TIME),
    (6, "error:observation"),
)


def evaluate_medication_availability(context: RunContext, indicator: MedicationAvailability) -> list[PersonValues]:
    """For each window, measure and denominator: the value, and whether it reaches each threshold."""
    calendar = event_supply(context, indicator)
    observed = person_windows(context, indicator, first_event=lambda day: calendar.first_event(from_day=day))
    clock = _clock(context, indicator)
    supply = calendar if clock is None else replace(calendar, day=clock.rows(calendar))
    values: list[PersonValues] = []
    for windows in _windows(indicator, supply, observed, clock):
        number, state = supply.measured(windows, indicator.measure)
        common = _Common(context, indicator, supply, windows)
        for place, measure in enumerate(indicator.measure):
            for window in range(len(windows.start)):
                values += common.values(measure, window, number[place, window], state[place, window])
    if clock is not None:
        # Events in home days could not be told by their dates.
        return values
    return [replace(values[0], events=partial(supply.events, observed)), *values[1:]]


@dataclass(frozen=True, slots=True)
class _HomeClock:
    """Time without days in hospital: there nothing is used, and its days are not counted."""

    stays: HospitalStays

    def rows(self, supply: EventSupply) -> Int32s:
        """int32, one a row: its day."""
        person = np.repeat(np.arange(len(supply.offsets) - 1), np.diff(supply.offsets))
        return home_days(self.stays, person, supply.day)

    def windows(self, windows: PersonWindows) -> PersonWindows:
        """Follow-up and windows; the planned end stays a day of the calendar."""
        return replace(
            windows,
            follow_up_start=self._days(windows.follow_up_start),
            follow_up_end=self._days(windows.follow_up_end),
            start=np.stack([self._days(days) for days in windows.start]),
            end=np.stack([self._days(days) for days in windows.end]),
        )

    def _days(self, day: Int32s) -> Int32s:
        return home_days(self.stays, np.arange(len(day)), day)


def _clock(context: RunContext, indicator: MedicationAvailability) -> _HomeClock | None:
    model = context.definition.supply[indicator.supply]
    return None if model.hospital == "ignore" else _HomeClock(context.stays(model))


def _windows(
    indicator: MedicationAvailability, supply: EventSupply, observed: PersonWindows, clock: _HomeClock | None
) -> Iterator[PersonWindows]:
    at_home = observed if clock is None else clock.windows(observed)
    if indicator.episodes is not None:
        whole = whole_follow_up(at_home)
        yield from episode_windows(
            whole,
            supply.events(whole),
            gap_days=indicator.episodes.gap_days,
            count=indicator.episodes.count,
            equality_ends=indicator.mode == "compat",
        )
    elif indicator.sliding is not None:
        slid = sliding(observed, indicator.sliding)
        yield slid if clock is None else clock.windows(slid)
    else:
        yield at_home


@dataclass(frozen=True, slots=True)
class _Common:
    """What the values of some windows have in common."""

    context: RunContext
    indicator: MedicationAvailability
    supply: EventSupply
    windows: PersonWindows

    def values(self, measure: str, window: int, number: Float64s, state: UInt8s) -> Iterator[PersonValues]:
        """The values of one measure in one window."""
        context, late = self.context, self._late()
        words = joined(f"measure={measure}", self.windows.words[window])
        for denominator in self.indicator.denominator:
            rules = [
                *self.windows.rules,
                (NO_ROWS, somebody(self.supply.first_event() >= FAR)),
                *self.windows.window_rules[window],
                ("error:packages", self._without_packages()),
                *((reason, somebody(state == one)) for one, reason in _REASONS),
                *context.time.alive_at_end_rule(denominator, self.windows.planned_end),
                *context.excluded_as_incomplete(late),
            ]
            reasons = context.reasons.settle(rules, no_rows=None)
            # AdhereR's infinity and NaN are shown to whoever has them for that reason alone.
            undefined = ~np.isfinite(number) & (reasons.reason == reasons.names.index(NO_TIME))
            shown = np.where(reasons.counted | undefined, number, 0.0)
            value = PersonValues(
                indicator=self.indicator,
                parameters=joined(words, denominator_words(denominator)),
                measure=Measure.AMOUNT,
                value=in_millionths(np.where(reasons.counted, number, 0.0)),
                scale=SCALE,
                reason=reasons.reason,
                reasons=reasons.names,
                contributes=reasons.counted,
                incomplete=reasons.any_counted(late),
                account=self.supply.account,
                counted=reasons.counted,
                number=shown,
            )
            yield value
            for threshold in self.indicator.threshold:
                reached = reasons.counted_with(np.asarray(shown >= threshold - _ROUNDING, np.bool_))
                yield replace(
                    value,
                    parameters=joined(value.parameters, f"at_least={threshold:g}"),
                    measure=Measure.YES_NO,
                    value=reached.astype(np.int64),
                    scale=1,
                    contributes=None,
                    number=None,
                    threshold=Threshold(value.parameters),
                )

    def _late(self) -> Persons:
        """Persons whose observation reaches past what the register holds in full while they are still observed."""
        planned = np.where(self.windows.planned_end < FAR, self.windows.planned_end, np.int32(0))
        observed = np.minimum(planned, self.context.time.exit("", death_ends=True))
        return somebody(observed > self.context.follow_up.register_end(self.indicator.register_name))

    def _without_packages(self) -> Persons:
        """Persons with a row inside follow-up that does not tell its packages."""
        faulty = np.flatnonzero(self.supply.without_packages)
        if not len(faulty):
            return None
        person = np.searchsorted(self.supply.offsets, faulty, side="right") - 1
        day = self.supply.day[faulty]
        inside = (day >= self.windows.follow_up_start[person]) & (day <= self.windows.follow_up_end[person])
        found = np.zeros(self.context.persons, np.bool_)
        found[person[inside]] = True
        return somebody(found)


def in_millionths(number: Float64s) -> Int64s:
    """Values in units of 1 / `SCALE`, rounded half up."""
    return np.floor(number * SCALE + 0.5).astype(np.int64)
