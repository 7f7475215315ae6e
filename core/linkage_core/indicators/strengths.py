"""Reads the strengths of a unit, one for each active substance, out of the text that a register has for strength."""

from __future__ import annotations

import re
from fractions import Fraction

from linkage_core.indicators.strength_text import milligrams

_NUMBER = re.compile(r"[\d., ]+")


def strengths(text: str, *, bare_number_is_mg: bool = False) -> tuple[Fraction, ...]:
    """Milligrams of each substance in one unit, in the order of the text; nothing where it leaves any doubt.

    A unit that stands once, behind the last number, is that of all: "10/20 mg". Percentages, amounts per millilitre and
    texts of which one part is not understood say nothing.

    Args:
        text: as delivered.
        bare_number_is_mg: read a number that stands alone as milligrams.

    >>> strengths("10 mg/20 mg")
    (Fraction(10, 1), Fraction(20, 1))
    """
    alone = milligrams(text, bare_number_is_mg=bare_number_is_mg)
    if alone is not None:
        return (alone,)
    parts = next(([part.strip() for part in text.split(sign)] for sign in "/+" if sign in text), [])
    if not parts:
        return ()
    unit = _NUMBER.sub("", parts[-1], count=1)
    read = [milligrams(f"{part} {unit}" if _NUMBER.fullmatch(part) else part) for part in parts]
    found = tuple(one for one in read if one is not None)
    return found if len(found) == len(read) else ()
