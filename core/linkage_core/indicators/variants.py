"""The points of a sensitivity grid over supply models, rules for reversed rows and rules of carry-over.

Each point is an indicator of its own with one model and one rule: evaluators know no grids of them. What points share
is computed once by the run's context, as indicators share it: netting for each rule, supply for each model and rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from linkage.indicator_definition import IndicatorSet
from linkage.indicator_kinds import Indicator, Reversals, WithCarryOver, WithSupply
from linkage_core.indicators.run_context import joined
from linkage_core.indicators.values import PersonValues


@dataclass(frozen=True, slots=True)
class Variant:
    """One point: its words, empty where there is no grid, and the indicator at it."""

    words: str
    indicator: Indicator

    def named(self, values: Sequence[PersonValues], whole: Indicator) -> list[PersonValues]:
        """Values of the point as values of the whole indicator, with the point among their parameters."""
        if not self.words:
            return [value.but_for(indicator=whole) for value in values] if self.indicator is not whole else [*values]
        return [value.under(self.words).but_for(indicator=whole) for value in values]


def variants(indicator: Indicator) -> list[Variant]:
    """Every point of an indicator's grid; itself alone where it has none."""
    if not isinstance(indicator, WithSupply):
        return [Variant("", indicator)]
    rules: Sequence[Reversals | None] = indicator.reversals or [None]
    carried = indicator.carry_over if isinstance(indicator, WithCarryOver) else [None]
    if len(indicator.supply) * len(carried) == 1 and not indicator.reversals:
        return [Variant("", indicator)]
    found = []
    for model, rule, carry in product(indicator.supply, rules, carried):
        words = joined(
            f"supply={model}" if len(indicator.supply) > 1 else "",
            f"reversals={rule}" if len(rules) > 1 else "",
            f"carry_over={carry}" if len(carried) > 1 else "",
        )
        point = {"supply": [model_name(model, rule)], "reversals": [], **({"carry_over": [carry]} if carry else {})}
        found.append(Variant(words, indicator.model_copy(update=point)))
    return found


def model_name(model: str, rule: Reversals | None) -> str:
    """What a supply model is called whose rule for reversed rows an indicator replaces: no written name has a slash."""
    return model if rule is None else f"{model}/{rule}"


def with_models_of_grids(definition: IndicatorSet) -> IndicatorSet:
    """The set with a supply model for each rule for reversed rows that takes the place of a model's own."""
    derived = {
        model_name(model, rule): definition.supply[model].model_copy(update={"reversals": rule})
        for indicator in definition.indicators
        if isinstance(indicator, WithSupply)
        for model, rule in product(indicator.supply, indicator.reversals)
    }
    return definition.model_copy(update={"supply": {**definition.supply, **derived}}) if derived else definition
