"""Numbers the distinct texts of a load, so that rows carry small integers from the first batch on."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage_core.dictionaries import narrow_codes


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds one text a row, plain or with a dictionary."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_text_list(kind: pa.DataType) -> bool:
    """Whether a column holds a list of texts a row."""
    return bool(pa.types.is_list(kind) and is_text(kind.value_type))


class CodeBook:
    """The distinct texts of one column, numbered in order of arrival; they are held in memory until the load ends."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def encode(self, column: pa.Array) -> pa.Array:
        """int32 numbers of a text column, or lists of them for a list column."""
        if is_text_list(column.type):
            offsets = np.concatenate(([0], np.cumsum(pc.list_value_length(column).fill_null(0)))).astype(np.int32)
            mask = column.is_null() if column.null_count else None
            return pa.ListArray.from_arrays(pa.array(offsets), self._numbered(column.flatten()), mask=mask)
        return self._numbered(column)

    def decode(self, column: pa.Array) -> pa.Array:
        """The dictionary column of encoded numbers, with only the texts these rows use, in alphabetical order."""
        if pa.types.is_list(column.type):
            values = self.decode(column.flatten())
            offsets = np.concatenate(([0], np.cumsum(pc.list_value_length(column).fill_null(0)))).astype(np.int32)
            mask = column.is_null() if column.null_count else None
            return pa.ListArray.from_arrays(pa.array(offsets), values, mask=mask)
        present = column.drop_null() if column.null_count else column
        used = np.flatnonzero(np.bincount(present.to_numpy(), minlength=len(self._numbers)))
        texts = pa.array(list(self._numbers), pa.string()).take(pa.array(used))
        alphabetical = pc.array_sort_indices(texts)
        width = np.uint16 if len(used) <= 1 << 16 else np.uint32
        codes = np.zeros(max(1, len(self._numbers)), width)
        codes[used[alphabetical.to_numpy()]] = np.arange(len(used), dtype=width)
        return narrow_codes(pa.array(codes).take(column), texts.take(alphabetical))

    def _numbered(self, column: pa.Array) -> pa.Array:
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        numbers = self._numbers
        here = [
            None if text is None else numbers.setdefault(text, len(numbers)) for text in column.dictionary.to_pylist()
        ]
        return pa.array(here, pa.int32()).take(column.indices)


def books_for(schema: pa.Schema) -> dict[str, CodeBook]:
    """A book for every column of texts."""
    return {field.name: CodeBook() for field in schema if is_text(field.type) or is_text_list(field.type)}
