"""What a person has on a day: by supply that covers it, or by a dispensing shortly before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import DoseAboveLimit, DrugBurden, DrugsAtDate, Polypharmacy
from linkage_core.indicators.days_of_supply import DAY
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.spans import reversals_of
from linkage_core.indicators.values import Bools, Int32s

FORM = "dosage_form"


@dataclass(frozen=True, slots=True)
class Held:
    """One rule for which row is a drug that a person has.

    Args:
        words: of the parameter point.
        lasts_64ths: int32, one a row: 1/64 days from its day on.
        faulty: bool, one a row: it does not tell whether it counts.
        fault: reason of persons with such a row.
        longest: days that a row can last.
        account: rows behind the rule.
    """

    words: str
    lasts_64ths: Int32s
    faulty: Bools
    fault: str
    longest: int
    account: dict[str, int]


def rules_held(
    context: RunContext,
    indicator: DrugsAtDate | DrugBurden | DoseAboveLimit | Polypharmacy,
    names: Sequence[str | None],
) -> Iterator[Held]:
    """The rules of an indicator: one of supply, or one for each number of days."""
    register = indicator.register_name
    if indicator.supply is not None:
        supply, model = context.supply(register, indicator.supply), context.definition.supply[indicator.supply]
        account = context.supply(register, indicator.supply, *names).account
        yield Held("rule=supply", supply.supply_64ths, supply.unserved, "error:days_supply", model.cap_days, account)
        return
    left = context.netted(register, indicator.reversals).left
    missing = context.dispensings(register).quantity_missing
    account = context.netting_account(register, reversals_of(context.definition, indicator), names)
    for days in indicator.dispensed_within_days:
        lasts = np.where(left > 0, days * DAY, 0).astype(np.int32)
        yield Held(f"dispensed_within_days={days}", lasts, missing, "error:packages", days, account)


def on_days_in_force(context: RunContext, register: str, names: Sequence[str | None], drug: Int32s) -> Int32s:
    """int32, one a row: its drug; -1 on days on which no code set that holds the row applies."""
    named = [name for name in names if name is not None]
    if len(named) < len(names):
        return drug
    picked = context.set_rows(register, *named)
    applies = context.in_force(register, named, picked)
    if applies.all():
        return drug
    kept = np.full(len(drug), -1, np.int32)
    kept[picked.places] = np.where(applies, drug[picked.places], np.int32(-1))
    return kept


def drug_of_rows(context: RunContext, indicator: DrugsAtDate | Polypharmacy) -> tuple[Int32s, int]:
    """int32, one a row: number of its drug, -1 where it does not count; and how many numbers there are.

    Raises:
        EventsRejected: forms are told apart and the register does not have them.
    """
    rows = context.dispensings(indicator.register_name)
    number_of_code = rows.atc.facts.drugs(context.code_set(indicator.codes), indicator.code_length)
    # A row without a code has -1: it finds the number that is put last.
    of_code = np.append(number_of_code, np.int32(-1))
    drug = on_days_in_force(context, rows.register, [indicator.codes], of_code[rows.atc.code])
    drugs = int(number_of_code.max(initial=-1)) + 1
    if not indicator.by_form:
        return drug, drugs
    forms = rows.codes(FORM)
    # Forms that are not told are one form.
    return np.where(drug < 0, -1, drug * (len(forms.names) + 1) + forms.code + 1).astype(np.int32), drugs * (
        len(forms.names) + 1
    )
