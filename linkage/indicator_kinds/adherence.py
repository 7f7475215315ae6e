"""Kinds of adherence: how much of a time supply was at hand."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from linkage.indicator_kinds.common import (
    EVERY_HOSPITAL_RULE,
    DenominatorGrid,
    HospitalRule,
    IndicatorBase,
    IntervalName,
    Names,
    Observation,
    QuantileName,
    ShareGrid,
    StockCap,
    as_list,
    unique,
)
from linkage.indicator_kinds.supply_grid import WithCarryOver
from linkage.indicator_kinds.time_windows import AnchoredWindow, EpisodeWindows, SlidingWindows, column_of


class ProportionOfDaysCovered(WithCarryOver):
    """Share of the observed days on which any or all of the groups were at hand, with a stock for each drug."""

    kind: Literal["proportion_of_days_covered"]
    codes: Names
    combine: Literal["any", "all"] = "any"
    observe: Observation
    lookback_days: int = Field(default=180, ge=0, le=3650)
    stock_cap_days: StockCap = 180
    threshold: ShareGrid = []
    denominator: DenominatorGrid = ["all"]
    statistic: list[Literal["mean", "count", "share"] | QuantileName] = ["mean", "count", "share"]
    interval: IntervalName = "wilson"

    @property
    def hospital_rules(self) -> tuple[HospitalRule, ...]:
        """Its stock knows all."""
        return EVERY_HOSPITAL_RULE


MedicationMeasure = Literal["cma1", "cma2", "cma3", "cma4", "cma5", "cma6", "cma7", "cma8", "cma9"]


class MedicationAvailability(IndicatorBase):
    """Continuous medication availability CMA1 to CMA9: supply, or time with supply at hand, as a share of a time.

    Events are dispensings inside the follow-up window; without `observation` all of it is observed. `corrected` keeps
    stocks and does not depend on the order of rows inside a day; `compat` follows AdhereR 0.8.1 to the digit.
    """

    kind: Literal["medication_availability"]
    measure: Annotated[list[MedicationMeasure], BeforeValidator(as_list), Field(min_length=1)]
    codes: Names
    supply: str
    follow_up: AnchoredWindow
    observation: AnchoredWindow | None = None
    sliding: SlidingWindows | None = None
    episodes: EpisodeWindows | None = None
    same_medication: bool = False
    dosage_change: bool = False
    mode: Literal["corrected", "compat"] = "corrected"
    end_at_exit: bool = True
    threshold: ShareGrid = []
    denominator: DenominatorGrid = ["all"]
    statistic: list[Literal["mean", "count", "share"] | QuantileName] = ["mean", "count", "share"]
    interval: IntervalName = "wilson"

    @field_validator("measure")
    @classmethod
    def _each_once(cls, measures: list[MedicationMeasure]) -> list[MedicationMeasure]:
        return unique(measures)

    @model_validator(mode="after")
    def _follow_up_has_an_anchor(self) -> MedicationAvailability:
        if self.follow_up.anchor == "follow_up_start":
            raise ValueError("follow_up cannot be anchored at its own start: use index_date or first_event")
        if self.sliding is not None and self.episodes is not None:
            raise ValueError("give either sliding windows or episodes")
        if self.episodes is not None and self.observation is not None:
            raise ValueError("an episode is its own observation: leave observation out")
        return self

    @property
    def told_by_class(self) -> list[str]:
        """Quantiles of one window."""
        return super().told_by_class if self.further_values == 1 else []

    @property
    def hospital_rules(self) -> tuple[HospitalRule, ...]:
        """Days may be left out; AdhereR knows no stays."""
        return ("ignore", "freeze") if self.mode == "corrected" else ("ignore",)

    @property
    def further_values(self) -> int:
        """One for each sliding window and each episode."""
        return (self.sliding.count if self.sliding else 1) * (self.episodes.count if self.episodes else 1)

    @property
    def needs_dose(self) -> bool:
        """Whether daily doses are read."""
        return self.dosage_change

    @property
    def population_columns(self) -> list[str]:
        """Columns of the population that tell lengths of windows."""
        lengths = (column_of(window.length) for window in self._windows)
        return [name for name in dict.fromkeys(lengths) if name is not None]

    @property
    def needs_index_date(self) -> bool:
        """Whether a window is counted from the index date."""
        return any("index" in window.anchor for window in self._windows)

    @property
    def _windows(self) -> list[AnchoredWindow]:
        return [self.follow_up, *([self.observation] if self.observation else [])]
