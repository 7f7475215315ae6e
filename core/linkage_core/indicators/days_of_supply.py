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

DAY = 64
"""Supply is kept in 1/64 days: exact sums, and fractions of a package are carried."""

_RANGES: dict[str, RangeRule | None] = {"": None, "low": "low", "mid": "mid", "high": "high"}
_INT32_MAX = int(np.iinfo(np.int32).max)


@dataclass(frozen=True)
class DaysOfSupply:
    """Supply of each row.

    Args:
        supply_64ths: int32, one a row, in 1/64 days, reversals taken off; 0 for rows without anything left.
        unserved: bool, one a row: something is left but no step could answer.
        steps: of the model.
        step: uint8, one a row: position in `steps` of the step that answered, `len(steps)` where none did.
        capped: bool, one a row: it was cut at the cap.
    """

    supply_64ths: Int32s
    unserved: Bools
    steps: tuple[str, ...]
    step: UInt8s
    capped: Bools

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
    supply: Int32s | Int64s | None = None
    waiting = netted.left > 0
    answered = np.full(dispensings.rows, len(model.steps), np.uint8)
    for place, step in enumerate(model.steps):
        lasts: Int32s | Int64s | None
        if step.startswith("pre2dup:"):
            told = periods(step.partition(":")[2])
            lasts, serves = np.floor(told.lasts * DAY).astype(np.int64), waiting & told.served
        else:
            lasts = _step(step, dispensings, netted.left, whole_days=model.reversals == "net_latest")
            if lasts is None:
                continue
            serves = waiting & (lasts > 0)
        waiting &= ~serves
        if supply is None:
            # Nothing is there yet to be kept: a product is far cheaper than a masked copy.
            supply = lasts * serves.view(np.uint8)
            answered -= serves.view(np.uint8) * np.uint8(len(model.steps) - place)
        else:
            supply = np.where(serves, lasts, supply)
            np.copyto(answered, np.uint8(place), where=serves)
    if supply is None:
        raise EventsRejected(
            f"register {dispensings.register!r} lacks the columns of every supply step: {', '.join(model.steps)}.",
            mend="Add a step that the register can answer.",
        )
    cap = model.cap_days * DAY
    lasting = np.minimum(supply, cap).astype(np.int32, copy=False)
    return DaysOfSupply(lasting, waiting, tuple(model.steps), answered, np.asarray(supply > cap, np.bool_))


def _step(step: str, dispensings: Dispensings, left: Int32s, *, whole_days: bool) -> Int32s | Int64s | None:
    """1/64 days of each row by one step, 0 where it cannot answer; None where the register lacks its columns."""
    name, _, parameter = step.partition(":")
    if name in ("fixed", "wtd"):
        return np.full(dispensings.rows, int(parameter) * DAY, np.int64)
    if name == "days_supply" and dispensings.has("days_supply"):
        return _column_days(dispensings, left, whole_days=whole_days)
    if name == "units_per_day" and dispensings.has("units_per_package"):
        units, scale = dispensings.numbers("units_per_package")
        return _lasts(left, units, per_day=Fraction(parameter) * scale * HUNDREDTHS)
    if name == "dosage_text" and dispensings.has("dosage_text") and dispensings.has("units_per_package"):
        return _by_dosage(dispensings, left, _RANGES[parameter])
    if name == "ddd" and dispensings.has("ddd_per_package"):
        doses, scale = dispensings.numbers("ddd_per_package")
        return _lasts(left, doses, per_day=Fraction(parameter) * scale * HUNDREDTHS)
    if name == "ddd" and dispensings.has("ddd_dispensed"):
        doses, scale = dispensings.whole_numbers("ddd_dispensed")
        return _share_left(_quotient(doses, per_day=Fraction(parameter) * scale), dispensings, left)
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


def _share_left(lasts: Int64s, dispensings: Dispensings, left: Int32s) -> Int64s:
    quantity = np.abs(dispensings.quantity.astype(np.int64))
    return np.where(quantity > 0, lasts * left // np.maximum(quantity, 1), 0)


def _column_days(dispensings: Dispensings, left: Int32s, *, whole_days: bool) -> Int64s:
    given, scale = dispensings.whole_numbers("days_supply")
    whole = np.maximum(given, 0) * DAY // scale
    part = _share_left(whole, dispensings, left)
    if whole_days and scale == 1:
        # The reference set's own rule for a row that lost packages: whole days, and at least one.
        part = np.where(part < whole, np.maximum(part // DAY, 1) * DAY, part)
    return np.where(whole > 0, part, 0)


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
