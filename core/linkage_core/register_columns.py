"""One column of a register over all its segments: its type, one numbering of its codes, and rows gathered from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from linkage.errors import EventsRejected
from linkage_core.dictionaries import concatenate
from linkage_core.events import Int32s, Int64s
from linkage_core.narrow_columns import logical_field, widen

UInt8s = npt.NDArray[np.uint8]
UInt32s = npt.NDArray[np.uint32]

MOST_SHARED_TEXTS = 1 << 16
"""Above this, texts are numbered after gathering: a free-text column may have far more of them than rows asked for."""


@dataclass(frozen=True, slots=True)
class RegisterColumn:
    """A column as it lies in each segment, and as readers see it.

    Args:
        field: name, logical type and metadata, of the newest segment that has the column.
        parts: the column of each segment, oldest first; None where a segment lacks it.
        fields: the field of each part.
        texts: the dictionary of the whole register; None where it has no codes, or too many texts for one.
        codes: for each segment, code in `texts` by code in the segment; None without `texts`.
    """

    field: pa.Field
    parts: tuple[pa.Array | None, ...]
    fields: tuple[pa.Field | None, ...]
    texts: pa.Array | None
    codes: tuple[Int32s | None, ...]

    def gather(self, rows: Sequence[UInt32s], order: Int64s | None) -> pa.Array:
        """The logical values of each segment's `rows`, one segment after the other, or in `order` of that."""
        column = concatenate(
            [self._taken(number, pa.array(numbers, pa.uint32())) for number, numbers in enumerate(rows)]
        )
        column = widen(column, self.field)
        return column if order is None else column.take(pa.array(order))

    def belongs(self, number: int, wants: Callable[[str], bool]) -> UInt8s | None:
        """For each code of a segment, whether its text is wanted; None where the part has no codes."""
        part = self.parts[number]
        if part is None or not pa.types.is_dictionary(part.type):
            return None
        return wanted_texts(part.dictionary, wants)

    def _taken(self, number: int, rows: pa.Array) -> pa.Array:
        part, field = self.parts[number], self.fields[number]
        if part is None:
            return _nulls(len(rows), self.field.type, self.texts)
        taken = widen(part.take(rows), field)
        codes = self.codes[number]
        if codes is not None:
            return pa.DictionaryArray.from_arrays(pa.array(codes).take(taken.indices), self.texts)
        if pa.types.is_dictionary(self.field.type) and not pa.types.is_dictionary(taken.type):
            taken = taken.dictionary_encode()
        return taken if taken.type == self.field.type else taken.cast(self.field.type)


def register_column(name: str, batches: Sequence[pa.RecordBatch]) -> RegisterColumn:
    """The column of that name over the segments' rows, oldest first.

    Raises:
        EventsRejected: segments disagree about its type or its scale.
    """
    fields = tuple(batch.schema.field(name) if name in batch.schema.names else None for batch in batches)
    parts = tuple(None if field is None else batch.column(name) for field, batch in zip(fields, batches, strict=True))
    field = _common_field(name, [logical_field(field) for field in fields if field is not None])
    texts = _shared_texts(field.type, parts)
    codes = tuple(
        None if texts is None or part is None else np.asarray(pc.index_in(part.dictionary, value_set=texts), np.int32)
        for part in parts
    )
    return RegisterColumn(field, parts, fields, texts, codes)


def wanted_texts(texts: pa.Array, wants: Callable[[str], bool]) -> UInt8s:
    """uint8, one a text: 1 where it is wanted; a null text never is."""
    return np.array([text is not None and wants(text) for text in texts.to_pylist()], np.uint8)


def _common_field(name: str, fields: Sequence[pa.Field]) -> pa.Field:
    newest = fields[-1]
    kind = newest.type
    for older in fields:
        kind = _common_type(kind, older.type)
        if kind is None:
            raise EventsRejected(
                f"column {name!r} is {older.type} in an older segment and {newest.type} in a newer one.",
                mend="Load the older deliveries again under the newer definition.",
            )
        if _scale(older) != _scale(newest):
            raise EventsRejected(
                f"column {name!r} has {_scale(older)} units per whole in an older segment and "
                f"{_scale(newest)} in a newer one.",
                mend="Load the older deliveries again under the newer definition.",
            )
    return newest.with_type(kind)


def _common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """The type that holds both, or None: integers of one sign widen, texts and codes read as codes."""
    if one == other:
        return one
    for family in (pa.types.is_signed_integer, pa.types.is_unsigned_integer):
        if family(one) and family(other):
            return one if one.bit_width > other.bit_width else other
    for coded, plain in ((one, other), (other, one)):
        if pa.types.is_dictionary(coded) and plain == coded.value_type:
            return coded
    return None


def _scale(field: pa.Field) -> str:
    return bytes((field.metadata or {}).get(b"scale", b"1")).decode()


def _shared_texts(kind: pa.DataType, parts: Sequence[pa.Array | None]) -> pa.Array | None:
    present = [part for part in parts if part is not None]
    if not pa.types.is_dictionary(kind) or not all(pa.types.is_dictionary(part.type) for part in present):
        return None
    if sum(len(part.dictionary) for part in present) > MOST_SHARED_TEXTS:
        return None
    return pc.unique(pa.concat_arrays([part.dictionary for part in present]))


def _nulls(rows: int, kind: pa.DataType, texts: pa.Array | None) -> pa.Array:
    if texts is None:
        return pa.nulls(rows, kind)
    return pa.DictionaryArray.from_arrays(pa.nulls(rows, kind.index_type), texts)
