"""The daily dose of each dispensing, where a register tells it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linkage_core.indicators.dispensings import Dispensings


def daily_dose(dispensings: Dispensings) -> npt.NDArray[np.float64]:
    """float64, one a row: NaN where it is missing or not above 0.

    Raises:
        EventsRejected: the register does not have it.
    """
    doses, scale = dispensings.whole_numbers("daily_dose")
    return np.where(doses > 0, doses / scale, np.nan)
