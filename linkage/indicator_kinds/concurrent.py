"""Kinds of concurrent use: how many drugs on a day, and drugs at hand at the same time over an observation.

On a day: `drugs_at_date`, `drug_burden`. Over an observation: `polypharmacy`, `interacting_pairs`, `duplicate_therapy`,
`drug_after_diagnosis`. The window is part of a definition: last 3 months and last 12 tell different numbers of drugs.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from linkage.indicator_kinds.amounts import Calendar
from linkage.indicator_kinds.common import (
    Day,
    DenominatorGrid,
    Identifier,
    IndicatorBase,
    IntervalName,
    Model,
    Names,
    Observation,
    QuantileName,
    Reversals,
    ShareGrid,
    StockCap,
    Window,
    as_list,
    unique,
)
from linkage.indicator_kinds.outcomes import LooksElsewhere, Outcome

WEIGHT_SCALE = 1_000_000
"""Units per whole of a weight."""


def _in_millionths(weight: float) -> float:
    if round(weight, 6) != weight:
        raise ValueError("write a weight with at most six decimals")
    return weight


DayGrid = Annotated[list[Annotated[int, Field(ge=1, le=3650)]], BeforeValidator(as_list), AfterValidator(unique)]
"""Numbers of days, each above 0 and once."""
NumberGrid = Annotated[list[Annotated[int, Field(ge=1, le=10_000)]], BeforeValidator(as_list), AfterValidator(unique)]
"""Numbers of drugs, each above 0 and once, and no more than anybody has."""
Weight = Annotated[float, Field(gt=0, le=10_000), AfterValidator(_in_millionths)]
"""Above 0, in whole millionths: sums of weights are exact."""
Denominators = Annotated[DenominatorGrid, AfterValidator(unique)]


class _DrugsHeld(IndicatorBase):
    """What is a drug that a person has on a day: its supply covers the day, or it was dispensed shortly before."""

    rule: Literal["supply", "dispensed"]
    dispensed_within_days: DayGrid = []
    supply: str | None = None
    reversals: Reversals = "net"

    @model_validator(mode="after")
    def _rule_has_what_it_needs(self) -> _DrugsHeld:
        if self.rule == "supply" and self.supply is None:
            raise ValueError("rule = 'supply' needs the name of a supply model in supply")
        if self.rule == "dispensed" and not self.dispensed_within_days:
            raise ValueError("rule = 'dispensed' needs dispensed_within_days: the window is part of the definition")
        if self.rule == "supply" and self.dispensed_within_days:
            raise ValueError("dispensed_within_days says nothing with rule = 'supply': leave it out")
        if self.rule == "dispensed" and self.supply is not None:
            raise ValueError("supply says nothing with rule = 'dispensed': leave it out")
        return self

    @property
    def grids(self) -> list[Sized]:
        """Numbers of days, too."""
        return [*super().grids, self.dispensed_within_days]


class _DistinctDrugs(_DrugsHeld):
    """Drugs told apart by code, and by dosage form where that is asked for."""

    codes: str | None = None
    code_length: Literal[3, 4, 5, 7] = 7
    by_form: bool = False

    @model_validator(mode="after")
    def _forms_of_whole_codes(self) -> _DistinctDrugs:
        if self.by_form and self.code_length != 7:
            raise ValueError("by_form tells forms of one substance apart: it needs code_length = 7")
        return self

    @property
    def own_columns(self) -> set[str]:
        """Dosage forms, too, where they tell drugs apart."""
        return super().own_columns | ({"dosage_form"} if self.by_form else set())


class AtDate(_DrugsHeld):
    """On days after the index day, or on the last day of calendar periods."""

    at_day: Annotated[list[Day], BeforeValidator(as_list), AfterValidator(unique)] = []
    calendar: Calendar | None = None
    denominator: Denominators = ["alive_at_N"]
    interval: IntervalName = "wilson"

    @model_validator(mode="after")
    def _one_kind_of_days(self) -> AtDate:
        if bool(self.at_day) == (self.calendar is not None):
            raise ValueError(
                "give either at_day (days after the index day) or calendar (the last day of each of its periods)"
            )
        return self


class DrugsAtDate(AtDate, _DistinctDrugs):
    """Number of distinct drugs on day D: supply covers D, or dispensed in (D - days, D].

    With `calendar` the days are calendar days: step = "year" reads on 31 December, "month" on each month's last day.
    """

    kind: Literal["drugs_at_date"]
    at_least: NumberGrid = []
    statistic: list[Literal["sum", "mean", "count", "share"]] = ["mean", "count", "share"]


class DrugWeight(Model):
    """Codes that weigh alike."""

    codes: str
    weight: Weight


class DrugBurden(AtDate):
    """Sum of the weights of the distinct drugs on day D, such as an anticholinergic burden.

    A drug that several code sets hold has the largest of their weights; one that none holds weighs nothing.
    """

    kind: Literal["drug_burden"]
    weights: list[DrugWeight] = Field(min_length=1)
    at_least: Annotated[list[Weight], BeforeValidator(as_list), AfterValidator(unique)] = []
    statistic: list[Literal["sum", "mean", "count", "share"]] = ["mean", "count", "share"]

    @model_validator(mode="after")
    def _each_set_once(self) -> DrugBurden:
        unique([one.codes for one in self.weights])
        return self

    @property
    def own_code_sets(self) -> list[str]:
        """Those that have a weight."""
        return [one.codes for one in self.weights]


class Polypharmacy(_DistinctDrugs):
    """Number of distinct drugs on each day of an observation: their mean, and the share of days with k or more.

    A person has on each day the drugs that `drugs_at_date` counts on it.
    """

    kind: Literal["polypharmacy"]
    observe: Observation
    at_least: Annotated[NumberGrid, Field(min_length=1)] = [5, 10]
    measure: Annotated[
        list[Literal["mean_drugs", "share_of_days"]],
        BeforeValidator(as_list),
        Field(min_length=1),
        AfterValidator(unique),
    ] = ["mean_drugs", "share_of_days"]
    threshold: ShareGrid = []
    denominator: Denominators = ["all"]
    statistic: list[Literal["mean", "count", "share"] | QuantileName] = ["mean", "count", "share"]
    interval: IntervalName = "wilson"

    @property
    def told_by_class(self) -> list[str]:
        """Quantiles of the mean, or of the share of days with one number of drugs."""
        return super().told_by_class if len(self.at_least) == 1 or "share_of_days" not in self.measure else []

    @model_validator(mode="after")
    def _thresholds_have_shares(self) -> Polypharmacy:
        unique(self.threshold)
        if self.threshold and "share_of_days" not in self.measure:
            raise ValueError("a threshold is of a share of days: add share_of_days to measure")
        return self


class _AtHandTogether(IndicatorBase):
    """Supply at hand over an observation, each drug's from a stock of its own.

    A day counts where a whole day's supply of each is at hand. `consecutive` asks for days in a row.
    """

    supply: str
    observe: Observation
    lookback_days: int = Field(default=180, ge=0, le=3650)
    carry_over: Literal["per_drug", "none"] = "per_drug"
    stock_cap_days: StockCap = 180
    consecutive: bool = False
    denominator: Denominators = ["all"]
    statistic: list[Literal["count", "share"]] = ["count", "share"]
    interval: IntervalName = "wilson"


class InteractingPair(Model):
    """Two code sets whose drugs interact, and how severely."""

    id: Identifier
    first: str
    second: str
    severity: Literal["A", "B", "C", "D"] | None = Field(default=None, alias="class")


class InteractingPairs(_AtHandTogether):
    """Persons with two different drugs of an interacting pair at hand together, on so many days of the observation."""

    kind: Literal["interacting_pairs"]
    pairs: list[InteractingPair] = Field(min_length=1, max_length=500)
    measure: Annotated[
        list[Literal["any", "class", "pair"]], BeforeValidator(as_list), Field(min_length=1), AfterValidator(unique)
    ] = ["any", "pair"]
    together_days: Annotated[DayGrid, Field(min_length=1)] = [1]

    @model_validator(mode="after")
    def _pairs_are_told_apart(self) -> InteractingPairs:
        unique([pair.id for pair in self.pairs])
        unique([(*sorted((pair.first, pair.second)),) for pair in self.pairs])
        if "class" in self.measure and not any(pair.severity for pair in self.pairs):
            raise ValueError("measure = 'class' needs pairs with a class")
        return self

    @property
    def grids(self) -> list[Sized]:
        """Pairs and days, too."""
        return [*super().grids, self.pairs, self.together_days]

    @property
    def own_code_sets(self) -> list[str]:
        """Those of all pairs, each once."""
        return list(dict.fromkeys(name for pair in self.pairs for name in (pair.first, pair.second)))


class DuplicateTherapy(_AtHandTogether):
    """Persons with several drugs of one group at hand together, on so many days of the observation.

    A group is what codes share up to `group_length`: 5 for ATC level 4. A change of drug is none where both overlap
    for fewer days.
    """

    kind: Literal["duplicate_therapy"]
    codes: str | None = None
    group_length: Literal[3, 4, 5] = 5
    least_drugs: int = Field(default=2, ge=2, le=20)
    together_days: Annotated[DayGrid, Field(min_length=1)] = [30]

    @property
    def grids(self) -> list[Sized]:
        """Days together, too."""
        return [*super().grids, self.together_days]


class Diagnosis(Outcome):
    """A diagnosis in any column of a register, within days after the index day; the first of them counts."""

    codes: str
    window: Window

    @model_validator(mode="after")
    def _one_window(self) -> Diagnosis:
        if len(self.window.to_days) > 1:
            raise ValueError("a diagnosis is looked for in one window: give one last day")
        return self


class DrugAfterDiagnosis(LooksElsewhere, _AtHandTogether):
    """Persons with a drug at hand after a diagnosis in another register that speaks against it, of those who have it.

    `observe` counts days from the first diagnosis of its window: to = 365 are the 365 days from that day on.
    """

    kind: Literal["drug_after_diagnosis"]
    codes: Names
    diagnosis: Diagnosis
    covered_days: Annotated[DayGrid, Field(min_length=1)] = [1]

    @model_validator(mode="after")
    def _after_the_diagnosis(self) -> DrugAfterDiagnosis:
        if self.observe.from_day < 0:
            raise ValueError("observe begins before the diagnosis: from must be 0 or more")
        return self

    @property
    def grids(self) -> list[Sized]:
        """Days covered, too."""
        return [*super().grids, self.covered_days]

    @property
    def looked_for(self) -> Outcome:
        """The diagnosis."""
        return self.diagnosis


AtHandTogether = InteractingPairs | DuplicateTherapy | DrugAfterDiagnosis
