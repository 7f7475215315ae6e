"""Finds identity numbers where none belongs: in free text and among codes, as when columns have shifted."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage.personal_identity_number import NumberKind, check_numbers
from linkage.register_catalogue import Variable
from linkage_server.registers.code_quality import malformed
from linkage_server.registers.distinct_texts import Mask

# With century, or with the sign between date and number, anywhere in the text.
ANYWHERE = r"(?:^|[^0-9])((?:18|19|20)[0-9]{6}[-+ ]?[0-9]{4}|[0-9]{6}[-+][0-9]{4})(?:[^0-9]|$)"
# Ten bare digits are as often an article or a pseudonym: they only count where no such code can stand.
TEN_DIGITS = r"^([0-9]{10})$"


def holds_identity_number(texts: pa.StringArray) -> Mask:
    """Which texts hold a personnummer or coordination number with a right check digit, ten bare digits aside."""
    return _found(texts, ANYWHERE)


def is_identity_for_code(codes: pa.StringArray, *, variable: Variable) -> Mask:
    """Which codes are or hold an identity number; codes written as their code system says are never suspected."""
    if variable.code_system is None:
        found = _found(codes, ANYWHERE)
        return found | _found(codes, TEN_DIGITS) if variable.codes else found
    suspects = malformed(codes, variable=variable)
    if suspects.any():
        wrong = codes.filter(pa.array(suspects))
        suspects[suspects] = _found(wrong, ANYWHERE) | _found(wrong, TEN_DIGITS)
    return suspects


def _found(texts: pa.StringArray, pattern: str) -> Mask:
    suspects: Mask = pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False).astype(np.bool_)
    for place in np.flatnonzero(suspects):
        candidates = pa.array(re.findall(pattern, texts[int(place)].as_py()), pa.string())
        kinds = check_numbers(candidates, reference_date=date(2100, 1, 1)).kinds
        suspects[place] = bool(np.isin(kinds, (NumberKind.PERSONNUMMER, NumberKind.COORDINATION)).any())
    return suspects
