"""Which rows an indicator was computed from: by supply step, cut at the cap, reversed; with the persons behind them.

Shares of rows leave with a delivery, so how many persons stand behind each must be known as well. Counts are whole
numbers of rows and persons that merge by addition.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from linkage.indicator_definition import supply_models
from linkage.indicator_kinds import Indicator, Reversals
from linkage_core.indicators.values import Int64s, PersonValues, RowsTold

if TYPE_CHECKING:
    from linkage_core.indicators.run_context import RunContext
    from linkage_core.indicators.set_rows import SetRows

NO_STEP = "no_step"


def rows_told(context: RunContext, indicator: Indicator) -> tuple[RowsTold, ...]:
    """The rows of an indicator's code sets; nothing for kinds that read neither supply nor reversed rows."""
    names = _code_sets(indicator)
    if names is None:
        return ()
    models = supply_models(indicator)
    rule = context.definition.supply[models[0]].reversals if models else getattr(indicator, "reversals", None)
    parts: list[RowsTold] = []
    if models:
        parts += _by_step(context, indicator.register_name, models[0], names)
    if rule == "net" or rule == "net_latest":
        parts.append(_reversed(context, indicator.register_name, rule, names))
    return tuple(parts)


def with_rows_told(values: Sequence[PersonValues], told: tuple[RowsTold, ...]) -> list[PersonValues]:
    """The values, each with what is told of its rows; a value that is worked out when it is read stays so."""
    if not told:
        return [*values]
    found = []
    for value in values:
        own = copy.copy(value)
        own.__dict__["rows_told"] = told
        found.append(own)
    return found


def _code_sets(indicator: Indicator) -> list[str | None] | None:
    codes = getattr(indicator, "codes", None)
    if isinstance(codes, str):
        return [codes]
    return [*codes] if isinstance(codes, list) and all(isinstance(name, str) for name in codes) else None


def _by_step(context: RunContext, register: str, model: str, names: list[str | None]) -> list[RowsTold]:
    def counted() -> list[RowsTold]:
        supply, picked = context.supply(register, model), context.set_rows(register, *names)
        places, none = picked.places, len(supply.steps)
        # One bit a step, one for rows that no step could serve, and two for rows cut at the cap and not; a row without
        # anything left after reversals has none.
        bits = np.array([*(1 << step for step in range(none)), 0], np.uint32)[supply.step[places]]
        bits |= supply.unserved[places].astype(np.uint32) << np.uint32(none)
        served = supply.step[places] < none
        capped = supply.capped[places].astype(np.bool_)
        bits |= (served & capped).astype(np.uint32) << np.uint32(none + 1)
        bits |= (served & ~capped).astype(np.uint32) << np.uint32(none + 2)
        of_rows, of_persons = _bit_counts(bits, none + 3), _bit_counts(_of_persons(bits, picked), none + 3)
        counts = np.stack([of_rows, of_persons])
        return [
            RowsTold("supply", (*supply.steps, NO_STEP), counts[:, : none + 1]),
            RowsTold("cap", ("capped", "within"), counts[:, none + 1 :]),
        ]

    return context.remember(("rows by step", register, model, *names), counted)


def _reversed(context: RunContext, register: str, rule: Reversals, names: list[str | None]) -> RowsTold:
    def counted() -> RowsTold:
        netted, rows = context.netted(register, rule), context.dispensings(register)
        own = context.belong(register, names, netted.reversed_at)
        person = rows.person_at(netted.reversed_at)
        matched = np.zeros(len(own), np.bool_) if netted.matched is None else netted.matched
        counts = np.zeros((2, 2), np.int64)
        for place, whose in enumerate((own & matched, own & ~matched)):
            counts[:, place] = np.count_nonzero(whose), len(np.unique(person[whose]))
        return RowsTold("reversed_rows", ("matched", "unmatched"), counts)

    return context.remember(("reversed rows", register, rule, *names), counted)


def _of_persons(bits: np.ndarray, picked: SetRows) -> np.ndarray:
    """uint32, one a person with rows: the bits of any of her rows."""
    if not len(bits):
        return bits
    return np.bitwise_or.reduceat(bits, picked.offsets[:-1][picked.with_rows])


def _bit_counts(bits: np.ndarray, width: int) -> Int64s:
    return np.array([np.count_nonzero(bits & np.uint32(1 << place)) for place in range(width)], np.int64)
