"""The medication possession ratio."""

from __future__ import annotations

from typing import Literal

from linkage.indicator_kinds.common import (
    DenominatorGrid,
    IntervalName,
    Names,
    Observation,
    ShareGrid,
)
from linkage.indicator_kinds.supply_grid import WithSupply


class MedicationPossessionRatio(WithSupply):
    """Days of supply dispensed in the observation over its days: a ratio that may exceed 1 unless `cap_at_1`.

    With `start = "first_dispensing"` days count from the first dispensing in the observation, and persons without one
    are left out: CMA2 or, capped, CMA4, but for dispensings on the day after the last.
    """

    kind: Literal["medication_possession_ratio"]
    codes: Names
    observe: Observation
    start: Literal["index_date", "first_dispensing"] = "index_date"
    cap_at_1: bool = False
    threshold: ShareGrid = []
    denominator: DenominatorGrid = ["all"]
    statistic: list[Literal["mean", "count", "share"]] = ["mean", "count", "share"]
    interval: IntervalName = "wilson"
