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
    person = events.person_of_row()
    stays = np.flatnonzero((admitted < FAR) & (discharged < FAR) & (discharged > admitted))
    order = stays[np.lexsort((admitted[stays], person[stays]))]
    counts = np.bincount(person[order], minlength=len(events.offsets) - 1)
    return HospitalStays(
        np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        np.ascontiguousarray(admitted[order]),
        np.ascontiguousarray(discharged[order]),
    )
