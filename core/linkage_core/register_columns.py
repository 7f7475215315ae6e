"""One column of a register over all its segments: its type, one numbering of its codes, and rows gathered from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from linkage.errors import EventsRejected
from linkage_core.dictionaries import concatenate, is_code_list, without_idle_values
from linkage_core.events import Int32s, Int64s
from linkage_core.known_texts import distinct_texts
from linkage_core.narrow_columns import logical_field, widen, with_values
from linkage_core.segment_rows import SegmentColumn, SegmentRows

MOST_SHARED_TEXTS = 1 << 16
"""Above this, texts are numbered after gathering: a free-text column may have far more of them than rows asked for."""


@dataclass(frozen=True, slots=True)
class RegisterColumn:
    """A column as it lies in each segment, and as readers see it.

    Args:
        field: name, logical type and metadata, of the newest segment that has the column.
        parts: the column of each segment, oldest first; None where a segment lacks it.
        texts: the dictionary of the whole register; None where it has no codes, or too many texts for one.
        codes: for each segment, code in `texts` by code in the segment, and -1 at the end, which impossible codes read
            as; None without `texts`.
        keeps: for each segment, whether its codes are those of `texts`.
    """

    field: pa.Field
    parts: tuple[SegmentColumn | None, ...]
    texts: pa.Array | None
    codes: tuple[Int32s | None, ...]
    keeps: tuple[bool, ...]

    def gather(self, rows: Sequence[SegmentRows], order: Int64s | None) -> pa.Array:
        """The logical values of each segment's `rows`, one segment after the other, or in `order` of that."""
        kind = self.field.type
        if self.texts is not None and pa.types.is_dictionary(kind):
            # Unchecked: every code went through the table.
            codes = self._gather_numbers(rows, order, kind.index_type)
            return pa.DictionaryArray.from_arrays(codes, self.texts, safe=False)
        if pa.types.is_primitive(kind) and kind.bit_width in {32, 64}:
            return self._gather_numbers(rows, order, kind)
        column = widen(concatenate([self._taken(number, chosen) for number, chosen in enumerate(rows)]), self.field)
        return column if order is None else column.take(pa.array(order))

    def _gather_numbers(self, rows: Sequence[SegmentRows], order: Int64s | None, kind: pa.DataType) -> pa.Array:
        total = sum(map(len, rows))
        # From Arrow's memory pool, which keeps pages: touching fresh ones costs more than filling them.
        room = pa.allocate_buffer(total * kind.bit_width // 8)
        values: npt.NDArray[Any] = np.frombuffer(room, np.int32 if kind.bit_width == 32 else np.int64)
        filled = np.empty(total, np.uint8) if any(part is None or part.has_nulls for part in self.parts) else None
        first = 0
        for part, codes, keeps, chosen in zip(self.parts, self.codes, self.keeps, rows, strict=True):
            here = slice(first, first + len(chosen))
            first = here.stop
            if part is None:
                values[here] = 0
            elif codes is None:
                part.values_into(values[here], chosen)
            else:
                part.codes_into(values[here], chosen, codes, keeps=keeps)
            if filled is not None:
                filled[here] = 0
                if part is not None:
                    part.validity_into(filled[here], chosen)
        if order is not None:
            values = values[order]
            filled = None if filled is None else filled[order]
        bits = None if filled is None else pa.py_buffer(np.packbits(filled, bitorder="little"))
        return pa.Array.from_buffers(kind, total, [bits, pa.py_buffer(values)])

    def _taken(self, number: int, rows: SegmentRows) -> pa.Array:
        """Rows of a column that no kernel reads: lists, texts, truth values, and codes with too many texts."""
        part, codes = self.parts[number], self.codes[number]
        kind = self.field.type
        if part is None:
            return pa.nulls(len(rows), kind)
        taken = part.taken(rows)
        check_codes(taken, self.field.name)
        if codes is not None:
            values = pa.DictionaryArray.from_arrays(pa.array(codes).take(taken.flatten().indices), self.texts)
            return with_values(taken, values)
        if pa.types.is_dictionary(taken.type):
            return without_idle_values(taken)
        if pa.types.is_dictionary(kind):
            return taken.dictionary_encode()
        taken = widen(taken, part.field)
        return taken if taken.type == kind else taken.cast(kind)


def check_codes(column: pa.Array, name: str) -> None:
    """Refuse codes without a text: a damaged segment must not lead outside its dictionary."""
    within = column.flatten() if is_code_list(column.type) else column
    if pa.types.is_dictionary(within.type) and len(within) > within.null_count:
        bounds = pc.min_max(within.indices).as_py()
        if bounds["min"] < 0 or bounds["max"] >= len(within.dictionary):
            raise EventsRejected(f"column {name!r}: a code has no text; the segment is damaged.")


def register_column(name: str, batches: Sequence[pa.RecordBatch]) -> RegisterColumn:
    """The column of that name over the segments' rows, oldest first.

    Raises:
        EventsRejected: segments disagree about its type or its scale.
    """
    fields = tuple(batch.schema.field(name) if name in batch.schema.names else None for batch in batches)
    parts = tuple(None if field is None else batch.column(name) for field, batch in zip(fields, batches, strict=True))
    field = _common_field(name, [logical_field(field) for field in fields if field is not None])
    columns = tuple(
        None if part is None or own is None else SegmentColumn(part, own)
        for part, own in zip(parts, fields, strict=True)
    )
    texts = _shared_texts(field.type, parts)
    if texts is None:
        columns = tuple(None if column is None else column.with_own_texts() for column in columns)
        return RegisterColumn(field, columns, None, (None,) * len(parts), (False,) * len(parts))
    numbered = [_codes_in(texts, part, alone=len(parts) == 1) for part in parts]
    return RegisterColumn(
        field, columns, texts, tuple(codes for codes, _ in numbered), tuple(keeps for _, keeps in numbered)
    )


def dictionary_of(part: pa.Array) -> pa.Array | None:
    """The texts of a column of codes or of lists of codes; None for any other."""
    if pa.types.is_dictionary(part.type):
        return part.dictionary
    return part.values.dictionary if is_code_list(part.type) else None


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
    if not (pa.types.is_dictionary(kind) or is_code_list(kind)):
        return None
    dictionaries = [dictionary_of(part) for part in parts if part is not None]
    coded = [texts for texts in dictionaries if texts is not None]
    if len(coded) < len(dictionaries) or sum(len(texts) for texts in coded) > MOST_SHARED_TEXTS:
        return None
    return distinct_texts(coded)


def _codes_in(texts: pa.Array, part: pa.Array | None, *, alone: bool) -> tuple[Int32s | None, bool]:
    """As `RegisterColumn` has the codes of a segment, and whether they are those of `texts`."""
    own = None if part is None else dictionary_of(part)
    if own is None:
        return None, False
    every = np.arange(len(own) + 1, dtype=np.int32)
    # The texts of one segment alone are brought together in their own order.
    keeps = alone and len(own) == len(texts)
    if not keeps:
        every[:-1] = pc.index_in(own, value_set=texts)
        keeps = bool((every[:-1] == np.arange(len(own))).all())
    every[-1] = -1
    return every, keeps
