"""The first day on which each person has a dispensing of some codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from linkage.indicator_kinds import Reversals
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.set_supply import dispensed_of_sets
from linkage_core.indicators.values import Int32s
from linkage_core.kernels.first_dispensing import first_dispensing


def first_days(
    context: RunContext, register: str, names: Sequence[str], rule: Reversals, *, start: Int32s, end: Int32s
) -> Int32s:
    """int32, one a person: the first day in [start, end) with a row that has something left; FAR without one."""
    picked, dispensed = context.set_rows(register, *names), dispensed_of_sets(context, register, names, rule)
    first = np.empty(context.persons, np.int32)
    first_dispensing(picked.offsets, picked.day, dispensed, start, end, first, none=int(FAR))
    return first


def first_days_ever(context: RunContext, register: str, names: Sequence[str], rule: Reversals) -> Int32s:
    """int32, one a person: the first day of all with a row that has something left; FAR without one."""
    everybody = context.persons
    start, end = np.full(everybody, -FAR, np.int32), np.full(everybody, FAR, np.int32)
    return first_days(context, register, names, rule, start=start, end=end)
