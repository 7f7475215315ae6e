"""What a load makes of each delivered column: numbers, or texts as numbers of a dictionary, one a row or in lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from linkage.errors import EventsRejected

Numbers = npt.NDArray[Any]
Flags = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ColumnKind:
    """How one column travels.

    Attributes:
        field: as delivered.
        value_type: of its values; string for texts.
        is_text: its values become numbers of a dictionary.
        is_list: a row has any number of values.
    """

    field: pa.Field
    value_type: pa.DataType
    is_text: bool
    is_list: bool

    @property
    def is_word(self) -> bool:
        """Whether values are kept as they are, bit by bit: fractions have no narrower type."""
        return bool(pa.types.is_floating(self.value_type))

    @property
    def final_type(self) -> pa.DataType:
        """The stored type before it is narrowed; texts have a dictionary."""
        values = pa.dictionary(pa.uint32(), pa.string()) if self.is_text else self.value_type
        return pa.list_(values) if self.is_list else values


def kind_of(field: pa.Field) -> ColumnKind:
    """How a column travels.

    Raises:
        EventsRejected: the store has no place for its type; names the column.
    """
    is_list = pa.types.is_list(field.type)
    values = field.type.value_type if is_list else field.type
    if pa.types.is_dictionary(values):
        values = values.value_type
    if pa.types.is_string(values) or pa.types.is_large_string(values):
        return ColumnKind(field, pa.string(), is_text=True, is_list=is_list)
    fits = pa.types.is_integer(values) or pa.types.is_boolean(values) or pa.types.is_temporal(values)
    if (not fits and not pa.types.is_floating(values)) or pa.types.is_interval(values):
        raise EventsRejected(f"column {field.name!r} is of type {field.type}, which the store does not hold.")
    return ColumnKind(field, values, is_text=False, is_list=is_list)


def numbers_of(column: pa.Array) -> Numbers:
    """The values as numpy sees them, without a copy; what stands at a null is anything."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    width = column.type.bit_width // 8
    kind = np.dtype(f"u{width}" if not _is_signed(column.type) else f"i{width}")
    if len(column) == 0:
        return np.empty(0, kind)
    return np.frombuffer(column.buffers()[1], kind, len(column), column.offset * width)


def absent_of(column: pa.Array) -> Flags | None:
    """1 where a value is null; None where none is."""
    if column.null_count == 0:
        return None
    return numbers_of(column.is_null())


def lengths_of(column: pa.ListArray) -> npt.NDArray[np.int32]:
    """Values of each list; a null has none."""
    return np.asarray(pc.list_value_length(column).fill_null(0), np.int32)


def bytes_of(column: pa.Array) -> int:
    """Bytes of the rows of a column, about: a dictionary that many batches share belongs to none of them."""
    if pa.types.is_dictionary(column.type):
        return int(column.indices.nbytes)
    return int(column.nbytes)


def _is_signed(kind: pa.DataType) -> bool:
    return bool(pa.types.is_signed_integer(kind) or pa.types.is_temporal(kind))
