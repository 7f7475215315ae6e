"""Kinds of persistence: treatment episodes, time to discontinuation, and who is covered on a day.

Follow-up begins with a person's own first dispensing in a window after the index day, not with the index day, and lasts
`follow_up_days`. Equality never ends an episode: a gap must exceed what is permitted.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from linkage.indicator_kinds.common import (
    EVERY_HOSPITAL_RULE,
    FURTHEST_DAY,
    Day,
    HospitalRule,
    IndicatorBase,
    IntervalName,
    Names,
    QuantileName,
    as_list,
    unique,
)
from linkage.indicator_kinds.supply_grid import WithCarryOver

DayGrid = Annotated[list[Annotated[int, Field(ge=0, le=3650)]], BeforeValidator(as_list)]


class _FromFirstDispensing(WithCarryOver):
    """Supply from the first dispensing on.

    `corrected` takes what one day brings together, so that the order of its rows has no say; `compat` goes row by row
    as AdhereR 0.8.1 does, its known defects included.
    """

    codes: Names
    mode: Literal["corrected", "compat"] = "corrected"
    dosage_change: bool = False
    first_from_day: Day = 0
    first_within_days: Annotated[int, Field(ge=0, le=FURTHEST_DAY)] | Literal["any"] = "any"
    follow_up_days: int = Field(default=730, ge=1, le=3650)

    @model_validator(mode="after")
    def _something_to_convert(self) -> _FromFirstDispensing:
        if self.dosage_change and "none" in self.carry_over:
            raise ValueError("dosage_change converts what is carried over: carry_over must not be 'none'")
        return self

    @property
    def needs_dose(self) -> bool:
        """Whether daily doses are read."""
        return self.dosage_change


class WithGaps(_FromFirstDispensing):
    """Episodes end where a gap exceeds what is permitted; a grid of gaps comes from one pass."""

    gap_days: DayGrid = []
    gap_percent: DayGrid = []

    @model_validator(mode="after")
    def _one_grid_of_gaps(self) -> WithGaps:
        if bool(self.gap_days) == bool(self.gap_percent):
            raise ValueError("give either gap_days or gap_percent (of the days of supply before the gap)")
        unique([*self.gap_days, *self.gap_percent])
        return self

    @property
    def grids(self) -> list[Sized]:
        """Gaps, too."""
        return [*super().grids, self.gap_days, self.gap_percent]


class WithChanges(WithGaps):
    """Episodes may also end with a change of treatment."""

    new_episode_on: Annotated[list[Literal["medication_change", "dosage_change"]], BeforeValidator(as_list)] = []

    @model_validator(mode="after")
    def _each_change_once(self) -> WithChanges:
        unique(self.new_episode_on)
        return self

    @property
    def hospital_rules(self) -> tuple[HospitalRule, ...]:
        """All; AdhereR knows no stays."""
        return EVERY_HOSPITAL_RULE if self.mode == "corrected" else super().hospital_rules

    @property
    def needs_dose(self) -> bool:
        """Whether daily doses are read; AdhereR never compares them between episodes."""
        return self.dosage_change or ("dosage_change" in self.new_episode_on and self.mode == "corrected")


def days_inside(at_days: list[int], *, follow_up_days: int) -> None:
    """Refuse a day that stands twice, or on which nobody is followed."""
    unique(at_days)
    if any(day >= follow_up_days for day in at_days):
        raise ValueError("a day of at_days lies outside follow_up_days: day 0 is the first of them")


class TreatmentEpisodes(WithChanges):
    """Treatment episodes from the first dispensing on: how many, how long the first is, who is still in it on a day.

    `append_gap` lets an episode that a gap ended last until the end of the permitted gap.
    """

    kind: Literal["treatment_episodes"]
    measure: Annotated[
        list[Literal["episodes", "first_days", "in_first"]], BeforeValidator(as_list), Field(min_length=1)
    ] = ["episodes", "first_days", "in_first"]
    at_days: DayGrid = []
    append_gap: bool = False
    end_at_exit: bool = True
    statistic: list[Literal["sum", "mean", "count", "share"] | QuantileName] = ["mean", "count", "share"]
    interval: IntervalName = "wilson"

    @model_validator(mode="after")
    def _days_of_follow_up(self) -> TreatmentEpisodes:
        days_inside(self.at_days, follow_up_days=self.follow_up_days)
        return self

    @property
    def told_by_class(self) -> list[str]:
        """Quantiles, where it is not told on days who is still in the first episode."""
        quantiles = [name for name in self.statistic if name.startswith(("median", "quantile:"))]
        return quantiles if self.has_one_point("measure") and not self.at_days else []


class WithCurves(IndicatorBase):
    """A time to an event. An order has curves from counts by the intervals that `at_days` end."""

    competing: Literal["death", "none"] = "death"
    curve_limits: Literal["log-log", "log"] = "log-log"
    at_days: DayGrid = []
    statistic: list[Annotated[str, Field(pattern=r"^(count|share|km|cif|median|logrank|rmst:[1-9]\d{0,3})$")]] = [
        "count",
        "share",
    ]
    interval: IntervalName = "wilson"

    @model_validator(mode="after")
    def _curves_have_days(self) -> WithCurves:
        unique(self.statistic)
        unique(self.at_days)
        if not self.at_days and {"km", "cif"} & set(self.statistic):
            raise ValueError("km and cif need at_days: the days at which the curve is read")
        return self

    @property
    def death_competes(self) -> bool:
        """Unless the definition says otherwise."""
        return self.competing == "death"

    @property
    def event_word(self) -> str:
        """What the event is called in results."""
        return "event"

    @property
    def restricted_mean_days(self) -> list[int]:
        """Days over which restricted means are taken."""
        return [int(name.partition(":")[2]) for name in self.statistic if name.startswith("rmst:")]

    @property
    def laboratory_statistics(self) -> list[str]:
        """Statistics that disclosure control cannot protect yet."""
        return [name for name in self.statistic if name not in ("count", "share")]

    @property
    def told_by_class(self) -> list[str]:
        """Curves and their median, by intervals."""
        if not self.at_days or not self.has_one_point("at_days", "within_days"):
            return []
        return [name for name in self.statistic if name in ("km", "cif", "median")]


class TimeToDiscontinuation(WithChanges, WithCurves):
    """Days from the first dispensing to the end of the first episode, censored at exit or at the end of follow-up.

    With `strict` censoring a discontinuation counts where the permitted gap has passed before the exit: who dies in it
    has not stopped. `plain` counts every end of supply before the exit. `count` and `share` are of who discontinued
    during follow-up.
    """

    kind: Literal["time_to_discontinuation"]
    censoring: Annotated[list[Literal["strict", "plain"]], BeforeValidator(as_list), Field(min_length=1)] = ["strict"]

    @model_validator(mode="after")
    def _within_follow_up(self) -> TimeToDiscontinuation:
        unique(self.censoring)
        # Whoever is treated throughout is censored on day follow_up_days: the curve is known on it.
        if any(day > self.follow_up_days for day in self.at_days):
            raise ValueError("a day of at_days lies above follow_up_days: the curve ends there")
        if any(day > self.follow_up_days for day in self.restricted_mean_days):
            raise ValueError("rmst:N needs N days of follow-up: N lies above follow_up_days")
        return self

    @property
    def grids(self) -> list[Sized]:
        """Rules of censoring, too."""
        return [*super().grids, self.censoring]

    @property
    def event_word(self) -> str:
        """What the event is called in results."""
        return "discontinued"


class Restart(WithGaps, WithCurves):
    """Days from discontinuation (the end of supply of the first episode) to the next dispensing of the same codes.

    Of persons for whom the permitted gap had passed before the exit; nobody restarts inside it, by definition. `count`
    and `share` are of those who are observed for longer than `within_days` after discontinuation.
    """

    kind: Literal["restart"]
    within_days: Annotated[DayGrid, Field(min_length=1)]

    @property
    def grids(self) -> list[Sized]:
        """Days until restart, too."""
        return [*super().grids, self.within_days]

    @property
    def event_word(self) -> str:
        """What the event is called in results."""
        return "restarted"


class Switch(WithGaps):
    """Persons who change from the drug of their first dispensing to another, of those who discontinue that drug.

    The other is a drug of `to` (by default of the same codes) that is dispensed for the first time from `before_days`
    before the end of supply until the end of the permitted gap, in which no dispensing of the first drug follows.
    """

    kind: Literal["switch"]
    to: Annotated[list[str], BeforeValidator(as_list)] = []
    before_days: int = Field(default=30, ge=0, le=3650)
    statistic: list[Literal["count", "share"]] = ["count", "share"]
    interval: IntervalName = "wilson"

    @property
    def code_sets(self) -> list[str]:
        """Those of the other drug, too."""
        return list(dict.fromkeys([*self.codes, *self.to]))


class AddOn(WithGaps):
    """Persons to whose treatment another is added: both go on together for `together_days`.

    The first dispensing ever of `to` lies after the start of the first episode, which lasts for `together_days` or more
    from that day on. With `starts = "covered"` supply of the first treatment is at hand on that day; with "in_episode"
    it may also be a day of a permitted gap. Who had a dispensing of `to` on the day of the start or before is left out.
    """

    kind: Literal["add_on"]
    to: Names
    starts: Literal["covered", "in_episode"] = "covered"
    together_days: int = Field(default=30, ge=1, le=3650)
    statistic: list[Literal["count", "share"]] = ["count", "share"]
    interval: IntervalName = "wilson"

    @property
    def code_sets(self) -> list[str]:
        """Those of the added treatment, too."""
        return list(dict.fromkeys([*self.codes, *self.to]))


class CoveredOnDay(_FromFirstDispensing):
    """Proportion of patients covered (PPC): of those observed on day t after the first dispensing, who has supply."""

    kind: Literal["covered_on_day"]
    at_days: Annotated[DayGrid, Field(min_length=1)]
    statistic: list[Literal["count", "share"]] = ["count", "share"]
    interval: IntervalName = "wilson"

    @property
    def hospital_rules(self) -> tuple[HospitalRule, ...]:
        """All; AdhereR knows no stays."""
        return EVERY_HOSPITAL_RULE if self.mode == "corrected" else super().hospital_rules

    @model_validator(mode="after")
    def _days_of_follow_up(self) -> CoveredOnDay:
        days_inside(self.at_days, follow_up_days=self.follow_up_days)
        return self


class DoseChange(_FromFirstDispensing):
    """Persons whose daily dose of a drug rises or falls from one day of dispensing to that drug's next.

    A change of less than `least_percent` of the dose before is none. Different doses of a drug on one day are one:
    their sum. Doses are compared, not supply: what says how supply goes on can only have its default.
    """

    kind: Literal["dose_change"]
    mode: Literal["corrected"] = "corrected"
    dosage_change: Literal[False] = False
    measure: Annotated[list[Literal["increase", "decrease"]], BeforeValidator(as_list), Field(min_length=1)] = [
        "increase",
        "decrease",
    ]
    least_percent: int = Field(default=0, ge=0, le=1000)
    follow_up_days: int = Field(default=365, ge=1, le=3650)
    statistic: list[Literal["count", "share"]] = ["count", "share"]
    interval: IntervalName = "wilson"

    @model_validator(mode="after")
    def _supply_says_nothing_of_doses(self) -> DoseChange:
        if self.carry_over != ["per_drug"]:
            raise ValueError("doses are compared, not supply: carry_over can only be 'per_drug'")
        return self

    @property
    def needs_dose(self) -> bool:
        """Whether daily doses are read."""
        return True


FromFirstDispensing = TreatmentEpisodes | TimeToDiscontinuation | CoveredOnDay | Restart | Switch | AddOn | DoseChange
