"""The first day on which each person has a dispensing of some codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from linkage.indicator_kinds import Reversals
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.values import Int32s
from linkage_core.kernels.first_dispensing import first_dispensing


def first_days(
    context: RunContext, register: str, names: Sequence[str], rule: Reversals, *, start: Int32s, end: Int32s
) -> Int32s:
    """int32, one a person: the first day in [start, end) with a row that has something left; FAR without one."""
    picked = context.set_rows(register, *names)
    left = context.netted(register, rule).left[picked.places]
    first = np.empty(context.persons, np.int32)
    first_dispensing(
        picked.offsets,
        picked.day,
        np.zeros(len(left), np.int32),
        np.where(context.in_force(register, names, picked), left, np.int32(0)),
        np.ones(1, np.uint8),
        start,
        end,
        first,
        none=int(FAR),
    )
    return first
