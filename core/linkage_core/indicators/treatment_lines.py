"""Treatment lines: how many, who reaches each of them, and after how many days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from linkage.indicator_kinds import Denominator, TreatmentLines
from linkage_core.indicators.days_together import Supply, drug_supply, drugs_in, whole_drugs
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.reasons import Persons, Reasons, somebody
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.supplied_observation import SuppliedObservation, after_index
from linkage_core.indicators.values import Int32s, LineList, Measure, PersonValues, Threshold
from linkage_core.indicators.yes_no import yes_no
from linkage_core.kernels.treatment_lines import treatment_lines

_WHICH = {"all": 0, "changes": 1, "first": 2}


def evaluate_treatment_lines(context: RunContext, indicator: TreatmentLines) -> list[PersonValues]:
    """For each end of observation and denominator: the measures that are asked for."""
    register = indicator.register_name
    number, drugs = whole_drugs(context.dispensings(register))
    groups_of_drug = np.zeros(max(drugs, 1), np.int32)
    for bit, name in enumerate(indicator.codes):
        groups_of_drug[drugs_in(context.members(register, name), number)] |= np.int32(1 << bit)
    supply = drug_supply(context, indicator, indicator.codes, number)
    return [
        value
        for observed in after_index(context, indicator)
        for found in [_lines(indicator, supply, groups_of_drug, observed)]
        for denominator in indicator.denominator
        for value in _values(context, indicator, observed, found, denominator)
    ]


def _lines(
    indicator: TreatmentLines, supply: Supply, groups_of_drug: Int32s, observed: SuppliedObservation
) -> LineList:
    persons, most = len(observed.start), indicator.most_lines
    lines, (treatment, start, end) = np.zeros(persons, np.int32), np.zeros((3, most, persons), np.int32)
    treatment_lines(
        supply.picked.offsets,
        supply.picked.day,
        supply.drug,
        supply.supply_64ths,
        groups_of_drug,
        observed.start,
        observed.end,
        lines,
        treatment,
        start,
        end,
        longest=supply.longest,
        lookback_days=supply.lookback_days,
        stock_cap_64ths=supply.stock_cap_64ths,
        carry_over=supply.carry_over,
        collapse_gap_days=indicator.collapse_gap_days,
        least_era_days=indicator.least_era_days,
        combination_days=indicator.combination_days,
        least_piece_days=indicator.least_piece_days,
        which=_WHICH[indicator.lines],
    )
    return LineList(tuple(indicator.codes), lines, treatment, start, end)


def _values(
    context: RunContext,
    indicator: TreatmentLines,
    observed: SuppliedObservation,
    found: LineList,
    denominator: Denominator,
) -> Iterator[PersonValues]:
    words = joined(observed.words, denominator_words(denominator))
    register, names = indicator.register_name, indicator.codes
    reasons = observed.reasons(context, indicator, names, denominator)
    account = context.supply(register, indicator.supply, *names).account
    if "lines" in indicator.measure:
        number = _amount(indicator, joined(words, "measure=lines"), found.lines, reasons, late=observed.late)
        yield replace(number, account=account, lines=found)
    for line in range(1, indicator.most_lines + 1):
        reached = np.asarray(found.lines >= line, np.bool_)
        if "reached" in indicator.measure:
            point = joined(words, f"measure=reached;line={line}")
            of = Threshold(joined(words, "measure=lines"), line)
            yield yes_no(indicator, point, reached, reasons, late=observed.late, account=account, threshold=of)
        if "days_to" in indicator.measure:
            left_out = [(f"excluded:no_line_{line}", somebody(~reached))]
            of_those = observed.reasons(context, indicator, names, denominator, also=left_out)
            days = found.start[line - 1] - observed.start
            point = joined(words, f"measure=days_to;line={line}")
            yield replace(_amount(indicator, point, days, of_those, late=observed.late), account=account)


def _amount(
    indicator: TreatmentLines, parameters: str, amount: Int32s, reasons: Reasons, *, late: Persons
) -> PersonValues:
    value = reasons.value_of_counted(amount).astype(np.int64)
    return PersonValues(
        indicator=indicator,
        parameters=parameters,
        measure=Measure.AMOUNT,
        value=value,
        reason=reasons.reason,
        reasons=reasons.names,
        contributes=reasons.counted_with(np.asarray(value > 0, np.bool_)),
        incomplete=reasons.any_counted(late),
        counted=reasons.counted,
    )
