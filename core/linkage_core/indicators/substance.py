"""Units and milligrams of active substance of each row: packages x units per package x strength of a unit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from linkage.errors import EventsRejected
from linkage.indicator_kinds import SubstanceAmount
from linkage_core.indicators.dispensings import HUNDREDTHS, Dispensings
from linkage_core.indicators.set_rows import SetRows
from linkage_core.indicators.strength_text import milligrams
from linkage_core.indicators.values import Bools, Int64s
from linkage_core.indicators.window_sums import Weight

MILLIGRAM = 10_000
"""Units of an amount of substance in a milligram: tenths of a microgram."""

_NANOGRAMS = 1_000_000
_TOO_HEAVY = 1 << 62


def units_of_rows(rows: Dispensings, picked: SetRows) -> tuple[Weight, int, Bools]:
    """Units of the picked rows, units per whole, and (of every row) what does not tell them."""
    numbers, scale = rows.numbers("units_per_package")
    packages = rows.quantity[picked.places]
    missing = rows.is_null("units_per_package") | rows.quantity_missing
    if numbers.dtype == np.int32:
        return (packages, np.asarray(numbers[picked.places], np.int32), False), scale * HUNDREDTHS, missing
    return packages.astype(np.int64) * np.asarray(numbers[picked.places], np.int64), scale * HUNDREDTHS, missing


def substance_of_rows(rows: Dispensings, picked: SetRows, indicator: SubstanceAmount) -> tuple[Weight, int, Bools]:
    """Substance of the picked rows in 1 / `MILLIGRAM` mg, rounded half away from zero so that reversed rows take off
    what they brought; that scale; and (of every row) what does not tell it.
    """
    units, scale = rows.whole_numbers("units_per_package")
    strength, unread = _strengths(rows, indicator)
    packages = rows.quantity[picked.places].astype(np.int64)
    units, strength = units[picked.places], strength[picked.places]
    # Whoever weighs so much is refused by the kernel that adds up, which names the row.
    size = np.abs(packages.astype(np.float64) * units.astype(np.float64) * strength.astype(np.float64))
    product = packages * units * strength
    divisor = HUNDREDTHS * scale * (_NANOGRAMS // MILLIGRAM)
    rounded = np.sign(product) * ((np.abs(product) + divisor // 2) // divisor)
    amount = np.where(size < _TOO_HEAVY, rounded, _TOO_HEAVY).astype(np.int64)
    return amount, MILLIGRAM, unread | rows.is_null("units_per_package") | rows.quantity_missing


def _strengths(rows: Dispensings, indicator: SubstanceAmount) -> tuple[Int64s, Bools]:
    """int64, one a row: nanograms in a unit, 0 where they are not told; and where that is."""
    if indicator.strength == "number":
        numbers, scale = rows.whole_numbers("strength_mg")
        if _NANOGRAMS % scale:
            raise EventsRejected(
                f"register {rows.register!r}, column 'strength_mg': does not fit a scale of {_NANOGRAMS}."
            )
        return numbers * (_NANOGRAMS // scale), rows.is_null("strength_mg") | (numbers <= 0)
    column = rows.codes("strength_text")
    rule = (indicator.bare_number == "mg", indicator.concentrations)

    def read() -> Int64s:
        found = (milligrams(text, bare_number_is_mg=rule[0], concentrations=rule[1]) for text in column.texts)
        return np.array([*(_nanograms(one) for one in found), 0], np.int64)

    by_code = column.facts.remember(("nanograms", *rule), read)
    nanograms = by_code[column.code]
    return nanograms, nanograms == 0


def _nanograms(strength: Fraction | None) -> int:
    """Whole nanograms; 0 for what is not told, cannot be told so finely, or is more than a kilogram."""
    exact = (strength or 0) * _NANOGRAMS
    return int(exact) if exact.denominator == 1 and exact <= 10**12 else 0
