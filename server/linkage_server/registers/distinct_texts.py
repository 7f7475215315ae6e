"""Any delivered column as its distinct texts: each is judged and converted once, however often it occurs.

Register columns repeat themselves (a few thousand dates, codes and package sizes in a hundred million rows), so a rule
costs per distinct value and a row only a look-up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]

LARGEST_EXACT_DOUBLE = 2.0**53
DECIMALS_OF_DOUBLES = 9


@dataclass(frozen=True, slots=True)
class DistinctTexts:
    """A column of texts.

    Attributes:
        texts: string, trimmed, without nulls; distinct unless trimming made two equal.
        places: int64, one a row: position in `texts`, -1 where the row has no value.
        unreadable: bool, one a row: a value of a type, or a size, that cannot be told exactly.
        everywhere: whether every row has a value, so that `places` holds no -1.
    """

    texts: pa.StringArray
    places: Places
    unreadable: Mask
    everywhere: bool = False

    def rows_where(self, of_texts: Mask) -> Mask:
        """Which rows have a text for which `of_texts` holds."""
        if not of_texts.any():
            return np.zeros(len(self.places), np.bool_)
        if self.everywhere and of_texts.all():
            return np.ones(len(self.places), np.bool_)
        return np.append(of_texts, False)[self.places]


def distinct_texts(column: pa.Array) -> DistinctTexts:
    """Distinct texts of a column of any type; empty and blank count as no value, lists and structs are unreadable."""
    rows = len(column)
    if column.null_count == rows:
        return DistinctTexts(pa.array([], pa.string()), np.full(rows, -1), np.zeros(rows, np.bool_))
    if pa.types.is_nested(column.type) or pa.types.is_float16(column.type):
        unreadable: Mask = column.is_valid().to_numpy(zero_copy_only=False).astype(np.bool_)
        return DistinctTexts(pa.array([], pa.string()), np.full(rows, -1), unreadable)
    if pa.types.is_dictionary(column.type) and len(column.dictionary) > rows:
        # A dictionary of a whole file must not be judged again for each of its batches.
        column = column.dictionary_decode()
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    indices = encoded.indices.cast(pa.int64())
    places = (indices.fill_null(-1) if indices.null_count else indices).to_numpy(zero_copy_only=False)
    texts = pc.utf8_trim_whitespace(_as_text(encoded.dictionary))
    filled = pc.fill_null(pc.not_equal(texts, ""), False).to_numpy(zero_copy_only=False)
    if filled.all():
        return DistinctTexts(texts, places, np.zeros(rows, np.bool_), everywhere=not indices.null_count)
    known = np.append(texts.is_valid().to_numpy(zero_copy_only=False), True)
    unreadable = np.zeros(rows, np.bool_) if known.all() else ~known[places]
    return DistinctTexts(texts.fill_null(""), np.where(np.append(filled, False)[places], places, -1), unreadable)


def _as_text(values: pa.Array) -> pa.StringArray:
    """Values as text; null where a value cannot be told exactly."""
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return values.cast(pa.string())
    if pa.types.is_floating(kind):
        return pa.array([_double_as_text(value) for value in values.to_pylist()], pa.string())
    if pa.types.is_timestamp(kind):
        return values.cast(pa.timestamp("s", kind.tz), safe=False).cast(pa.date32(), safe=False).cast(pa.string())
    if pa.types.is_integer(kind) or pa.types.is_date32(kind) or pa.types.is_decimal(kind):
        return values.cast(pa.string())
    if pa.types.is_date64(kind):
        return values.cast(pa.date32()).cast(pa.string())
    if pa.types.is_boolean(kind):
        return pc.if_else(values, "1", "0")
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        try:
            return values.cast(pa.binary()).cast(pa.string())
        except pa.ArrowInvalid:
            return pa.nulls(len(values), pa.string())
    return pa.nulls(len(values), pa.string())


def _double_as_text(value: float | None) -> str | None:
    if value is None or math.isnan(value):
        return ""
    if abs(value) > LARGEST_EXACT_DOUBLE:
        return None
    if value == int(value):
        return str(int(value))
    # 0.1 + 0.2 is meant as 0.3: nine decimals are more than any register writes and fewer than a double's noise.
    return f"{value:.{DECIMALS_OF_DOUBLES}f}".rstrip("0")
