"""Differential privacy as part of a disclosure policy: what one release may tell of a person, and what all may.

Dwork, McSherry, Nissim and Smith (2006), TCC, LNCS 3876; discrete Gaussian noise: Canonne, Kamath and Steinke (2020),
NeurIPS. Why and when: docs/decisions/differential-privacy.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class DifferentialPrivacy(BaseModel):
    """Counts of persons with fresh noise, so that nobody can tell whether any one person was counted.

    Attributes:
        population: whose budget is spent; releases about the same persons name the same.
        epsilon, delta: of one release. A delta of 0 is discrete Laplace noise, else discrete Gaussian.
        unit: has one value: two tables are neighbours when one has all cells of one person more.
        contributions: so many leaf cells one person is counted in at most.
        budget_epsilon, budget_delta: of all releases about the population together, for ever.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    population: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    epsilon: float = Field(gt=0, le=20)
    delta: float = Field(default=0.0, ge=0, le=1e-5)
    unit: Literal["person"]
    contributions: int = Field(ge=1, le=1000)
    budget_epsilon: float = Field(gt=0, le=20)
    budget_delta: float = Field(default=0.0, ge=0, le=1e-5)

    @model_validator(mode="after")
    def _figures_agree(self) -> Self:
        if self.epsilon > self.budget_epsilon:
            raise ValueError("epsilon is above budget_epsilon: no release fits the budget")
        if (self.delta > 0) != (self.budget_delta > 0):
            raise ValueError("delta and budget_delta are both 0 (Laplace noise) or both above 0 (Gaussian noise)")
        if self.delta > self.budget_delta:
            raise ValueError("delta is above budget_delta: no release fits the budget")
        return self

    def weaker_than(self, floor: DifferentialPrivacy) -> Iterator[str]:
        """In words, each figure that protects less than `floor` does."""
        for name in ("epsilon", "delta", "budget_epsilon", "budget_delta"):
            if getattr(self, name) > getattr(floor, name):
                yield (
                    f"mechanism.differential_privacy.{name} is {getattr(self, name)}, the floor is "
                    f"{getattr(floor, name)}"
                )
        if self.contributions < floor.contributions:
            yield (
                f"mechanism.differential_privacy.contributions is {self.contributions}, the floor reckons with "
                f"{floor.contributions}"
            )
        if self.population != floor.population:
            yield "mechanism.differential_privacy.population is not the floor's: it would have a budget of its own"
