"""Hospital stays of each person as half-open intervals [admitted, discharged)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from linkage.indicator_kinds import DrugUseModel, SupplyModel
from linkage_core.indicators.follow_up import FAR, days
from linkage_core.indicators.values import Int32s, Int64s

if TYPE_CHECKING:
    from linkage_core.indicators.run_context import RunContext


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


def hospital_stays(context: RunContext, model: SupplyModel | DrugUseModel) -> HospitalStays:
    """Stays that a model asks for; none where it ignores them. A row without both dates is not a stay."""
    empty = np.zeros(0, np.int32)
    if model.hospital == "ignore":
        return HospitalStays(np.zeros(context.persons + 1, np.int64), empty, empty)
    events = context.register_events(model.hospital_register)
    admitted = days(events.rows.column("admission_date"))
    discharged = days(events.rows.column("discharge_date"))
    person = events.person_of_row()
    stays = np.flatnonzero((admitted < FAR) & (discharged < FAR) & (discharged > admitted))
    order = stays[np.lexsort((admitted[stays], person[stays]))]
    counts = np.bincount(person[order], minlength=context.persons)
    return HospitalStays(
        np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        np.ascontiguousarray(admitted[order]),
        np.ascontiguousarray(discharged[order]),
    )
