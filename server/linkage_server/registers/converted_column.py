"""One variable of a batch as it will be stored, with what was wrong in it; and the zeros that spreadsheets eat."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage.register_catalogue import Variable
from linkage_server.registers.distinct_texts import Mask
from linkage_server.registers.faults import Fault


@dataclass(frozen=True, slots=True)
class ConvertedColumn:
    """One variable of a batch.

    Attributes:
        variable: whose.
        arrays: stored columns, in the order and types of `variable.arrow_fields()`.
        filled: rows with a value.
        faults: rows that break a rule, by fault.
        rounded: rows stored with fewer decimals than delivered.
        zeros_restored: rows whose leading zeros were put back.
    """

    variable: Variable
    arrays: list[pa.Array]
    filled: Mask
    faults: dict[Fault, Mask] = field(default_factory=dict)
    rounded: Mask | None = None
    zeros_restored: Mask | None = None


def restore_zeros(texts: pa.StringArray, *, width: int | None) -> tuple[pa.StringArray, Mask]:
    """Digits shorter than `width` with their leading zeros put back, and which those are."""
    if width is None:
        return texts, np.zeros(len(texts), np.bool_)
    short = pc.and_(pc.match_substring_regex(texts, "^[0-9]+$"), pc.less(pc.utf8_length(texts), width))
    mask: Mask = short.to_numpy(zero_copy_only=False).astype(np.bool_)
    return pc.if_else(short, pc.utf8_lpad(texts, width, "0"), texts), mask
