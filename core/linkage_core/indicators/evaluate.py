"""Evaluates a set of indicators on joined events; every indicator for every person, none all-or-nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from linkage.errors import EventsRejected
from linkage.indicator_definition import IndicatorSet
from linkage.indicator_kinds import (
    AddOn,
    AmountIndicator,
    CoveredOnDay,
    DoseAboveLimit,
    DoseChange,
    DrugAfterDiagnosis,
    DrugBurden,
    DrugsAtDate,
    DrugUsePeriods,
    DuplicateTherapy,
    EventInWindow,
    Indicator,
    Initiation,
    InRegisters,
    InteractingPairs,
    LandmarkOutcome,
    MedicationAvailability,
    OutcomeRate,
    Polypharmacy,
    ProportionOfDaysCovered,
    Restart,
    SequenceSymmetry,
    Switch,
    TimeToDiscontinuation,
    TreatmentEpisodes,
    TreatmentLines,
    WaitingTimeDistribution,
)
from linkage_core.events import PersonEvents, Population
from linkage_core.indicators.amounts import evaluate_amounts
from linkage_core.indicators.at_hand_together import (
    evaluate_drug_after_diagnosis,
    evaluate_duplicate_therapy,
    evaluate_interacting_pairs,
)
from linkage_core.indicators.dose_above_limit import evaluate_dose_above_limit
from linkage_core.indicators.drug_use_periods import evaluate_drug_use_periods
from linkage_core.indicators.drugs_at_date import evaluate_drug_burden, evaluate_drugs_at_date
from linkage_core.indicators.event_in_window import evaluate_event_in_window
from linkage_core.indicators.follow_up import follow
from linkage_core.indicators.in_registers import evaluate_in_registers
from linkage_core.indicators.initiation import evaluate_initiation
from linkage_core.indicators.landmark_outcome import evaluate_landmark_outcome
from linkage_core.indicators.medication_availability import evaluate_medication_availability
from linkage_core.indicators.outcome_rate import evaluate_outcome_rate
from linkage_core.indicators.polypharmacy import evaluate_polypharmacy
from linkage_core.indicators.prescribing_reason import persons_by_reason, reason_missing, told_apart
from linkage_core.indicators.proportion_of_days_covered import evaluate_proportion_of_days_covered
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.rows_told import rows_told, with_rows_told
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.sequence_symmetry import evaluate_sequence_symmetry
from linkage_core.indicators.start_and_use import START_AND_USE
from linkage_core.indicators.time_to_discontinuation import evaluate_time_to_discontinuation
from linkage_core.indicators.treatment_changes import (
    evaluate_add_on,
    evaluate_dose_change,
    evaluate_restart,
    evaluate_switch,
)
from linkage_core.indicators.treatment_episodes import evaluate_covered_on_day, evaluate_treatment_episodes
from linkage_core.indicators.treatment_lines import evaluate_treatment_lines
from linkage_core.indicators.values import PersonValues
from linkage_core.indicators.variants import Variant, variants, with_models_of_grids
from linkage_core.indicators.waiting_time import evaluate_waiting_time_distribution


def evaluate(
    definition: IndicatorSet,
    *,
    population: Population,
    events: Mapping[str, PersonEvents],
    data_until: Mapping[str, date],
    only: Collection[str] = (),
    row_dimensions: Sequence[str] = (),
) -> list[PersonValues]:
    """Compute every indicator of a set for every person.

    Args:
        definition: the set.
        population: its persons; index dates are needed wherever days are counted from them.
        events: rows of each register, one entry a person of the population, columns named by concept.
        data_until: by register, the last day that it holds in full. A window that reaches past it is `incomplete`.
        only: identifiers of the indicators that are asked for; all where it is empty.
        row_dimensions: row variables that values are split by as well, such as "prescribing_reason" or "atc:5".

    Raises:
        EventsRejected: a register or column that an indicator needs is missing, or not as agreed; names it.
    """
    for register, rows in events.items():
        if len(rows.offsets) != len(population.hashed_ids) + 1:
            raise EventsRejected(f"the events of register {register!r} are not those of this population.")
    follow_up = follow(definition, population=population, events=events, data_until=data_until)
    wanted = [indicator for indicator in definition.indicators if not only or indicator.id in only]
    points = {indicator.id: variants(indicator) for indicator in wanted}
    asked = [point.indicator for own in points.values() for point in own]
    context = RunContext(
        with_models_of_grids(definition),
        asked,
        events,
        follow_up,
        tuple(row_dimensions),
        population.strata,
        _excluded(population),
        population.words[1] if population.words else None,
    )
    amounts = evaluate_amounts(context, [indicator for indicator in wanted if isinstance(indicator, AmountIndicator)])
    told = {name: with_rows_told(own, rows_told(context, own[0].indicator)) for name, own in amounts.items() if own}
    values = [value for one in wanted for value in told.get(one.id) or _evaluate_alone(context, one, points[one.id])]
    return [*values, *(value for one in wanted for value in _by_reason(context, one, points[one.id]))]


def _by_reason(context: RunContext, indicator: Indicator, points: Sequence[Variant]) -> Iterator[PersonValues]:
    """The indicator for the persons of each prescribing reason, and whose dispensings tell none."""
    asked = indicator.by_reason
    if asked is None:
        return
    persons = persons_by_reason(context, indicator, asked)
    for name, own in told_apart(asked, persons).items():
        of_reason = replace(context, excluded=[*context.excluded, ("excluded:other_reason", somebody(~own))])
        for value in _evaluate(of_reason, indicator, points):
            yield value.under(f"{asked.rule}_reason={name}")
    yield from with_rows_told([reason_missing(context, indicator, asked, persons)], rows_told(context, indicator))


def _excluded(population: Population) -> list[tuple[str, Persons]]:
    """Each rule of the order that leaves persons out, whether or not it speaks about anybody here."""
    if population.excluded is None:
        return []
    rule = np.asarray(population.excluded.indices.fill_null(-1))
    names = population.excluded.dictionary.to_pylist()
    return [(f"excluded:{name}", somebody(rule == number)) for number, name in enumerate(names)]


# Any: each evaluator takes its own kind.
_EVALUATORS: Mapping[type[Indicator], Callable[[RunContext, Any], list[PersonValues]]] = {
    Initiation: evaluate_initiation,
    **START_AND_USE,
    ProportionOfDaysCovered: evaluate_proportion_of_days_covered,
    MedicationAvailability: evaluate_medication_availability,
    TreatmentEpisodes: evaluate_treatment_episodes,
    TimeToDiscontinuation: evaluate_time_to_discontinuation,
    CoveredOnDay: evaluate_covered_on_day,
    Restart: evaluate_restart,
    Switch: evaluate_switch,
    AddOn: evaluate_add_on,
    DoseChange: evaluate_dose_change,
    DrugUsePeriods: evaluate_drug_use_periods,
    DrugsAtDate: evaluate_drugs_at_date,
    DrugBurden: evaluate_drug_burden,
    DoseAboveLimit: evaluate_dose_above_limit,
    Polypharmacy: evaluate_polypharmacy,
    InteractingPairs: evaluate_interacting_pairs,
    DuplicateTherapy: evaluate_duplicate_therapy,
    DrugAfterDiagnosis: evaluate_drug_after_diagnosis,
    TreatmentLines: evaluate_treatment_lines,
    EventInWindow: evaluate_event_in_window,
    InRegisters: evaluate_in_registers,
    OutcomeRate: evaluate_outcome_rate,
    LandmarkOutcome: evaluate_landmark_outcome,
    SequenceSymmetry: evaluate_sequence_symmetry,
    WaitingTimeDistribution: evaluate_waiting_time_distribution,
}
"""What answers for each kind whose indicators are evaluated one by one."""


def _evaluate(context: RunContext, indicator: Indicator, points: Sequence[Variant]) -> list[PersonValues]:
    if isinstance(indicator, AmountIndicator):
        return with_rows_told(evaluate_amounts(context, [indicator])[indicator.id], rows_told(context, indicator))
    return _evaluate_alone(context, indicator, points)


def _evaluate_alone(context: RunContext, indicator: Indicator, points: Sequence[Variant]) -> list[PersonValues]:
    evaluator = _EVALUATORS[type(indicator)]
    found: list[PersonValues] = []
    for point in points:
        values = with_rows_told(evaluator(context, point.indicator), rows_told(context, point.indicator))
        found += point.named(values, indicator)
    return found
