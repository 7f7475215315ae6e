"""What answers for each kind of the start of treatment and of use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from linkage.indicator_kinds import (
    Combination,
    HighIntensity,
    Incidence,
    Indicator,
    MedicationPossessionRatio,
    NewOrContinuing,
    OnTreatment,
    Prevalence,
    PrimaryNonAdherence,
    TimeToInitiation,
)
from linkage_core.indicators.combination import evaluate_combination
from linkage_core.indicators.high_intensity import evaluate_high_intensity
from linkage_core.indicators.incidence import evaluate_incidence
from linkage_core.indicators.medication_possession_ratio import evaluate_medication_possession_ratio
from linkage_core.indicators.new_or_continuing import evaluate_new_or_continuing
from linkage_core.indicators.on_treatment import evaluate_on_treatment
from linkage_core.indicators.prevalence import evaluate_prevalence
from linkage_core.indicators.primary_non_adherence import evaluate_primary_non_adherence
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.time_to_initiation import evaluate_time_to_initiation
from linkage_core.indicators.values import PersonValues

# Any: each evaluator takes its own kind.
START_AND_USE: Mapping[type[Indicator], Callable[[RunContext, Any], list[PersonValues]]] = {
    Incidence: evaluate_incidence,
    Prevalence: evaluate_prevalence,
    OnTreatment: evaluate_on_treatment,
    TimeToInitiation: evaluate_time_to_initiation,
    NewOrContinuing: evaluate_new_or_continuing,
    Combination: evaluate_combination,
    PrimaryNonAdherence: evaluate_primary_non_adherence,
    HighIntensity: evaluate_high_intensity,
    MedicationPossessionRatio: evaluate_medication_possession_ratio,
}
