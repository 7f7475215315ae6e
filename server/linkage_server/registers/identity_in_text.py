"""Finds identity numbers where none belongs: in free text and in codes of no known system."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage.personal_identity_number import NumberKind, check_numbers
from linkage_server.registers.distinct_texts import Mask

# With century, or with the sign between date and number. Ten bare digits are as often an article or a pseudonym.
LOOKS_LIKE_ONE = r"(?:^|[^0-9])((?:18|19|20)[0-9]{6}[-+ ]?[0-9]{4}|[0-9]{6}[-+][0-9]{4})(?:[^0-9]|$)"
_CANDIDATE = re.compile(LOOKS_LIKE_ONE)


def holds_identity_number(texts: pa.StringArray) -> Mask:
    """Which texts hold a personnummer or coordination number with a right check digit."""
    suspects: Mask = pc.match_substring_regex(texts, LOOKS_LIKE_ONE).to_numpy(zero_copy_only=False).astype(np.bool_)
    for place in np.flatnonzero(suspects):
        candidates = pa.array(_CANDIDATE.findall(texts[int(place)].as_py()), pa.string())
        kinds = check_numbers(candidates, reference_date=date(2100, 1, 1)).kinds
        suspects[place] = bool(np.isin(kinds, (NumberKind.PERSONNUMMER, NumberKind.COORDINATION)).any())
    return suspects
