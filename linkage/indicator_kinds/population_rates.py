"""Rates per inhabitant: which there are, and the standard population of those that are standardised."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from linkage.indicator_kinds.common import Model

RateName = Literal["per_1000_inhabitants", "standardised_per_1000_inhabitants"]
UserRateName = Literal["per_1000_inhabitants", "standardised_per_1000_inhabitants", "smr"]
RATES = (
    "per_1000_inhabitants",
    "ddd_per_1000_inhabitants_per_day",
    "standardised_per_1000_inhabitants",
    "smr",
)
STANDARDISED = ("standardised_per_1000_inhabitants", "smr")

AgeGroup = Annotated[str, Field(pattern=r"^(<\d{1,3}|\d{1,3}|\d{1,3}-\d{1,3}|\d{1,3}\+)$")]


class Standard(Model):
    """Ages that a standardised rate is about, and how they are weighted.

    Age groups are those of the table of inhabitants, from `from_age` on; with `open_age` all from that age on are one.
    `weights` is the European standard population of 2013 (which is told by groups of five years) or a weight for each
    age group. Weights are brought to a sum of 1 over the ages that are left.
    """

    weights: Literal["esp2013"] | dict[AgeGroup, Annotated[float, Field(gt=0)]] = "esp2013"
    from_age: int = Field(default=0, ge=0, le=150)
    open_age: int | None = Field(default=None, ge=1, le=150)

    @model_validator(mode="after")
    def _ages_forwards(self) -> Standard:
        if self.open_age is not None and self.open_age <= self.from_age:
            raise ValueError("open_age lies at or below from_age: no age group is left but the last")
        if self.weights == {}:
            raise ValueError("weights name no age group")
        return self
