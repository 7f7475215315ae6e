"""Treatment lines: which treatments follow one another, alone or combined."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from linkage.indicator_kinds.common import IndicatorBase, IntervalName, Names, Observation, StockCap, as_list, unique
from linkage.indicator_kinds.concurrent import Denominators

MOST_GROUPS = 16

Days = Annotated[int, Field(ge=0, le=3650)]


class TreatmentLines(IndicatorBase):
    """Treatment lines after the index day: how many, who reaches each, after how many days, by which paths.

    Each code set is one group. Days with supply of a group make its eras, over gaps of up to `collapse_gap_days`. Eras
    that overlap for `combination_days` become a combination, with what stands alone before and after it; of a shorter
    overlap the earlier era ends where the later begins. Pieces of an overlap shorter than `least_piece_days` are left
    out. `lines = "changes"` takes lines of one treatment in a row as one, "first" the first of each treatment.
    """

    kind: Literal["treatment_lines"]
    codes: Annotated[Names, Field(max_length=MOST_GROUPS), AfterValidator(unique)]
    supply: str
    observe: Observation
    lookback_days: Days = 0
    carry_over: Literal["per_drug", "none"] = "per_drug"
    stock_cap_days: StockCap = 180
    collapse_gap_days: Days = 30
    least_era_days: Days = 0
    combination_days: Annotated[int, Field(ge=1, le=3650)] = 30
    least_piece_days: Days = 30
    lines: Literal["all", "changes", "first"] = "changes"
    most_lines: int = Field(default=5, ge=1, le=10)
    measure: Annotated[
        list[Literal["lines", "reached", "days_to"]],
        BeforeValidator(as_list),
        Field(min_length=1),
        AfterValidator(unique),
    ] = ["lines", "reached", "days_to"]
    denominator: Denominators = ["all"]
    statistic: list[Literal["sum", "mean", "count", "share", "paths"]] = ["mean", "count", "share"]
    interval: IntervalName = "wilson"

    @model_validator(mode="after")
    def _paths_are_lines(self) -> TreatmentLines:
        if "paths" in self.statistic and "lines" not in self.measure:
            raise ValueError("paths are made of lines: add lines to measure")
        return self

    @property
    def further_values(self) -> int:
        """One for each line."""
        return self.most_lines

    @property
    def laboratory_statistics(self) -> list[str]:
        """Paths: the laboratory tells all of them."""
        return [name for name in self.statistic if name == "paths"]

    @property
    def told_by_class(self) -> list[str]:
        """Paths; those of few persons together."""
        return self.laboratory_statistics if self.has_one_point("measure") else []
