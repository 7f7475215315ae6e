"""Reads milligrams a unit out of the text that a register has for strength, where it leaves no doubt.

One substance, in grams or parts of a gram, by itself or per dose, tablet, capsule, puff or sachet. Not understood are
two substances ("20 mg/10 mg"), percentages, international units, millimoles, and what a patch releases an hour. A
strength per millilitre or gram is one of a unit only where the register counts a package in these: its user must say.
"""

from __future__ import annotations

import re
from fractions import Fraction

_MILLIGRAMS = {
    "g": Fraction(1000),
    "gram": Fraction(1000),
    "mg": Fraction(1),
    "milligram": Fraction(1),
    "mikrogram": Fraction(1, 1000),
    "mikrog": Fraction(1, 1000),
    "mcg": Fraction(1, 1000),
    "µg": Fraction(1, 1000),  # the micro sign
    "μg": Fraction(1, 1000),  # the Greek letter
    "ug": Fraction(1, 1000),
    "nanogram": Fraction(1, 1_000_000),
    "ng": Fraction(1, 1_000_000),
}
_UNITS = "dos|doser|tablett|kapsel|puff|inhalation|dospåse|suppositorium"
_NUMBER = r"(\d{1,3}(?: \d{3})+|\d+)([.,]\d+)?"
_STRENGTH = re.compile(
    rf"{_NUMBER} ?({'|'.join(sorted(_MILLIGRAMS, key=len, reverse=True))})"
    rf"(?: ?/ ?(?:{_NUMBER} ?)?({_UNITS}|ml|milliliter|g|gram))?"
)
_BARE = re.compile(_NUMBER)


def milligrams(text: str, *, bare_number_is_mg: bool = False, concentrations: bool = False) -> Fraction | None:
    """Milligrams in one unit of the package; None where the text leaves any doubt.

    Args:
        bare_number_is_mg: read a number without a unit as milligrams.
        concentrations: read what is told per millilitre or gram too.

    >>> milligrams("0,25 mg")
    Fraction(1, 4)
    """
    plain = " ".join(text.lower().split())
    if bare_number_is_mg and (bare := _BARE.fullmatch(plain)):
        return _number(bare[1], bare[2]) or None
    found = _STRENGTH.fullmatch(plain)
    if found is None:
        return None
    per = found[6]
    if per is not None and not re.fullmatch(_UNITS, per) and not concentrations:
        return None
    parts = _number(found[4], found[5]) if found[4] else Fraction(1)
    amount = _number(found[1], found[2]) * _MILLIGRAMS[found[3]]
    return amount / parts if amount and parts else None


def _number(whole: str, part: str | None) -> Fraction:
    return Fraction(whole.replace(" ", "") + (part or "").replace(",", "."))
