"""What a person has on a day: by supply that covers it, or by a dispensing shortly before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import DoseAboveLimit, DrugBurden, DrugsAtDate, Polypharmacy
from linkage_core.indicators.days_of_supply import DAY
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.set_rows import EVERY_ROW, SetRows
from linkage_core.indicators.spans import reversals_of
from linkage_core.indicators.values import Int32s, Int64s

FORM = "dosage_form"


@dataclass(frozen=True, slots=True)
class Held:
    """One rule for which row is a drug that a person has.

    Args:
        words: of the parameter point.
        picked: rows that the rule speaks about, those of the drugs among them.
        given: int32, one a picked row: 1/64 days that it lasts from its day on; what is left of it with `fixed_64ths`.
        fixed_64ths: 1/64 days that a row lasts of which something is left; 0 where rows tell it themselves.
        faulty: int64, ascending: positions in the register of rows that do not tell whether they count.
        fault: reason of persons with such a row.
        longest: days that a row can last.
        account: rows behind the rule.
    """

    words: str
    picked: SetRows
    given: Int32s
    fixed_64ths: int
    faulty: Int64s
    fault: str
    longest: int
    account: dict[str, int]

    def lasts_64ths(self, own: SetRows, some: Int64s | slice = EVERY_ROW) -> Int32s:
        """int32, one a row of the drugs' code sets: 1/64 days from its day on.

        Args:
            some: positions among these rows; all where it is not given.
        """
        places = some if own is self.picked or isinstance(own.places, slice) else own.places[some]
        given = self.given[places]
        return np.where(given > 0, np.int32(self.fixed_64ths), np.int32(0)) if self.fixed_64ths else given


def rules_held(
    context: RunContext,
    indicator: DrugsAtDate | DrugBurden | DoseAboveLimit | Polypharmacy,
    names: Sequence[str | None],
) -> Iterator[Held]:
    """The rules of an indicator: one of supply, or one for each number of days."""
    register = indicator.register_name
    if indicator.supply is not None:
        supply = context.supply(register, indicator.supply, *names)
        yield Held(
            words="rule=supply",
            picked=context.set_rows(register, *names),
            given=supply.supply_64ths,
            fixed_64ths=0,
            faulty=supply.unserved_at,
            fault="error:days_supply",
            longest=context.definition.supply[indicator.supply].cap_days,
            account=supply.account,
        )
        return
    account = context.netting_account(register, reversals_of(context.definition, indicator), names)
    for days in indicator.dispensed_within_days:
        yield Held(
            words=f"dispensed_within_days={days}",
            picked=context.set_rows(register, None),
            given=context.netted(register, indicator.reversals).left,
            fixed_64ths=days * DAY,
            faulty=context.dispensings(register).without_quantity,
            fault="error:packages",
            longest=days,
            account=account,
        )


@dataclass(frozen=True, slots=True)
class DrugNumbers:
    """Drugs of rows.

    Args:
        number: int32, one a row: number of its drug, -1 where it does not count; or of its code, with `of_code`.
        of_code: int32, one a code, a last one for none: number of the drug.
    """

    number: Int32s
    of_code: Int32s | None

    @property
    def of_row(self) -> Int32s:
        """int32, one a row: number of its drug, -1 where it does not count."""
        return self.number if self.of_code is None else self.of_code[self.number]


def drugs_in_force(
    context: RunContext, register: str, names: Sequence[str | None], of_code: Int32s, picked: SetRows
) -> DrugNumbers:
    """Drugs of picked rows by their codes; on days on which no code set that holds a row applies it is none."""
    code, named = picked.of(context.dispensings(register).atc.code), [name for name in names if name is not None]
    if len(named) < len(names):
        return DrugNumbers(code, of_code)
    applies = context.in_force(register, named, picked)
    if applies.all():
        return DrugNumbers(code, of_code)
    return DrugNumbers(np.where(applies, of_code[code], np.int32(-1)), None)


def number_of_drugs(context: RunContext, indicator: DrugsAtDate | Polypharmacy) -> int:
    """How many numbers `drug_of_rows` gives.

    Raises:
        EventsRejected: forms are told apart and the register does not have them.
    """
    drugs = int(_number_of_code(context, indicator).max(initial=-1)) + 1
    return drugs * _forms(context, indicator) if indicator.by_form else drugs


def drug_of_rows(context: RunContext, indicator: DrugsAtDate | Polypharmacy, picked: SetRows) -> DrugNumbers:
    """Drugs of picked rows.

    Raises:
        EventsRejected: forms are told apart and the register does not have them.
    """
    rows = context.dispensings(indicator.register_name)
    of_code = _number_of_code(context, indicator)
    found = drugs_in_force(context, rows.register, [indicator.codes], of_code, picked)
    if not indicator.by_form:
        return found
    drug, form = found.of_row, rows.codes(FORM).code[picked.places]
    # Forms that are not told are one form.
    numbers = np.where(drug < 0, -1, drug * _forms(context, indicator) + form + 1)
    return DrugNumbers(numbers.astype(np.int32), None)


def _number_of_code(context: RunContext, indicator: DrugsAtDate | Polypharmacy) -> Int32s:
    """int32, one a code: number of its drug; a row without a code has -1 and finds the number that is put last."""
    facts = context.dispensings(indicator.register_name).atc.facts
    return np.append(facts.drugs(context.code_set(indicator.codes), indicator.code_length), np.int32(-1))


def _forms(context: RunContext, indicator: DrugsAtDate | Polypharmacy) -> int:
    return len(context.dispensings(indicator.register_name).codes(FORM).names) + 1
