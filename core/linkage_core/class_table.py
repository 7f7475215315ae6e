"""Persons told apart by one class each: how and when a time ended, between which values one lies, which path they took.

Classes are a stratum of the persons who have a value: they add up to them in every cell. Curves, quantiles and paths of
an order are formed from such counts and from nothing else (docs/decisions/counts-by-class.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linkage_core.survival import Ending

Int64s = npt.NDArray[np.int64]


ENDLESS = float(1 << 53)
"""A bound that nothing reaches."""


class ClassKind(StrEnum):
    """What classes are by."""

    TIMES = "times"
    VALUES = "values"
    PATHS = "paths"


class Ended(IntEnum):
    """How a time ended, and that it had not by the last day; 0 of classes that are no times."""

    CENSORED = Ending.CENSORED
    EVENT = Ending.EVENT
    COMPETING = Ending.COMPETING
    STILL_FOLLOWED = 3


class PersonClass(NamedTuple):
    """One class.

    Args:
        words: what it is, as a parameter such as "days=31..90;ended=discontinued"; no two of an axis are alike.
        lower, upper: of times the first and last day; of values from which and below which; of paths the number of
            lines, twice.
        ended: of times.
        keep_upper: no class may lie on both sides of `upper`: something else in the table is counted up to there.
        rest: gathers rare paths.
    """

    words: str
    lower: float
    upper: float = ENDLESS
    ended: Ended = Ended.CENSORED
    keep_upper: bool = False
    rest: bool = False


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """Persons of one point by class, of one block or several.

    Args:
        kind: what classes are by.
        classes: those that there are, in the order in which they were met.
        by_grid: for each grid int64, cells x classes.
    """

    kind: ClassKind
    classes: tuple[PersonClass, ...]
    by_grid: tuple[Int64s, ...]

    def merge(self, other: ClassCounts) -> ClassCounts:
        """The persons of both, who must not overlap."""
        classes = tuple(dict.fromkeys((*self.classes, *other.classes)))
        pairs = zip(self._placed(classes), other._placed(classes), strict=True)
        return ClassCounts(self.kind, classes, tuple(one + two for one, two in pairs))

    def _placed(self, classes: tuple[PersonClass, ...]) -> tuple[Int64s, ...]:
        if classes == self.classes:
            return self.by_grid
        place = {one: number for number, one in enumerate(classes)}
        own = [place[one] for one in self.classes]
        found = []
        for counts in self.by_grid:
            wider = np.zeros((len(counts), len(classes)), np.int64)
            wider[:, own] = counts
            found.append(wider)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class ClassTable:
    """Counts by class of one indicator at one parameter point, over some strata, and what is told of them.

    Args:
        indicator, parameters: as in `Line`.
        kind: what classes are by.
        statistics: those that the indicator asks for.
        persons_key: PersonCube over `dimensions` and `axis`; the total of the axis is who has a value.
        dimensions: names of the strata.
        axis: name of the stratum of classes; its levels are the words of `classes`.
        classes: in the order of days or values; those of paths by number of lines.
        sum_key: SumCube over `dimensions` of the amount that values are of, where it is counted; else empty.
        event: what the event of a time is called; else empty.
        competes: another end competes with the event of a time.
        limits_of: kind of interval, of curves "log-log" or "log", of shares as in `Line`.
        incomplete: as in `Line`.
    """

    indicator: str
    parameters: str
    kind: ClassKind
    statistics: tuple[str, ...]
    persons_key: str
    dimensions: tuple[str, ...]
    axis: str
    classes: tuple[PersonClass, ...]
    sum_key: str = ""
    event: str = ""
    competes: bool = False
    limits_of: str = ""
    incomplete: bool = False


class ClassSum(NamedTuple):
    """States that a set of persons is made up of some of the classes of an axis.

    Args:
        set_key: the set.
        persons_key, axis: whose classes.
        inside: classes all of whose persons are in the set, by their words, where `exact`.
        touching: classes that together hold all of it.
        exact: persons of the set are all that the classes `inside` have; else some of those that `touching` have.
    """

    set_key: str
    persons_key: str
    axis: str
    inside: tuple[str, ...]
    touching: tuple[str, ...]
    exact: bool


def value_words(lower: float, upper: float) -> str:
    """The bin of values from `lower` on and below `upper`; open where nothing bounds it."""
    low, high = ("" if abs(end) == ENDLESS else f"{end:.9g}" for end in (lower, upper))
    return f"value={low}..{high}"
