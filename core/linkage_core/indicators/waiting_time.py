"""Waiting times of persons: days since the last dispensing of a window, or to the first, and what they estimate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from linkage.indicator_kinds import WaitingTimeDistribution
from linkage.indicator_kinds.waiting_time import MOST_INDEX_DATES
from linkage_core.indicators.follow_up import FAR, day_number
from linkage_core.indicators.reasons import somebody
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.values import Bools, CellStatistic, Int64s, Measure, PersonValues
from linkage_core.person_sets import UInt64s
from linkage_core.waiting_time import DISTRIBUTIONS, Fitted, fit_waiting_times

_DAYS = np.int64(1) << 32
"""More than there are days, so that days of two persons never meet on one scale."""

_BEFORE = _DAYS // 2
"""Added to days, which may lie before 1970."""


@dataclass(frozen=True, slots=True)
class _Waited:
    """Waiting times; one entry a person and index day that has a dispensing in its window.

    Args:
        person: int64, position in the population; `days`: int64, whole days, below `window_days`.
        several: a person may stand here several times.
    """

    person: Int64s
    days: Int64s
    window_days: int
    several: bool


def evaluate_waiting_time_distribution(context: RunContext, indicator: WaitingTimeDistribution) -> list[PersonValues]:
    """For each distribution: each person's waiting time to her first index day, and the estimates from all of them."""
    register = indicator.register_name
    waited = _waited(context, indicator)
    days = np.full(context.persons, -1, np.int64)
    days[waited.person[::-1]] = waited.days[::-1]
    rules = [
        ("error:packages", context.without_packages(register, indicator.codes)),
        ("excluded:not_dispensed_in_window", somebody(days < 0)),
    ]
    reasons = context.reasons.settle(rules, no_rows=None)
    account = context.netting_account(register, indicator.reversals, indicator.codes)
    return [
        PersonValues(
            indicator=indicator,
            parameters=f"direction={indicator.direction};distribution={name}",
            measure=Measure.AMOUNT,
            value=reasons.value_of_counted(days),
            reason=reasons.reason,
            reasons=reasons.names,
            contributes=reasons.counted_with(days >= 0),
            account=account,
            counted=reasons.counted,
            incomplete=context.follow_up.register_end(register) < day_number(indicator.between.until),
            statistics=partial(_estimates, waited, reasons.counted, indicator.percentile, name),
        )
        for name in indicator.distribution
    ]


def _waited(context: RunContext, indicator: WaitingTimeDistribution) -> _Waited:
    register, between = indicator.register_name, indicator.between
    picked = context.set_rows(register, *indicator.codes)
    left = picked.of(context.netted(register, indicator.reversals).left)
    counts = (left > 0) & (picked.day < FAR) & context.in_force(register, indicator.codes, picked)
    of_row = np.repeat(np.arange(context.persons), np.diff(picked.offsets))
    place = of_row[counts] * _DAYS + picked.day[counts] + _BEFORE
    first, last = day_number(between.from_date), day_number(between.last)
    samples = [
        _drawn(indicator.seed, context.own_numbers, sample, days=between.days) + first
        for sample in range(indicator.random_index_dates)
    ] or [np.full(context.persons, last if indicator.direction == "reverse" else first, np.int64)]
    found = [_nearest(place, index, reverse=indicator.direction == "reverse") for index in samples]
    person, days = (np.concatenate(parts) for parts in zip(*found, strict=True))
    inside = days < between.days
    return _Waited(person[inside], days[inside], between.days, len(samples) > 1)


def _nearest(place: Int64s, index: Int64s, *, reverse: bool) -> tuple[Int64s, Int64s]:
    """Persons with a dispensing on or before (after) their index day, and the days between.

    Args:
        place: int64, one a dispensing, ascending: person and day on one scale.
        index: int64, one a person: day.
    """
    persons = np.arange(len(index), dtype=np.int64)
    wanted = persons * _DAYS + index + _BEFORE
    at = np.searchsorted(place, wanted, side="right") - 1 if reverse else np.searchsorted(place, wanted, side="left")
    inside = (at >= 0) & (at < len(place))
    own = inside.copy()
    own[inside] = place[at[inside]] // _DAYS == persons[inside]
    return persons[own], np.abs(place[at[own]] - wanted[own])


def _drawn(seed: int, persons: UInt64s, sample: int, *, days: int) -> Int64s:
    """int64, one a person: a day of the window, each as likely; the same for the same seed, person and sample.

    Numbers are mixed (splitmix64), so that nothing depends on a generator's order of work or version, nor on the block
    that a person is counted in.
    """
    with np.errstate(over="ignore"):
        number = persons * np.uint64(MOST_INDEX_DATES + 1) + np.uint64(sample)
        mixed = (number + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed ^= mixed >> np.uint64(31)
    return ((mixed >> np.uint64(32)) * np.uint64(days) >> np.uint64(32)).astype(np.int64)


def _estimates(waited: _Waited, counted: Bools, percentiles: list[int], name: str, among: Bools) -> list[CellStatistic]:
    """The estimates from some persons; NaN where they are too few or do not tell the distribution."""
    own = (among & counted)[waited.person]
    person, days = waited.person[own], waited.days[own]
    by_day = np.bincount(days, minlength=waited.window_days)
    several = (person, days) if waited.several else (None, None)
    fitted = fit_waiting_times(by_day, distribution=name, persons=several[0], days=several[1])
    observations, persons = float(len(days)), float(len(np.unique(person)))
    told = [*_durations(fitted, percentiles), *_parameters(fitted, name)]
    limits = "robust" if waited.several else "wald"
    note = "" if fitted else "not told by the data"
    return [
        CellStatistic(statistic, *numbers, numerator=observations, denominator=persons, interval=limits, note=note)
        for statistic, numbers in told
    ]


_UNKNOWN = (np.nan, np.nan, np.nan)


def _durations(fitted: Fitted | None, percentiles: list[int]) -> list[tuple[str, tuple[float, float, float]]]:
    durations = []
    for percentile in percentiles:
        days = fitted.within(percentile / 100) if fitted else None
        durations.append((f"days:{percentile}", (days.value, days.lower, days.upper) if days else _UNKNOWN))
    share = fitted.in_treatment if fitted else None
    return [*durations, ("in_treatment", (share.value, share.lower, share.upper) if share else _UNKNOWN)]


def _parameters(fitted: Fitted | None, name: str) -> list[tuple[str, tuple[float, float, float]]]:
    if fitted is None:
        return [(parameter, _UNKNOWN) for parameter in (*DISTRIBUTIONS[name].parameters, "log_likelihood")]
    told = {**fitted.parameters, "log_likelihood": fitted.log_likelihood}
    return [(parameter, (number, np.nan, np.nan)) for parameter, number in told.items()]
