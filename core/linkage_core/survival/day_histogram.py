"""How many persons' time ended how on each day: all that the statistics of survival need.

Times are whole days, so counts by day lose nothing. They are integers and add up: histograms of two blocks of persons,
or of two registers, merge to that of all of them bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
UInt8s = npt.NDArray[np.uint8]


class Ending(IntEnum):
    """How a person's time ended."""

    CENSORED = 0
    EVENT = 1
    COMPETING = 2


@dataclass(frozen=True, slots=True)
class DayHistogram:
    """Persons by the day on which their time ended.

    Args:
        censored, events, competing: int64, one a day from day 0; of the same length, at least 1.
    """

    censored: Int64s
    events: Int64s
    competing: Int64s

    @property
    def persons(self) -> int:
        """All of them."""
        return int(self.ended.sum())

    @property
    def ended(self) -> Int64s:
        """int64, one a day: persons whose time ended then, however."""
        return self.censored + self.events + self.competing

    @property
    def at_risk(self) -> Int64s:
        """int64, one a day: persons whose time had not ended before that day."""
        return np.asarray(self.ended[::-1].cumsum()[::-1], np.int64)

    @property
    def last_day(self) -> int:
        """The last day on which anybody was seen; -1 for nobody."""
        days = np.flatnonzero(self.ended)
        return int(days[-1]) if len(days) else -1

    def merge(self, other: DayHistogram) -> DayHistogram:
        """The persons of both, who must not overlap."""
        days = max(len(self.events), len(other.events))
        mine, others = self._until(days), other._until(days)
        return DayHistogram(
            mine.censored + others.censored, mine.events + others.events, mine.competing + others.competing
        )

    def _until(self, days: int) -> DayHistogram:
        more = (0, days - len(self.events))
        return DayHistogram(np.pad(self.censored, more), np.pad(self.events, more), np.pad(self.competing, more))


def day_histograms(
    time: npt.NDArray[np.integer],
    ending: UInt8s,
    *,
    stratum: npt.NDArray[np.integer] | None = None,
    strata: int = 1,
) -> list[DayHistogram]:
    """Count persons by stratum, ending and day.

    Args:
        time: whole days, one a person.
        ending: `Ending`, one a person.
        stratum: position of each person's stratum, below `strata`; None puts all into the first.

    Raises:
        ValueError: a time is negative, an ending or stratum is not one.
    """
    place = np.zeros(len(time), np.int64) if stratum is None else np.asarray(stratum, np.int64)
    if not len(time) == len(ending) == len(place):
        raise ValueError("times, endings and strata must be of the same length")
    if len(time) and (time.min() < 0 or ending.max() > Ending.COMPETING or place.min() < 0 or place.max() >= strata):
        raise ValueError("a time is negative, or an ending or stratum is not one")
    days = int(time.max(initial=0)) + 1
    cell = (place * len(Ending) + ending) * days + time
    counts = np.bincount(cell, minlength=strata * len(Ending) * days).astype(np.int64).reshape(strata, -1, days)
    return [DayHistogram(one[Ending.CENSORED], one[Ending.EVENT], one[Ending.COMPETING]) for one in counts]
