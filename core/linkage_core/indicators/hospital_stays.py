"""Hospital stays of each person as half-open intervals [admitted, discharged)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage_core.events import PersonEvents
from linkage_core.indicators.follow_up import FAR, days
from linkage_core.indicators.values import Int32s, Int64s


@dataclass(frozen=True, slots=True)
class HospitalStays:
    """Stays of all persons, by person and day of admission; they may overlap.

    Args:
        offsets: int64, persons + 1.
        admitted, discharged: int32, one a stay; discharged lies after admitted.
    """

    offsets: Int64s
    admitted: Int32s
    discharged: Int32s


def no_stays(persons: int) -> HospitalStays:
    """Nobody was in hospital, or nobody asks."""
    return HospitalStays(np.zeros(persons + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32))


def hospital_stays(events: PersonEvents) -> HospitalStays:
    """The stays of a register's rows. A row without both dates is not a stay."""
    admitted = days(events.rows.column("admission_date"))
    discharged = days(events.rows.column("discharge_date"))
    person = events.person_of_row
    stays = np.flatnonzero((admitted < FAR) & (discharged < FAR) & (discharged > admitted))
    rises = np.diff(admitted[stays]) >= 0
    # A patient register is mostly sorted by day of admission.
    in_order = (rises | (np.diff(person[stays]) > 0)).all()
    order = stays if in_order else stays[np.lexsort((admitted[stays], person[stays]))]
    counts = np.bincount(person[order], minlength=len(events.offsets) - 1)
    return HospitalStays(
        np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        np.ascontiguousarray(admitted[order]),
        np.ascontiguousarray(discharged[order]),
    )


def stays_within(stays: HospitalStays, first: Int32s, until: Int32s) -> HospitalStays:
    """Those of each person that have a day in her own [first, until).

    Args:
        first, until: int32, one a person.
    """
    person = np.repeat(np.arange(len(first), dtype=np.int32), np.diff(stays.offsets))
    inside = (stays.discharged > first[person]) & (stays.admitted < until[person])
    counts = np.bincount(person[inside], minlength=len(first))
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    return HospitalStays(offsets, stays.admitted[inside], stays.discharged[inside])


def home_days(stays: HospitalStays, person: Int64s, day: Int32s) -> Int32s:
    """Days of persons with the hospital days before them left out: time without stays; FAR stays FAR.

    Args:
        person: int64, one a day: whose it is.
        day: int32.
    """
    if not len(stays.admitted):
        return day
    whose = np.repeat(np.arange(len(stays.offsets) - 1), np.diff(stays.offsets)) * _APART
    # Stays that overlap count once: of each only the days after all stays before it.
    reached = np.maximum.accumulate(whose + stays.discharged)
    begins = np.maximum(whose + stays.admitted, np.concatenate(([-_APART], reached[:-1])))
    length = np.maximum(whose + stays.discharged - begins, 0)
    before = np.concatenate(([0], np.cumsum(length)))
    asked = person * _APART + day
    place = np.searchsorted(begins, asked)
    # The last stay that began before the day may still last on it; what it has yet to come is taken off again.
    last = np.maximum(place - 1, 0)
    too_many = np.where(place > 0, np.maximum(reached[last] - asked, 0), 0)
    own = before[place] - before[stays.offsets[person]] - np.where(reached[last] // _APART == person, too_many, 0)
    return np.where(day < FAR, day - own, day).astype(np.int32)


_APART = 1 << 32
"""More days than there are: persons lie that far apart on one line."""
