"""A yes-or-no value with what all of them have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from linkage.indicator_kinds import Indicator
from linkage_core.indicators.reasons import Persons, Reasons
from linkage_core.indicators.values import Bools, Measure, PersonValues


# Any: the fields of a value that differ from kind to kind.
def yes_no(
    indicator: Indicator, parameters: str, yes: Bools, reasons: Reasons, *, late: Persons, **fields: Any
) -> PersonValues:
    """Who is counted, of those who have a value; `late` are persons whose window the register does not hold in full."""
    return PersonValues(
        indicator=indicator,
        parameters=parameters,
        measure=Measure.YES_NO,
        value=reasons.counted_with(yes).view(np.uint8),
        reason=reasons.reason,
        reasons=reasons.names,
        incomplete=reasons.any_counted(late),
        counted=reasons.counted,
        **fields,
    )
