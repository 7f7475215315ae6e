"""Kinds of the start of treatment."""

from __future__ import annotations

from collections.abc import Sized
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from linkage.indicator_kinds.common import (
    DenominatorGrid,
    IndicatorBase,
    IntervalName,
    IntGrid,
    Names,
    Reversals,
    Washout,
    Window,
    as_list,
    unique,
)
from linkage.indicator_kinds.episodes import WithCurves
from linkage.indicator_kinds.use import Lookback, WithObservedStart


class Initiation(IndicatorBase):
    """Persons with a dispensing within the window after the index day; `combine` over several code sets."""

    kind: Literal["initiation"]
    codes: Names
    combine: Literal["any", "all"] = "any"
    window: Window
    washout: Washout | None = None
    reversals: Reversals = "net"
    end_at_exit: bool = True
    denominator: DenominatorGrid = ["all"]
    statistic: list[Literal["count", "share"]] = ["count", "share"]
    interval: IntervalName = "wilson"


class TimeToInitiation(WithCurves):
    """Days from the index day to the first dispensing, censored at exit or on day `follow_up_days`, death competing.

    A dispensing on the index day is day 0, one on day `follow_up_days` comes too late. Who has a dispensing in the
    washout is left out. `count` and `share` are of who initiated in follow-up.
    """

    kind: Literal["time_to_initiation"]
    codes: Names
    follow_up_days: int = Field(default=365, ge=1, le=3650)
    washout: Washout | None = None
    reversals: Reversals = "net"

    @model_validator(mode="after")
    def _within_follow_up(self) -> TimeToInitiation:
        if self.washout is not None and self.washout.effect != "exclude":
            raise ValueError("washout.effect must be 'exclude': curves of new and earlier users are two indicators")
        if any(day > self.follow_up_days for day in [*self.at_days, *self.restricted_mean_days]):
            raise ValueError("a day of at_days or rmst:N lies above follow_up_days: the curve ends there")
        return self

    @property
    def event_word(self) -> str:
        """What the event is called in results."""
        return "initiated"


class NewOrContinuing(WithObservedStart):
    """Persons by how treatment starts after the index day: `new`, `continuing`, or `none` in the start window.

    `new` and `continuing` have a dispensing within the window; `continuing` also on one of the `lookback_days` days
    before the index day. Who is not observed on all of these is left out.
    """

    kind: Literal["new_or_continuing"]
    codes: Names
    lookback_days: Annotated[list[Lookback], BeforeValidator(as_list), Field(min_length=1)] = [180]
    window: Window
    reversals: Reversals = "net"
    denominator: DenominatorGrid = ["all"]
    statistic: list[Literal["count", "share"]] = ["count", "share"]
    interval: IntervalName = "wilson"

    @model_validator(mode="after")
    def _starts_at_index(self) -> NewOrContinuing:
        unique(self.lookback_days)
        if self.window.from_day < 0:
            raise ValueError("window.from lies before the index day: the days before it are the lookback")
        return self

    @property
    def grids(self) -> list[Sized]:
        """Lookbacks, too."""
        return [*super().grids, self.lookback_days]


class Combination(IndicatorBase):
    """Of how many of several groups a person has a dispensing within the window, and whether of `at_least` so many.

    Each name of `codes` is a group. By default `at_least` is their number: the combination is complete. The mean number
    of groups is of the laboratory: it is the sum of all shares, and would give away the one that is kept back.
    """

    kind: Literal["combination"]
    codes: Annotated[list[str], Field(min_length=2, max_length=32)]
    window: Window
    at_least: IntGrid = []
    reversals: Reversals = "net"
    end_at_exit: bool = True
    denominator: DenominatorGrid = ["all"]
    statistic: list[Literal["count", "share", "mean"]] = ["count", "share"]
    interval: IntervalName = "wilson"

    # Any: a definition as it is written, before it is checked.
    @model_validator(mode="before")
    @classmethod
    def _all_of_them(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and isinstance(raw.get("codes"), list) and "at_least" not in raw:
            return {**raw, "at_least": [len(raw["codes"])]}
        return raw

    @field_validator("codes", "at_least")
    @classmethod
    def _each_once(cls, values: list[Any]) -> list[Any]:
        return unique(values)

    @model_validator(mode="after")
    def _so_many_groups(self) -> Combination:
        if any(not 1 <= least <= len(self.codes) for least in self.at_least):
            raise ValueError(f"at_least counts groups: write 1 to {len(self.codes)}, as many as codes has")
        return self

    @property
    def laboratory_statistics(self) -> list[str]:
        """The mean adds up counts that are printed apart."""
        return [name for name in self.statistic if name == "mean"]


PRESCRIPTION_COLUMNS = ("prescribing_date", "atc", "cancelled")
"""What a register of prescriptions tells: day of issue, drug, and whether it was taken back."""


class PrimaryNonAdherence(IndicatorBase):
    """Prescriptions without a dispensing of the same drug (`match = "atc"`) or of the same codes within N days.

    Of a register of prescriptions: date of issue, ATC code and, where it has one, a flag of cancelled prescriptions,
    which are left out. `first` asks about a person's first prescriptions in the window (of a day with several,
    whether any was not dispensed), `share` about all of hers in it; `prescriptions` and `not_dispensed` add them up.
    The day of issue is day 0. Prescriptions that are not observed for N days are left out.
    """

    kind: Literal["primary_non_adherence"]
    prescriptions: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    codes: Names
    match: Literal["atc", "codes"] = "atc"
    window: Window
    within_days: Annotated[list[Lookback], BeforeValidator(as_list), Field(min_length=1)] = [30, 90]
    measure: Annotated[
        list[Literal["first", "share", "prescriptions", "not_dispensed"]], BeforeValidator(as_list), Field(min_length=1)
    ] = ["first"]
    reversals: Reversals = "net"
    statistic: list[Literal["count", "share", "mean", "sum"]] = ["count", "share", "mean", "sum"]
    interval: IntervalName = "wilson"

    @model_validator(mode="after")
    def _two_registers(self) -> PrimaryNonAdherence:
        unique(self.within_days)
        unique(self.measure)
        if len(self.window.to_days) > 1:
            raise ValueError("window.to must be one day: the grid is of within_days")
        if self.prescriptions == self.register_name:
            raise ValueError("prescriptions must name a register of prescriptions, register one of dispensings")
        return self

    @property
    def grids(self) -> list[Sized]:
        """Days until dispensing, too."""
        return [*super().grids, self.within_days]

    @property
    def columns_elsewhere(self) -> dict[str, set[str]]:
        """Those of prescriptions."""
        return {self.prescriptions: {*PRESCRIPTION_COLUMNS}}

    def wanted_code_sets(self, register: str) -> list[str] | None:
        """Prescriptions are of the same codes as dispensings."""
        return self.code_sets if register == self.prescriptions else super().wanted_code_sets(register)

    @property
    def laboratory_statistics(self) -> list[str]:
        """Most persons have one prescription: a mean of their shares is a count of persons, however small."""
        return ["the mean of measure = 'share'"] if "share" in self.measure and "mean" in self.statistic else []
