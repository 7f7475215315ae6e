"""By which rule an indicator's reversed rows are treated."""

from __future__ import annotations

from typing import Literal

from linkage.indicator_definition import IndicatorSet
from linkage.indicator_kinds import Indicator, Reversals


def reversal_rule(definition: IndicatorSet, indicator: Indicator) -> Reversals | Literal["sum"] | None:
    """The first rule that a grid names, or that of the first supply model, or the indicator's own; None without any.

    With `sum` packages are summed with their sign, and no dispensing stands apart.
    """
    named: list[Reversals] | Reversals | Literal["sum"] | None = getattr(indicator, "reversals", None)
    if isinstance(named, list) and named:
        return named[0]
    if indicator.supply_models:
        return definition.supply[indicator.supply_models[0]].reversals
    return None if isinstance(named, list) else named
