"""Kinds of sequences: which of two treatments is begun first."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from linkage.indicator_kinds.codes_and_supply import Validity
from linkage.indicator_kinds.common import IndicatorBase, IntervalName, Names, Reversals, unique

LABORATORY_RATIOS = ("crude_ratio", "null_ratio", "adjusted_ratio")


class SequenceSymmetry(IndicatorBase):
    """Which of two treatments is begun first, of persons who begin both within some days: their first dispensings ever.

    Who begins both on one day is left out. The null-effect ratio is what the order would be if only habits of
    prescribing changed: of all persons who begin either, first dispensings of the marker within `null_window_days`
    after those of the index drug, by those as long before. Ratios are of the laboratory.
    """

    kind: Literal["sequence_symmetry"]
    codes: Names
    marker: Names
    most_days_apart: int = Field(default=365, ge=1, le=3650)
    null_window_days: int = Field(default=548, ge=1, le=3650)
    begun: Validity = Validity()
    reversals: Reversals = "net"
    end_at_exit: bool = True
    statistic: list[Literal["count", "share", "crude_ratio", "null_ratio", "adjusted_ratio"]] = ["count", "share"]
    interval: IntervalName = "wilson"
    ratio_interval: Annotated[list[Literal["exact", "jeffreys"]], Field(min_length=1)] = ["exact", "jeffreys"]

    @model_validator(mode="after")
    def _two_treatments(self) -> SequenceSymmetry:
        for names in (self.codes, self.marker, self.statistic, self.ratio_interval):
            unique(list(names))
        if set(self.codes) & set(self.marker):
            raise ValueError("a code set cannot be index drug and marker at once")
        first, last = self.begun.from_date, self.begun.until
        if first is not None and last is not None and last <= first:
            raise ValueError("begun has no day: until must lie after from")
        return self

    @property
    def code_sets(self) -> list[str]:
        """Those of the marker, too."""
        return [*self.codes, *self.marker]

    @property
    def needs_index_date(self) -> bool:
        """Days lie between two dispensings."""
        return False

    @property
    def laboratory_statistics(self) -> list[str]:
        """Statistics that disclosure control cannot protect yet."""
        return [name for name in self.statistic if name in LABORATORY_RATIOS]
