"""Reads a daily number of units out of Swedish free-text dosage where the text leaves no doubt.

A text outside the forms below is not understood, and the next step of the supply model answers for the row: a wrong
dosage is worse than none. Texts that say "as needed" are never understood, as they tell no daily amount.
"""

from __future__ import annotations

import re
from fractions import Fraction

_UNIT = r"(?:tabletter|tablett|tabl\.?|tab\.?|t\.?|kapslar|kapsel|kaps\.?|st\.?|dospåsar|dospåse)"
_AMOUNT = r"(\d+(?:[.,]\d+)?|1/2|½|en halv|halv|en|ett|två|tre|fyra)"
_DAILY = r"(?:dagligen|per dag|om dagen|/ ?dag|per dygn|varje dag|/d)"
_TIME = r"(?:morgonen|morgon|frukost|lunch|middag|eftermiddagen|kvällen|kväll|natten|natt|sänggående)"
_PART = rf"(?:till|på|vid|varje|om)? ?{_TIME}"
_AS_NEEDED = re.compile(r"vid behov|v\.?b\.?\b|högst|max|\bhelst\b|\d ?- ?\d|varannan|i veckan|per vecka|var \d")

_TIMES_A_DAY = re.compile(rf"^{_AMOUNT} ?{_UNIT}? ?(?:x|\*|×|,)? ?{_AMOUNT} ?(?:ggr|gånger|gång)? ?{_DAILY}$")
_TIMES = re.compile(rf"^{_AMOUNT} ?{_UNIT}? ?(?:x|\*|×) ?(\d+)$")
_ONCE_A_DAY = re.compile(rf"^{_AMOUNT} ?{_UNIT}? ?(?:{_DAILY}|{_PART})(?: {_PART})?$")
_PLUSES = re.compile(rf"^{_AMOUNT}(?: ?\+ ?{_AMOUNT}){{1,3}} ?{_UNIT}?(?: {_DAILY})?$")
_TWO_PARTS = re.compile(rf"^{_AMOUNT} ?{_UNIT}? {_PART} och {_PART}$")

_WORDS: dict[str, int | Fraction] = {
    "en": 1,
    "ett": 1,
    "två": 2,
    "tre": 3,
    "fyra": 4,
    "halv": Fraction(1, 2),
    "en halv": Fraction(1, 2),
}
_MOST_UNITS_A_DAY = 40


def units_per_day(text: str) -> Fraction | None:
    """Units a day that a dosage text states; None where it leaves any doubt.

    >>> units_per_day("1 tablett 2 gånger dagligen")
    Fraction(2, 1)
    """
    plain = " ".join(text.lower().replace(";", " ").rstrip(" .").split())
    if not plain or _AS_NEEDED.search(plain):
        return None
    units = _read(plain)
    return units if units is not None and 0 < units <= _MOST_UNITS_A_DAY else None


def _read(plain: str) -> Fraction | None:
    if (match := _TIMES.match(plain)) or (match := _TIMES_A_DAY.match(plain)):
        return _amount(match[1]) * _amount(match[2])
    if match := _ONCE_A_DAY.match(plain):
        return _amount(match[1])
    if match := _TWO_PARTS.match(plain):
        return 2 * _amount(match[1])
    if _PLUSES.match(plain):
        return sum((_amount(part) for part in re.findall(_AMOUNT, plain)), Fraction(0))
    return None


def _amount(text: str) -> Fraction:
    if text in _WORDS:
        return Fraction(_WORDS[text])
    if text in ("½", "1/2"):
        return Fraction(1, 2)
    return Fraction(text.replace(",", "."))
