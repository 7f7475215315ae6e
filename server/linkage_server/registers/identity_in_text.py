"""Finds identity numbers where none belongs: in free text, codes and amounts, as when columns have shifted."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage.personal_identity_number import LAST_DAY_OF_BIRTH, NumberKind, check_numbers
from linkage.register_catalogue import Variable
from linkage_server.registers.code_quality import malformed
from linkage_server.registers.distinct_texts import Mask

# Signs as word processors write them, with blanks around them.
_BETWEEN = "[-+ \u00a0\u2010-\u2015\u2212]"
# With century, or with something between date and number, anywhere in the text.
ANYWHERE = (
    f"(?:18|19|20)[0-9]{{6}}{_BETWEEN}{{0,3}}[0-9]{{4}}|[0-9]{{6}}{_BETWEEN}{{1,3}}[0-9]{{4}}"
    "|(?:18|19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{4}"
)
# Ten bare digits alone are as often an article or a pseudonym: they only count where no such code can stand.
TEN_DIGITS = r"^([0-9]{10})$"
# Among words they are none of these.
AMONG_WORDS = r"\pL.*[^\pL0-9][0-9]{10}(?:[^\pL0-9]|$)|(?:^|[^\pL0-9])[0-9]{10}[^\pL0-9].*\pL"
TEN_AMONG_WORDS = r"(?<!\w)([0-9]{10})(?!\w)"
# An amount as it is delivered, whole, with or without a decimal sign.
AMOUNT = r"^((?:18|19|20)?[0-9]{10})(?:[.,]0*)?$"
_SHORTEST = 10


def holds_identity_number(texts: pa.StringArray) -> Mask:
    """Which texts hold a personnummer or coordination number with a right check digit; ten digits alone aside."""
    return _found_anywhere(texts) | _found(texts, AMONG_WORDS, TEN_AMONG_WORDS)


def is_identity_for_amount(texts: pa.StringArray) -> Mask:
    """Which numbers of a column of amounts are identity numbers: no package count and no cost has ten digits."""
    long: Mask = pc.greater_equal(pc.binary_length(texts), _SHORTEST).to_numpy(zero_copy_only=False).astype(np.bool_)
    if long.any():
        long[long] = _found(texts.filter(pa.array(long)), AMOUNT, AMOUNT)
    return long


def is_identity_for_code(codes: pa.StringArray, *, variable: Variable) -> Mask:
    """Which codes are or hold an identity number; codes written as their code system says are never suspected."""
    if variable.code_system is None:
        found = _found_anywhere(codes)
        return found | _found(codes, TEN_DIGITS, TEN_DIGITS) if variable.codes else found
    suspects = malformed(codes, variable=variable)
    if suspects.any():
        wrong = codes.filter(pa.array(suspects))
        suspects[suspects] = _found_anywhere(wrong) | _found(wrong, TEN_DIGITS, TEN_DIGITS)
    return suspects


def _found_anywhere(texts: pa.StringArray) -> Mask:
    # Every place is tried: what looks like a number must not hide one that begins right behind it, or within it.
    return _found(texts, f"(?:^|[^0-9])(?:{ANYWHERE})(?:[^0-9]|$)", f"(?<![0-9])(?=({ANYWHERE})(?![0-9]))")


def _found(texts: pa.StringArray, suspect: str, number: str) -> Mask:
    """Texts that match `suspect` and in which the first group of `number` is somewhere an identity number."""
    suspects: Mask = pc.match_substring_regex(texts, suspect).to_numpy(zero_copy_only=False).astype(np.bool_)
    for place in np.flatnonzero(suspects):
        written = re.findall(number, texts[int(place)].as_py())
        candidates = pa.array([re.sub(r"[^0-9]", "", one) for one in written], pa.string())
        kinds = check_numbers(candidates, reference_date=LAST_DAY_OF_BIRTH).kinds
        suspects[place] = bool(np.isin(kinds, (NumberKind.PERSONNUMMER, NumberKind.COORDINATION)).any())
    return suspects
