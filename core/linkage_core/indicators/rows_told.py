"""Which rows an indicator was computed from: by supply step, cut at the cap, reversed, with DDD; and of whom.

Shares of rows leave with a delivery, so how many persons stand behind each must be known as well. Counts are whole
numbers of rows and persons that merge by addition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from linkage.indicator_kinds import DefinedDailyDoses, Indicator, Reversals
from linkage_core.indicators.amount_weights import without_doses
from linkage_core.indicators.reversal_rule import reversal_rule
from linkage_core.indicators.values import Int64s, PersonValues, RowsTold

if TYPE_CHECKING:
    from linkage_core.indicators.run_context import RunContext
    from linkage_core.indicators.set_rows import SetRows

Bits = npt.NDArray[Any]
"""uint8, or uint32 where there are more steps: a bit for each part."""

NO_STEP = "no_step"


def rows_told(context: RunContext, indicator: Indicator) -> tuple[RowsTold, ...]:
    """The rows of an indicator's code sets; nothing for kinds that read neither supply, doses nor reversed rows."""
    if isinstance(indicator, DefinedDailyDoses):
        return (_doses(context, indicator.register_name, indicator.codes),)
    names = _code_sets(indicator)
    if names is None:
        return ()
    models = indicator.supply_models
    rule = reversal_rule(context.definition, indicator)
    parts: list[RowsTold] = []
    if models:
        parts += _by_step(context, indicator.register_name, models[0], names)
    if rule in ("net", "net_latest"):
        parts.append(_reversed(context, indicator.register_name, rule, names))
    return tuple(parts)


def with_rows_told(values: Sequence[PersonValues], told: tuple[RowsTold, ...]) -> list[PersonValues]:
    """The values, each with what is told of its rows; a value that is worked out when it is read stays so."""
    return [value.but_for(rows_told=told) for value in values] if told else [*values]


def _code_sets(indicator: Indicator) -> list[str | None] | None:
    """Code sets of its own rows, one without a name where all of them count; None where they are no dispensings."""
    return ([*indicator.own_code_sets] or [None]) if indicator.reads_dispensings else None


def _by_step(context: RunContext, register: str, model: str, names: list[str | None]) -> list[RowsTold]:
    def counted() -> list[RowsTold]:
        supply = context.supply(register, model, *names)
        none = len(supply.steps)
        return [
            RowsTold("supply", (*supply.steps, NO_STEP), supply.told[:, : none + 1]),
            RowsTold("cap", ("capped", "within"), supply.told[:, none + 1 :]),
        ]

    return context.remember(("rows by step", register, model, *names), counted)


def _reversed(context: RunContext, register: str, rule: Reversals, names: list[str | None]) -> RowsTold:
    def counted() -> RowsTold:
        netted, rows = context.netted(register, rule), context.dispensings(register)
        code = context.remember(("codes of reversed rows", register, rule), lambda: rows.atc.code[netted.reversed_at])
        own = context.of_sets(register, names, code)
        person = context.remember(
            ("persons of reversed rows", register, rule), lambda: rows.person_at(netted.reversed_at)
        )
        matched = np.zeros(len(own), np.bool_) if netted.matched is None else netted.matched
        counts = np.zeros((2, 2), np.int64)
        for place, whose in enumerate((own & matched, own & ~matched)):
            # Rows lie by person: where she changes, another begins.
            persons = person[whose]
            counts[:, place] = len(persons), np.count_nonzero(persons[1:] != persons[:-1]) + bool(len(persons))
        return RowsTold("reversed_rows", ("matched", "unmatched"), counts)

    return context.remember(("reversed rows", register, rule, *names), counted)


def _doses(context: RunContext, register: str, codes: str | None) -> RowsTold:
    """Rows whose number of DDD is told, and the others, which add nothing to a sum of DDD."""

    def counted() -> RowsTold:
        rows, picked = context.dispensings(register), context.set_rows(register, codes)
        missing = without_doses(rows)
        if missing is None or not missing.any():
            return RowsTold("ddd", ("told", "not_told"), np.array([[len(picked.day), 0], [len(picked.with_rows), 0]]))
        told = ~missing[picked.places]
        bits = np.where(told, np.uint8(1), np.uint8(2))
        return RowsTold(
            "ddd", ("told", "not_told"), np.stack([_bit_counts(bits, 2), _bit_counts(_of_persons(bits, picked), 2)])
        )

    return context.remember(("rows with doses", register, codes), counted)


def _of_persons(bits: Bits, picked: SetRows) -> Bits:
    """One a person with rows: the bits of any of her rows."""
    if not len(bits):
        return bits
    return np.bitwise_or.reduceat(bits, picked.offsets[:-1][picked.with_rows])


def _bit_counts(bits: Bits, width: int) -> Int64s:
    return np.array([np.count_nonzero(bits & bits.dtype.type(1 << place)) for place in range(width)], np.int64)
