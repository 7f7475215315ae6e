"""The life table: survival and cumulative incidence from counts by interval (Cutler and Ederer 1958).

Who leaves in an interval is at risk for half of it, on average. Numbers of an interval in which another way to end has
only one count are taken in proportion to its days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from linkage_core.survival.cumulative_incidence import CumulativeIncidence
from linkage_core.survival.day_histogram import Ending
from linkage_core.survival.kaplan_meier import Estimate, Floats, LimitsOf, limits, normal_quantile


class Span(NamedTuple):
    """So many persons ended so from a first to a last day, both included."""

    ending: Ending
    first: int
    last: int
    persons: float

    def until(self, day: int) -> float:
        """How many of them by a day, in proportion to days."""
        days = min(day, self.last) - self.first + 1
        return self.persons * max(days, 0) / (self.last - self.first + 1)


@dataclass(frozen=True, slots=True)
class Steps:
    """One entry an interval of the way to end that is asked about.

    Args:
        first, last: days of the interval.
        at_risk: float64, who had not ended before it.
        ended: float64, who ended this way in it.
        exposed: float64, who was at risk in it, of whom leaving ones count half.
        others: float64, who ended in it by the other way.
    """

    first: tuple[int, ...]
    last: tuple[int, ...]
    at_risk: Floats
    ended: Floats
    exposed: Floats
    others: Floats


def steps_of(persons: int, spans: Sequence[Span], *, of: Ending, competing: bool) -> Steps:
    """The intervals of one way to end.

    Args:
        persons: at the start.
        spans: all ways to end but to be followed to the last day; intervals of one way do not overlap.
        competing: the other way competes; else who ends by it leaves.
    """
    own = sorted((span for span in spans if span.ending is of), key=lambda span: span.first)
    rows = []
    for span in own:
        before = sum(one.until(span.first - 1) for one in spans)
        inside = dict.fromkeys(Ending, 0.0)
        for one in spans:
            inside[one.ending] += one.until(span.last) - one.until(span.first - 1)
        others = sum(inside[ending] for ending in (Ending.EVENT, Ending.COMPETING) if ending is not of)
        leaving = inside[Ending.CENSORED] + (0.0 if competing else others)
        at_risk = persons - before
        rows.append((at_risk, span.persons, at_risk - leaving / 2, others if competing else 0.0))
    columns = np.array(rows, np.float64).reshape(-1, 4).T
    return Steps(tuple(one.first for one in own), tuple(one.last for one in own), *columns)


def survival(steps: Steps, *, limits_of: LimitsOf, level: float = 0.95) -> list[Estimate]:
    """The share without the end after each interval; limits from Greenwood's variance."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share: Floats = np.asarray(np.cumprod(1 - steps.ended / steps.exposed), np.float64)
        hazards = steps.ended / (steps.exposed * (steps.exposed - steps.ended))
        spread: Floats = np.asarray(np.sqrt(np.cumsum(hazards)), np.float64)
        error = share * spread
        lower, upper = limits(share, spread, limits_of=limits_of, z=normal_quantile(level))
    for part in (error, lower, upper):
        part[share <= 0] = np.nan
    lower[share == 1] = upper[share == 1] = 1.0
    return [Estimate(*map(float, one)) for one in zip(share, error, lower, upper, strict=True)]


def incidence(steps: Steps, *, level: float = 0.95) -> list[Estimate]:
    """The share that has ended this way by the end of each interval, of all who started."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = steps.ended + steps.others
        free = np.concatenate(([1.0], np.cumprod(1 - ends / steps.exposed)))[: len(ends)]
        share = np.cumsum(free * steps.ended / steps.exposed)
    curve = CumulativeIncidence(steps.exposed, steps.ended, ends, free, share, level)
    return [curve.at(place) for place in range(len(ends))]


def falls_below(steps: Steps, share: Sequence[float], level: float) -> tuple[float, int, int] | None:
    """Day on which survival falls below a level, in proportion to days, and the interval's ends; None if never."""
    before = 1.0
    for after, first, last in zip(share, steps.first, steps.last, strict=False):
        if after < level <= before:
            return first + (before - level) / (before - after) * (last - first + 1), first, last
        before = after
    return None
