"""Days of supply as numbers with a fraction, for kinds that compute in floating point."""

from __future__ import annotations

import numpy as np

from linkage.indicator_kinds import SupplyModel
from linkage_core.indicators.days_of_supply import DAY, DaysOfSupply
from linkage_core.indicators.dispensings import HUNDREDTHS, Dispensings
from linkage_core.indicators.reversals import NettedRows
from linkage_core.indicators.values import Float64s

IN_FULL = "days_supply_in_full"
"""Days of supply as a file has them, where they are not whole: beside the scaled column, which rounds them."""


def supply_in_full(dispensings: Dispensings, model: SupplyModel, netted: NettedRows, supply: DaysOfSupply) -> Float64s:
    """float64, one a picked row: days of supply, reversals taken off; 0 where nothing is left or no step answers.

    What a column of days of supply tells is not rounded to 1/64 days; the other steps tell 1/64 days.
    """
    lasting = supply.supply_64ths / DAY
    if "days_supply" not in model.steps or not (dispensings.has(IN_FULL) or _has_fractions(dispensings)):
        return lasting
    by_column = np.flatnonzero((supply.step == model.steps.index("days_supply")) & (supply.supply_64ths > 0))
    places = supply.picked.at(by_column)
    whole_packages = np.abs(dispensings.quantity[places]) / HUNDREDTHS
    days = _given(dispensings)[places] * (netted.left[places] / HUNDREDTHS) / whole_packages
    lasting[by_column] = np.minimum(days, model.cap_days)
    return lasting


def _has_fractions(dispensings: Dispensings) -> bool:
    return dispensings.has("days_supply") and dispensings.scale_of("days_supply") > 1


def _given(dispensings: Dispensings) -> Float64s:
    if dispensings.has(IN_FULL):
        return np.asarray(dispensings.column(IN_FULL).to_numpy(zero_copy_only=False), np.float64)
    days, scale = dispensings.whole_numbers("days_supply")
    return np.asarray(days / scale, np.float64)
