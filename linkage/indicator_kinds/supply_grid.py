"""Sensitivity grids: one indicator by several supply models, rules of carry-over and rules for reversed rows."""

from __future__ import annotations

from collections.abc import Sized
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from linkage.indicator_kinds.common import CarryOver, IndicatorBase, Names, Reversals, as_list, unique


class WithSupply(IndicatorBase):
    """How supply is known: a list in place of one name is a grid, as a list of gaps is, and every point is computed.

    `reversals` names rules for reversed rows in place of those that the supply models have.
    """

    supply: Names
    reversals: Annotated[list[Reversals], BeforeValidator(as_list)] = []

    @field_validator("supply", "reversals")
    @classmethod
    def _each_point_once(cls, names: list[str]) -> list[str]:
        return unique(names)

    @property
    def grids(self) -> list[Sized]:
        """Supply models, too."""
        return [*super().grids, self.supply]

    @property
    def supply_model(self) -> str:
        """The name of the model at one point of the grid."""
        (name,) = self.supply
        return name


class WithCarryOver(WithSupply):
    """What becomes of supply that is left at the next dispensing, too."""

    carry_over: Annotated[list[CarryOver], BeforeValidator(as_list), Field(min_length=1)] = ["per_drug"]

    @field_validator("carry_over")
    @classmethod
    def _each_rule_once(cls, rules: list[CarryOver]) -> list[CarryOver]:
        return unique(rules)

    @property
    def grids(self) -> list[Sized]:
        """Rules of carry-over, too."""
        return [*super().grids, self.carry_over]

    @property
    def carry_rule(self) -> CarryOver:
        """The rule at one point of the grid."""
        (rule,) = self.carry_over
        return rule
