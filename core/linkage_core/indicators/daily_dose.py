"""The daily dose of each dispensing, where a register tells it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linkage_core.indicators.dispensings import Dispensings

DOSE_IN_FULL = "daily_dose_in_full"
"""Daily doses as a file has them, beside the scaled column, which rounds them: how long what is left of a drug lasts at
a new dose follows from both."""


def daily_dose(dispensings: Dispensings) -> npt.NDArray[np.float64]:
    """float64, one a row: NaN where it is missing or not above 0.

    Raises:
        EventsRejected: the register does not have it.
    """
    if dispensings.has(DOSE_IN_FULL):
        given = np.asarray(dispensings.column(DOSE_IN_FULL).to_numpy(zero_copy_only=False), np.float64)
        return np.where(given > 0, given, np.nan)
    doses, scale = dispensings.whole_numbers("daily_dose")
    return np.where(doses > 0, doses / scale, np.nan)
