"""Supply, drug and what is left of each row of some code sets, gathered once for all indicators that read them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from linkage.indicator_kinds import Reversals
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.values import Int32s, UInt8s


def supply_of_sets(context: RunContext, register: str, names: Sequence[str], model: str) -> Int32s:
    """int32, one a row that the code sets pick, in 1/64 days; 0 on days on which no set that holds the row applies."""

    def gathered() -> Int32s:
        picked = context.set_rows(register, *names)
        supply = context.supply(register, model, *names).supply_64ths
        key = ("in force", register, *names)
        counts = context.remember(key, lambda: context.in_force(register, names, picked))
        return supply if counts.all() else np.where(counts, supply, np.int32(0))

    # Models that differ in hospital stays alone share their supply.
    told_by = context.definition.supply[model]
    key = ("supply of sets", register, *names, told_by.reversals, told_by.cap_days, *told_by.steps)
    return context.remember(key, gathered)


def drugs_of_sets(context: RunContext, register: str, names: Sequence[str]) -> Int32s:
    """int32, one a row that the code sets pick: number of its ATC code, -1 without one."""

    def gathered() -> Int32s:
        return context.set_rows(register, *names).of(context.dispensings(register).atc.code)

    return context.remember(("drugs of sets", register, *names), gathered)


def dispensed_of_sets(context: RunContext, register: str, names: Sequence[str], rule: Reversals) -> UInt8s:
    """uint8, one a row that the code sets pick: 1 where it has a day, a set applies, and something is left of it."""

    def gathered() -> UInt8s:
        picked = context.set_rows(register, *names)
        counts = context.in_force(register, names, picked)
        counts &= (picked.of(context.netted(register, rule).left) > 0) & (picked.day < FAR)
        return counts.view(np.uint8)

    return context.remember(("dispensed of sets", register, *names, rule), gathered)
