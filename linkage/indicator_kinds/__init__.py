"""The closed list of indicator kinds, with typed parameters and every default.

Windows come in several spellings, because the field uses all of them:
- `window = { from = 0, to = 90 }` is "within 90 days": days 0 to 90 after the index day, both included.
- `observe = { from = 0, to = 365 }` is a length: the half-open interval [index + 0, index + 365), 365 days.
- `follow_up = { anchor = "first_event", length = "12 months" }` is a length from a person's own date, an event on the
  last day included (`time_windows`).
- `follow_up_days = 730` is a length from the first dispensing, half-open (`episodes`), or from `landmark_day`
  (`outcomes`).
A list in place of one number (`to = [30, 90]`) is a grid: every point is computed in the same pass.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from linkage.indicator_kinds.adherence import MedicationAvailability, ProportionOfDaysCovered
from linkage.indicator_kinds.amounts import (
    Calendar,
    Cost,
    DefinedDailyDoses,
    Dispensings,
    GenericSubstitution,
    Packages,
    RollingCalendar,
    SubstanceAmount,
    Units,
    Users,
)
from linkage.indicator_kinds.codes_and_supply import CodeSet, SupplyModel, Validity
from linkage.indicator_kinds.common import (
    ByReason,
    CarryOver,
    Denominator,
    Identifier,
    IndicatorBase,
    IntervalName,
    IntGrid,
    Model,
    Names,
    Observation,
    Reversals,
    ShareGrid,
    Target,
    Washout,
    Window,
    Words,
)
from linkage.indicator_kinds.concurrent import (
    AtHandTogether,
    DrugAfterDiagnosis,
    DrugBurden,
    DrugsAtDate,
    DuplicateTherapy,
    InteractingPairs,
    Polypharmacy,
)
from linkage.indicator_kinds.dose import HighIntensity, IntensityThreshold
from linkage.indicator_kinds.dose_limits import DoseAboveLimit
from linkage.indicator_kinds.drug_use import DrugDays, DrugUseModel, DrugUsePeriods, PackageDays
from linkage.indicator_kinds.episodes import (
    AddOn,
    CoveredOnDay,
    DoseChange,
    FromFirstDispensing,
    Restart,
    Switch,
    TimeToDiscontinuation,
    TreatmentEpisodes,
    WithChanges,
    WithCurves,
    WithGaps,
)
from linkage.indicator_kinds.events import EventInWindow
from linkage.indicator_kinds.membership import InRegisters
from linkage.indicator_kinds.outcomes import LandmarkOutcome, Outcome, OutcomeRate, WithOutcome
from linkage.indicator_kinds.population_rates import Standard
from linkage.indicator_kinds.possession import MedicationPossessionRatio
from linkage.indicator_kinds.sequences import SequenceSymmetry
from linkage.indicator_kinds.start import (
    Combination,
    Initiation,
    NewOrContinuing,
    PrimaryNonAdherence,
    TimeToInitiation,
)
from linkage.indicator_kinds.supply_grid import WithCarryOver, WithSupply
from linkage.indicator_kinds.time_windows import AnchoredWindow, EpisodeWindows, SlidingWindows
from linkage.indicator_kinds.treatment_lines import TreatmentLines
from linkage.indicator_kinds.use import Incidence, ObservedFrom, OnTreatment, Prevalence, WithObservedStart
from linkage.indicator_kinds.waiting_time import DateWindow, WaitingTimeDistribution

StartAndUse = (
    Incidence
    | Prevalence
    | OnTreatment
    | TimeToInitiation
    | NewOrContinuing
    | Combination
    | PrimaryNonAdherence
    | HighIntensity
    | MedicationPossessionRatio
)
Indicator = Annotated[
    Users
    | Dispensings
    | Packages
    | Units
    | SubstanceAmount
    | DefinedDailyDoses
    | Cost
    | GenericSubstitution
    | Initiation
    | StartAndUse
    | ProportionOfDaysCovered
    | MedicationAvailability
    | TreatmentEpisodes
    | TimeToDiscontinuation
    | CoveredOnDay
    | Restart
    | Switch
    | AddOn
    | DoseChange
    | DrugUsePeriods
    | WaitingTimeDistribution
    | DrugsAtDate
    | DrugBurden
    | DoseAboveLimit
    | Polypharmacy
    | InteractingPairs
    | DuplicateTherapy
    | DrugAfterDiagnosis
    | TreatmentLines
    | EventInWindow
    | InRegisters
    | OutcomeRate
    | LandmarkOutcome
    | SequenceSymmetry,
    Field(discriminator="kind"),
]
AmountIndicator = (
    Users | Dispensings | Packages | Units | SubstanceAmount | DefinedDailyDoses | Cost | GenericSubstitution
)

__all__ = [
    "AddOn",
    "AmountIndicator",
    "AnchoredWindow",
    "AtHandTogether",
    "ByReason",
    "Calendar",
    "CarryOver",
    "CodeSet",
    "Combination",
    "Cost",
    "CoveredOnDay",
    "DateWindow",
    "DefinedDailyDoses",
    "Denominator",
    "Dispensings",
    "DoseAboveLimit",
    "DoseChange",
    "DrugAfterDiagnosis",
    "DrugBurden",
    "DrugDays",
    "DrugUseModel",
    "DrugUsePeriods",
    "DrugsAtDate",
    "DuplicateTherapy",
    "EpisodeWindows",
    "EventInWindow",
    "FromFirstDispensing",
    "GenericSubstitution",
    "HighIntensity",
    "Identifier",
    "InRegisters",
    "Incidence",
    "Indicator",
    "IndicatorBase",
    "Initiation",
    "IntGrid",
    "IntensityThreshold",
    "InteractingPairs",
    "IntervalName",
    "LandmarkOutcome",
    "MedicationAvailability",
    "MedicationPossessionRatio",
    "Model",
    "Names",
    "NewOrContinuing",
    "Observation",
    "ObservedFrom",
    "OnTreatment",
    "Outcome",
    "OutcomeRate",
    "PackageDays",
    "Packages",
    "Polypharmacy",
    "Prevalence",
    "PrimaryNonAdherence",
    "ProportionOfDaysCovered",
    "Restart",
    "Reversals",
    "RollingCalendar",
    "SequenceSymmetry",
    "ShareGrid",
    "SlidingWindows",
    "Standard",
    "StartAndUse",
    "SubstanceAmount",
    "SupplyModel",
    "Switch",
    "Target",
    "TimeToDiscontinuation",
    "TimeToInitiation",
    "TreatmentEpisodes",
    "TreatmentLines",
    "Units",
    "Users",
    "Validity",
    "WaitingTimeDistribution",
    "Washout",
    "Window",
    "WithCarryOver",
    "WithChanges",
    "WithCurves",
    "WithGaps",
    "WithObservedStart",
    "WithOutcome",
    "WithSupply",
    "Words",
]
