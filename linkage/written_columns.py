"""Columns of written values as flat bytes, so that a million of them are read without a Python object each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage.errors import InputRefused

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]


def number_column(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The column as one array of string, binary, large_string, large_binary, fixed_size_binary(12) or int64.

    Raises:
        InputRefused: the column's type cannot hold identity numbers.
    """
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_string(kind) or pa.types.is_binary(kind) or kind == pa.binary(12) or pa.types.is_int64(kind):
        return column
    if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        return column
    if pa.types.is_fixed_size_binary(kind):
        return column.cast(pa.binary())
    if str(kind) in ("string_view", "binary_view"):
        return column.cast(pa.large_binary())
    if pa.types.is_integer(kind):
        return column.cast(pa.int64(), safe=False)
    if pa.types.is_floating(kind):
        return _whole_numbers(column)
    raise InputRefused(
        f"Identity numbers cannot be read from a column of type {kind}.",
        mend="Give the column as text, or as whole numbers.",
    )


def fixed_binary(values: Bytes, valid: Flags) -> pa.FixedSizeBinaryArray:
    """Rows of bytes as an Arrow array without a copy; null where not `valid`."""
    rows, width = values.shape
    bitmap = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), rows, [bitmap, pa.py_buffer(values)])


def text_buffers(numbers: pa.Array) -> tuple[Whole, Bytes]:
    """Offsets (rows + 1) into the flat bytes of a text, binary or fixed-width array."""
    if pa.types.is_fixed_size_binary(numbers.type):
        return np.arange(len(numbers) + 1, dtype=np.int64) * 12, fixed_bytes(numbers).reshape(-1)
    large = pa.types.is_large_string(numbers.type) or pa.types.is_large_binary(numbers.type)
    _, offset_buffer, data = numbers.buffers()
    if offset_buffer is None or len(numbers) == 0:
        return np.zeros(len(numbers) + 1, np.int64), np.zeros(0, np.uint8)
    offsets = np.frombuffer(offset_buffer, np.int64 if large else np.int32, len(numbers) + 1 + numbers.offset)
    flat = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    return offsets[numbers.offset :].astype(np.int64), flat


def without_spaces(offsets: Whole, flat: Bytes) -> tuple[Whole, Bytes]:
    """Offsets and bytes of a block with spaces, tabs and no-break spaces taken out."""
    text = flat[offsets[0] : offsets[-1]]
    positions = offsets - offsets[0]
    space = (text == 0x20) | (text == 0x09)
    lead = text == 0xC2
    if lead.any():  # U+00A0 is C2 A0 in UTF-8; both bytes stand in one row.
        pair = lead[:-1] & (text[1:] == 0xA0)
        starts = positions[(positions > 0) & (positions < len(text))]
        pair[starts - 1] = False
        space[:-1] |= pair
        space[1:] |= pair
    if not space.any():
        return positions, text
    kept = np.concatenate([[0], np.cumsum(~space)])
    return kept[positions], text[~space]


def fixed_bytes(array: pa.FixedSizeBinaryArray) -> Bytes:
    """The bytes of a fixed-width array, shape (rows, width); what lies under a null is undefined."""
    width = array.type.byte_width
    flat = np.frombuffer(array.buffers()[1] or b"", np.uint8)
    return flat[array.offset * width : (array.offset + len(array)) * width].reshape(-1, width)


def null_rows(array: pa.Array) -> Flags:
    """Where an array is null."""
    nulls: Flags = np.asarray(array.is_null().to_numpy(zero_copy_only=False), np.bool_)
    return nulls


def _whole_numbers(column: pa.Array) -> pa.Array:
    """Floats as int64; what is no whole number becomes -1, which is refused for its sign."""
    values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    missing = null_rows(column) | np.isnan(values)
    whole = ~missing & (np.abs(values) < 1e15) & (np.floor(np.where(missing, 0, values)) == values)
    return pa.array(np.where(whole, values, -1).astype(np.int64), mask=missing)
