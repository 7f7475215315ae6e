"""How long each dispensing lasts, by the first step of a supply model that can answer for its row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from linkage.errors import EventsRejected
from linkage.indicator_kinds import SupplyModel
from linkage_core.dosage_texts import RangeRule
from linkage_core.indicators.dispensings import HUNDREDTHS, Dispensings
from linkage_core.indicators.reversals import NettedRows
from linkage_core.indicators.values import Bools, Float64s, Int32s, Int64s, UInt8s
from linkage_core.kernels.supply_steps import serve

DAY = 64
"""Supply is kept in 1/64 days: exact sums, and fractions of a package are carried."""

RANGES: dict[str, RangeRule | None] = {"": None, "low": "low", "mid": "mid", "high": "high"}
"""What a step that reads dosage texts says of ranges, by its parameter."""
_INT32_MAX = int(np.iinfo(np.int32).max)


@dataclass(frozen=True)
class DaysOfSupply:
    """Supply of each row.

    Args:
        supply_64ths: int32, one a row, in 1/64 days, reversals taken off; 0 for rows without anything left.
        unserved: bool, one a row: something is left but no step could answer.
        steps: of the model.
        step: uint8, one a row: position in `steps` of the step that answered, `len(steps)` where none did.
        capped: uint8, one a row: 1 where it was cut at the cap.
    """

    supply_64ths: Int32s
    unserved: Bools
    steps: tuple[str, ...]
    step: UInt8s
    capped: UInt8s

    @cached_property
    def unserved_at(self) -> Int64s:
        """Positions of the rows that no step could answer for, ascending."""
        return np.flatnonzero(self.unserved)

    def account(self, places: Int64s | slice) -> dict[str, int]:
        """Rows of an indicator that each step answered for, and rows that were cut at the cap.

        Args:
            places: the indicator's own rows.
        """
        step_of_row = self.step[places]
        answered = {
            f"rows_by_{step}": int(np.count_nonzero(step_of_row == place)) for place, step in enumerate(self.steps)
        }
        return {**answered, "capped_rows": int(np.count_nonzero(self.capped[places]))}


@dataclass(frozen=True, slots=True)
class DaysInPeriods:
    """What drug use periods tell of each row: days, the first row of a drug and day telling those of all of them.

    Args:
        lasts: float64, one a row; `served`: bool, one a row: it is part of a period.
    """

    lasts: Float64s
    served: Bools


def _no_periods(name: str) -> DaysInPeriods:
    raise EventsRejected(f"the supply step 'pre2dup:{name}' needs hospital stays and parameters of the whole set.")


def days_of_supply(
    dispensings: Dispensings,
    model: SupplyModel,
    netted: NettedRows,
    periods: Callable[[str], DaysInPeriods] = _no_periods,
) -> DaysOfSupply:
    """Apply a supply model.

    Args:
        periods: gives the drug use periods by a model of the set, where a step asks for them.

    Raises:
        EventsRejected: no step of the model finds its columns in the register.
    """
    rows, none = dispensings.rows, len(model.steps)
    supply, capped, step_of_row = np.zeros(rows, np.int32), np.zeros(rows, np.uint8), np.full(rows, none, np.uint8)
    known = False
    for place, step in enumerate(model.steps):
        told = periods(step.partition(":")[2]) if step.startswith("pre2dup:") else None
        if told is not None:
            lasts: Int32s | Int64s | None = np.floor(told.lasts * DAY).astype(np.int64)
        else:
            lasts = _step(step, dispensings, netted, whole_days=model.reversals == "net_latest")
        if lasts is None:
            continue
        known = True
        serve(lasts, netted.left, supply, step_of_row, capped, cap=model.cap_days * DAY, place=place, none=none)
        if told is not None:
            # Other rows of a purchase are served too, though the first tells the days of all of them.
            step_of_row[told.served & (netted.left > 0) & (step_of_row == none)] = place
    if not known:
        raise EventsRejected(
            f"register {dispensings.register!r} lacks the columns of every supply step: {', '.join(model.steps)}.",
            mend="Add a step that the register can answer.",
        )
    unserved = (step_of_row == none) & (netted.left > 0)
    return DaysOfSupply(supply, unserved, tuple(model.steps), step_of_row, capped)


def _step(step: str, dispensings: Dispensings, netted: NettedRows, *, whole_days: bool) -> Int32s | Int64s | None:
    """1/64 days of each row by one step, 0 where it cannot answer; None where the register lacks its columns."""
    name, _, parameter = step.partition(":")
    left = netted.left
    if name in ("fixed", "wtd"):
        return np.full(dispensings.rows, int(parameter) * DAY, np.int64)
    if name == "days_supply" and dispensings.has("days_supply"):
        return _column_days(dispensings, netted, whole_days=whole_days)
    if name == "units_per_day" and dispensings.has("units_per_package"):
        units, scale = dispensings.numbers("units_per_package")
        return _lasts(left, units, per_day=Fraction(parameter) * scale * HUNDREDTHS)
    if name == "dosage_text" and dispensings.has("dosage_text") and dispensings.has("units_per_package"):
        return _by_dosage(dispensings, left, RANGES[parameter])
    if name == "ddd" and dispensings.has("ddd_per_package"):
        doses, scale = dispensings.numbers("ddd_per_package")
        return _lasts(left, doses, per_day=Fraction(parameter) * scale * HUNDREDTHS)
    if name == "ddd" and dispensings.has("ddd_dispensed"):
        doses, scale = dispensings.whole_numbers("ddd_dispensed")
        return _share_left(_quotient(doses, per_day=Fraction(parameter) * scale), dispensings, netted)
    return None


def _lasts(left: Int32s, amount: Int32s | Int64s, *, per_day: Fraction) -> Int32s | Int64s:
    """1/64 days of what is left of packages that hold an amount each; in int32 where that is wide enough."""
    share = DAY / per_day
    most = int(left.max(initial=0)) * int(amount.max(initial=0)) * share.numerator
    if amount.dtype == np.int32 and most <= _INT32_MAX >= share.denominator:
        return left * np.maximum(amount, 0) * np.int32(share.numerator) // np.int32(share.denominator)
    return _quotient(left.astype(np.int64) * amount, per_day=per_day)


def _quotient(amount: Int64s, *, per_day: Fraction) -> Int64s:
    return np.maximum(amount, 0) * (DAY * per_day.denominator) // per_day.numerator


def _share_left(lasts: Int32s | Int64s, dispensings: Dispensings, netted: NettedRows) -> Int32s | Int64s:
    """What the packages that are left of each row last; nearly every row has them all."""
    if not netted.reversed_rows:
        return lasts
    quantity = np.abs(dispensings.quantity)
    less = np.flatnonzero(netted.left != quantity)
    lasts = lasts.copy()
    lasts[less] = lasts[less].astype(np.int64) * netted.left[less] // np.maximum(quantity[less], 1)
    return lasts


def _column_days(dispensings: Dispensings, netted: NettedRows, *, whole_days: bool) -> Int32s | Int64s:
    given, scale = dispensings.numbers("days_supply")
    if max(scale, DAY * int(given.max(initial=0)), -DAY * int(given.min(initial=0))) > _INT32_MAX:
        given = given.astype(np.int64)
    whole: Int32s | Int64s = given * DAY
    if scale > 1:
        whole = whole // scale
    part = _share_left(whole, dispensings, netted)
    if whole_days and scale == 1 and part is not whole:
        # The reference set's own rule for a row that lost packages: whole days, and at least one.
        part = np.where((part < whole) & (whole > 0), np.maximum(part // DAY, 1) * DAY, part)
    return part


def _by_dosage(dispensings: Dispensings, left: Int32s, ranges: RangeRule | None) -> Int64s:
    texts = dispensings.codes("dosage_text")
    doses = texts.facts.units_by(ranges)
    units, scale = dispensings.whole_numbers("units_per_package")
    distinct = sorted({dose for dose in doses if dose is not None})
    # A row without a text has -1: it finds the number that is put last.
    number = {dose: place for place, dose in enumerate(distinct)}
    dose_of_row = np.array([*(-1 if dose is None else number[dose] for dose in doses), -1], np.int32)[texts.code]
    lasts = np.zeros(dispensings.rows, np.int64)
    for place, dose in enumerate(distinct):
        rows = np.flatnonzero(dose_of_row == place)
        lasts[rows] = _quotient(left[rows] * units[rows], per_day=dose * scale * HUNDREDTHS)
    return lasts
