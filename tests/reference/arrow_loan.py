"""The kernel arrow_loan in plain Python: values read bit by bit and byte by byte from the buffers of a column."""

from __future__ import annotations

import struct

import pyarrow as pa

_FORMATS = {"int32": "<i", "int64": "<q", "uint64": "<Q", "uint32": "<I", "uint16": "<H", "uint8": "<B", "double": "<d"}


def read_column(column: pa.Array) -> list[int | float | bytes | None]:
    """Values of a column of numbers, bytes or fixed-width bytes, None where a value is missing."""
    buffers = [None if buffer is None else buffer.to_pybytes() for buffer in column.buffers()]
    places = range(column.offset, column.offset + len(column))
    return [_value(column.type, buffers, place) if _is_valid(buffers[0], place) else None for place in places]


def _is_valid(bits: bytes | None, place: int) -> bool:
    return bits is None or bool(bits[place // 8] >> (place % 8) & 1)


def _value(arrow_type: pa.DataType, buffers: list[bytes | None], place: int) -> int | float | bytes:
    if str(arrow_type) in _FORMATS:
        form = _FORMATS[str(arrow_type)]
        number: int | float = struct.unpack_from(form, buffers[1] or b"", place * struct.calcsize(form))[0]
        return number
    if pa.types.is_fixed_size_binary(arrow_type):
        width = arrow_type.byte_width
        return (buffers[1] or b"")[place * width : (place + 1) * width]
    form = "<q" if pa.types.is_large_binary(arrow_type) else "<i"
    start, end = (
        struct.unpack_from(form, buffers[1] or b"", at * struct.calcsize(form))[0] for at in (place, place + 1)
    )
    return (buffers[2] or b"")[start:end]
