"""Which class of a `ClassTable` each person of a block is in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from linkage.indicator_kinds import Indicator, LandmarkOutcome, Restart, TimeToDiscontinuation, TimeToInitiation
from linkage_core.class_table import ENDLESS, ClassKind, Ended, PersonClass, value_words
from linkage_core.indicators.proportion_of_days_covered import at_least
from linkage_core.indicators.values import Int64s, LineList, Measure, PersonValues, TimesToEvent

TimeToEvent = TimeToInitiation | TimeToDiscontinuation | Restart | LandmarkOutcome

NO_LINE = "none"
"""The path of who has no line."""

_STEPS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9)
_ROUNDING = 1e-12
"""Numbers that should reach a bound may miss it in their last bits: as much as thresholds grant them."""


class Classed(NamedTuple):
    """Classes, and int64, one a person, the class of each; of who has no value it says nothing."""

    kind: ClassKind
    classes: tuple[PersonClass, ...]
    of: Int64s


def classed(value: PersonValues) -> Classed | None:
    """The classes of a value; None where no statistic of its indicator is formed from them."""
    if value.measure is Measure.YES_NO or value.period is not None or not (told := value.indicator.told_by_class):
        return None
    if isinstance(value.indicator, TimeToEvent):
        return _of_times(value.indicator, value.times) if value.times is not None else None
    if "paths" in told:
        return _of_paths(value.lines) if value.lines is not None else None
    return _of_values(value)


def _of_times(indicator: TimeToEvent, times: TimesToEvent) -> Classed:
    last_days = _last_days(indicator)
    endings = [(Ended.EVENT, indicator.event_word), (Ended.CENSORED, "left")]
    if indicator.competing == "death":
        endings.insert(1, (Ended.COMPETING, "died"))
    classes = [
        PersonClass(f"days={first}..{last - 1};ended={word}", first, last - 1, ended, keep_upper=keeps and not number)
        for first, last in pairwise([0, *(day + 1 for day in last_days)])
        for keeps in [last - 1 in _kept_days(indicator)]
        for number, (ended, word) in enumerate(endings)
    ]
    still = PersonClass(f"days={last_days[-1]}..;ended=still_followed", last_days[-1], ENDLESS, Ended.STILL_FOLLOWED)
    place = np.full(3, -1, np.int64)
    for number, (ended, _) in enumerate(endings):
        place[ended] = number
    of = np.searchsorted(np.array(last_days), times.day) * len(endings) + place[times.ending]
    followed = (times.day >= last_days[-1]) & (times.ending == Ended.CENSORED)
    of[followed | (of >= len(classes))] = len(classes)
    return Classed(ClassKind.TIMES, (*classes, still), of)


def _last_days(indicator: TimeToEvent) -> list[int]:
    return sorted({*indicator.at_days, *_kept_days(indicator)})


def _kept_days(indicator: TimeToEvent) -> set[int]:
    """Days up to which events are also counted otherwise."""
    within = indicator.within_days if isinstance(indicator, Restart) else []
    return {*(min(day, indicator.follow_up_days) for day in within), indicator.follow_up_days}


def _of_values(value: PersonValues) -> Classed:
    thresholds = tuple(getattr(value.indicator, "threshold", ()))
    if value.measure is Measure.FRACTION:
        edges = sorted({*(place / 20 for place in range(1, 20)), *thresholds} - {0.0, 1.0})
        assert value.of is not None
        of = _reached(lambda edge: at_least(value.value, value.of, edge), edges, len(value.reason))  # type: ignore[arg-type]
        return Classed(ClassKind.VALUES, _bins((0.0, *edges, 1.0), thresholds), of)
    bounds = _bounds(thresholds)
    number = value.number if value.number is not None else value.value / value.scale
    of = np.searchsorted(np.array(bounds[1:-1]) - _ROUNDING, np.asarray(number, np.float64), side="right")
    return Classed(ClassKind.VALUES, _bins(bounds, thresholds), of.astype(np.int64))


def _reached(reaches: Callable[[float], np.ndarray], edges: Sequence[float], persons: int) -> Int64s:
    of = np.zeros(persons, np.int64)
    for edge in edges:
        of += reaches(edge)
    return of


@lru_cache
def _bounds(thresholds: tuple[float, ...]) -> tuple[float, ...]:
    """Twelve bins a power of ten, one of negative values, and one from each threshold on."""
    steps = {round(step * 10.0**power, 6) for power in range(-2, 9) for step in _STEPS}
    return (-ENDLESS, *sorted({0.0, *steps, *thresholds}), ENDLESS)


@lru_cache
def _bins(bounds: tuple[float, ...], thresholds: tuple[float, ...]) -> tuple[PersonClass, ...]:
    return tuple(
        PersonClass(value_words(lower, upper), lower, upper, keep_upper=upper in thresholds)
        for lower, upper in pairwise(bounds)
    )


def _of_paths(lines: LineList) -> Classed:
    number = lines.lines.astype(np.int64)
    has = np.arange(len(lines.treatment))[:, np.newaxis] < number
    # 0 is no treatment: behind the last line of a path only zeros stand.
    treatment = np.where(has, lines.treatment, 0)
    distinct, of = np.unique(treatment.T, axis=0, return_inverse=True)
    return Classed(
        ClassKind.PATHS, tuple(_path(lines, path.tolist()) for path in distinct), of.ravel().astype(np.int64)
    )


def _path(lines: LineList, path: Sequence[int]) -> PersonClass:
    treatments = [_treatment(lines, one) for one in path if one]
    return PersonClass(f"path={' - '.join(treatments) or NO_LINE}", len(treatments), len(treatments))


def _treatment(lines: LineList, groups: int) -> str:
    """The groups of a treatment, in the order of the definition."""
    return "+".join(name for bit, name in enumerate(lines.groups) if groups >> bit & 1)


def shared_words(indicator: Indicator, parameters: str) -> str:
    """Parameters without what parts of one whole differ in: their classes are of one axis."""
    parts = ("pdc=", *([f"{indicator.by_reason.rule}_reason="] if indicator.by_reason else []))
    return ";".join(part for part in parameters.split(";") if not part.startswith(parts))
