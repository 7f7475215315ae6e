"""How long each dispensing lasts, by the first step of a supply model that can answer for its row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from linkage.errors import EventsRejected
from linkage.indicator_kinds import SupplyModel
from linkage_core.dosage_texts import RangeRule
from linkage_core.indicators.dictionary_facts import DictionaryFacts
from linkage_core.indicators.dispensings import HUNDREDTHS, Dispensings
from linkage_core.indicators.reversals import NettedRows
from linkage_core.indicators.set_rows import SetRows, rows_of_sets
from linkage_core.indicators.values import Bools, Int32s, Int64s, UInt8s
from linkage_core.kernels.supply_steps import serve_rows

if TYPE_CHECKING:
    from linkage_core.kernels.supply_steps import Step

DAY = 64
"""Supply is kept in 1/64 days: exact sums, and fractions of a package are carried."""

RANGES: dict[str, RangeRule | None] = {"": None, "low": "low", "mid": "mid", "high": "high"}
"""What a step that reads dosage texts says of ranges, by its parameter."""


class _Share(IntEnum):
    """What an amount is of, and what becomes of it where packages of the row were taken; as the kernel numbers them."""

    OF_EACH_PACKAGE = 0
    OF_THE_ROW = 1
    OF_THE_ROW_IN_DAYS = 2
    AS_IT_IS = 3


@dataclass(frozen=True)
class DaysOfSupply:
    """Supply of each picked row.

    Args:
        supply_64ths: int32, one a picked row, in 1/64 days, reversals taken off; 0 for rows without anything left.
        steps: of the model.
        step: uint8, one a picked row: position in `steps` of the step that answered, `len(steps)` where none did though
            something is left, one more where nothing is.
        told: int64, 2 x (steps + 3): rows, and persons with such a row, by step, without a step, capped and not capped.
    """

    supply_64ths: Int32s
    steps: tuple[str, ...]
    step: UInt8s
    told: Int64s
    picked: SetRows

    @property
    def unserved(self) -> Bools:
        """bool, one a picked row: something is left but no step could answer."""
        return np.asarray(self.step == len(self.steps), np.bool_)

    @cached_property
    def unserved_at(self) -> Int64s:
        """Positions in the register of the rows that no step could answer for, ascending."""
        if not self.told[0, len(self.steps)]:
            return np.zeros(0, np.int64)
        return self.picked.at(np.flatnonzero(self.unserved))

    @property
    def account(self) -> dict[str, int]:
        """Rows that each step answered for, and rows that were cut at the cap."""
        rows, none = self.told[0].tolist(), len(self.steps)
        return {
            **{f"rows_by_{step}": rows[place] for place, step in enumerate(self.steps)},
            "capped_rows": rows[none + 1],
        }


@dataclass(frozen=True, slots=True)
class DaysInPeriods:
    """What drug use periods tell of each row of a register: the first of a drug and day those of all of them.

    Args:
        lasts_64ths: int64, one a row, in 1/64 days; `served`: bool, one a row: it is part of a period.
    """

    lasts_64ths: Int64s
    served: Bools


def _no_periods(name: str) -> DaysInPeriods:
    raise EventsRejected(f"the supply step 'pre2dup:{name}' needs hospital stays and parameters of the whole set.")


def days_of_supply(
    dispensings: Dispensings,
    model: SupplyModel,
    netted: NettedRows,
    periods: Callable[[str], DaysInPeriods] = _no_periods,
    *,
    picked: SetRows | None = None,
) -> DaysOfSupply:
    """Apply a supply model.

    Args:
        periods: gives the drug use periods by a model of the set, where a step asks for them.
        picked: the rows that are asked about; all where it is not given.

    Raises:
        EventsRejected: no step of the model finds its columns in the register.
    """
    whole_days = model.reversals == "net_latest"
    steps = [_step(step, dispensings, periods, whole_days=whole_days) for step in model.steps]
    if all(step is None for step in steps):
        raise EventsRejected(
            f"register {dispensings.register!r} lacks the columns of every supply step: {', '.join(model.steps)}.",
            mend="Add a step that the register can answer.",
        )
    picked = picked or rows_of_sets(dispensings, None)
    left = picked.of(netted.left)
    # What the row was is read only where packages that were taken are shared out.
    shared = any(step and step[0] in (_Share.OF_THE_ROW, _Share.OF_THE_ROW_IN_DAYS) for step in steps)
    supply, step = np.empty(len(picked.day), np.int32), np.empty(len(picked.day), np.uint8)
    told = np.zeros((2, len(steps) + 3), np.int64)
    serve_rows(
        picked.offsets,
        left,
        picked.of(dispensings.quantity) if shared else left,
        [_of_rows(step or _SILENT, picked) for step in steps],
        supply,
        step,
        told,
        cap=model.cap_days * DAY,
    )
    return DaysOfSupply(supply, tuple(model.steps), step, told, picked)


def _of_rows(step: Step, picked: SetRows) -> Step:
    """A step as the kernel reads it, of the picked rows alone."""
    share, amount, code, above, below, served = step
    if amount is not None:
        amount = picked.of(amount) if amount.dtype == np.int32 else np.ascontiguousarray(amount[picked.places])
    served = None if served is None else np.ascontiguousarray(served[picked.places])
    return share, amount, None if code is None else picked.of(code), above, below, served


def columns_of_steps(dispensings: Dispensings, model: SupplyModel) -> list[Int32s]:
    """int32, one a row each: columns of the register that the steps of a model read."""
    names = {
        "days_supply": ("days_supply",),
        "units_per_day": ("units_per_package",),
        "dosage_text": ("units_per_package",),
        "ddd": ("ddd_per_package", "ddd_dispensed"),
    }
    read: list[Int32s] = []
    for step in model.steps:
        kind = step.partition(":")[0]
        told = [dispensings.numbers(name)[0] for name in names.get(kind, ()) if dispensings.has(name)]
        read += [np.asarray(column, np.int32) for column in told if column.dtype == np.int32]
        if kind == "dosage_text" and dispensings.has("dosage_text"):
            read.append(dispensings.codes("dosage_text").code)
    return read


def _step(
    step: str, dispensings: Dispensings, periods: Callable[[str], DaysInPeriods], *, whole_days: bool
) -> Step | None:
    """A step as the kernel reads it; None where the register lacks its columns."""
    name, _, parameter = step.partition(":")
    if name == "pre2dup":
        told = periods(parameter)
        return _Share.AS_IT_IS, told.lasts_64ths, None, *_times(Fraction(1)), told.served.view(np.uint8)
    if name in ("fixed", "wtd"):
        return _Share.AS_IT_IS, None, None, *_times(Fraction(int(parameter) * DAY)), None
    if name == "days_supply" and dispensings.has("days_supply"):
        days, scale = dispensings.numbers("days_supply")
        # The reference set's own rule for a row that lost packages: whole days, and at least one.
        share = _Share.OF_THE_ROW_IN_DAYS if whole_days and scale == 1 else _Share.OF_THE_ROW
        return share, days, None, *_times(Fraction(DAY, scale)), None
    if name == "units_per_day" and dispensings.has("units_per_package"):
        return _of_packages(dispensings, "units_per_package", per_day=Fraction(parameter))
    if name == "dosage_text" and dispensings.has("dosage_text") and dispensings.has("units_per_package"):
        units, scale = dispensings.numbers("units_per_package")
        texts = dispensings.codes("dosage_text")
        ranges = RANGES[parameter]
        times = texts.facts.remember(("days of a unit", ranges, scale), lambda: _by_text(texts.facts, ranges, scale))
        return _Share.OF_EACH_PACKAGE, units, texts.code, *times, None
    if name == "ddd" and dispensings.has("ddd_per_package"):
        return _of_packages(dispensings, "ddd_per_package", per_day=Fraction(parameter))
    if name == "ddd" and dispensings.has("ddd_dispensed"):
        doses, scale = dispensings.numbers("ddd_dispensed")
        return _Share.OF_THE_ROW, doses, None, *_times(DAY / (Fraction(parameter) * scale)), None
    return None


def _of_packages(dispensings: Dispensings, concept: str, *, per_day: Fraction) -> Step:
    amount, scale = dispensings.numbers(concept)
    return _Share.OF_EACH_PACKAGE, amount, None, *_times(DAY / (per_day * scale * HUNDREDTHS)), None


def _by_text(facts: DictionaryFacts, ranges: RangeRule | None, scale: int) -> tuple[Int64s, Int64s]:
    """By what 1/64 days of hundredths of units are told for each text, after nothing for no text."""
    return _times(
        None, *(None if dose is None else DAY / (dose * scale * HUNDREDTHS) for dose in facts.units_by(ranges))
    )


def _times(*shares: Fraction | None) -> tuple[Int64s, Int64s]:
    """Fractions as numbers above and below; 0 below for none."""
    known = [(0, 0) if share is None else (share.numerator, share.denominator) for share in shares]
    above, below = np.array(known, np.int64).T
    return np.ascontiguousarray(above), np.ascontiguousarray(below)


_SILENT: Step = (_Share.AS_IT_IS, None, None, *_times(None), None)
"""Answers for no row."""
