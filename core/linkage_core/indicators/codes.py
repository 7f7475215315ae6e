"""Which codes belong to a code set: a prefix test once for each distinct code, never for each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from linkage.indicator_kinds import CodeSet
from linkage_core.indicators.follow_up import FAR, day_number, filled
from linkage_core.indicators.values import Int32s, UInt8s


@dataclass(frozen=True, slots=True)
class CodedColumn:
    """A code column as numbers.

    Args:
        code: int32, one a row: position in `names`, -1 for none.
        names: the distinct codes, in capitals, without dots and spaces.
        texts: the same as delivered.
    """

    code: Int32s
    names: tuple[str, ...]
    texts: tuple[str, ...]


def coded(column: pa.Array) -> CodedColumn:
    """Read a dictionary or string column of codes."""
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    numbers = filled(column.indices.cast(pa.int32()), -1).to_numpy(zero_copy_only=False)
    texts = tuple(text or "" for text in column.dictionary.cast(pa.string()).to_pylist())
    names = tuple(plain(text) for text in texts)
    empty = np.array([not name for name in names], np.bool_)
    code = np.ascontiguousarray(numbers, np.int32)
    if empty.any():
        code = np.where((code >= 0) & empty[code], np.int32(-1), code).astype(np.int32)
    return CodedColumn(code=code, names=names, texts=texts)


def plain(code: str) -> str:
    """A code as code sets write it: capitals, no dots, no spaces; ICD-10 is delivered with and without its dot."""
    return code.strip().upper().replace(".", "").replace(" ", "")


def membership(names: Sequence[str], code_set: CodeSet | None) -> UInt8s:
    """Return uint8, one a distinct code: 1 where it belongs to the set; every code belongs where there is no set."""
    if code_set is None:
        return np.ones(max(len(names), 1), np.uint8)
    include, exclude = tuple(code_set.include), tuple(code_set.exclude)
    belongs = [name.startswith(include) and not (exclude and name.startswith(exclude)) for name in names]
    return np.array(belongs or [False], np.uint8)


def validity(code_set: CodeSet | None) -> tuple[int, int]:
    """First day on which the set applies and first on which it no longer does."""
    if code_set is None:
        return -int(FAR), int(FAR)
    valid = code_set.valid
    return (
        -int(FAR) if valid.from_date is None else day_number(valid.from_date),
        int(FAR) if valid.until is None else day_number(valid.until),
    )
