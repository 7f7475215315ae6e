"""Where every buffer of an Arrow file will lie, known before the values are: so a file can be filled range by range.

Arrow's own writer lays the file out, over placeholders that are never read; headers, dictionaries and footer are its
bytes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage_server.registers.load_runs import Bytes, StreamKey
from linkage_server.registers.mapped_files import MappedFiles

BLOCK_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """One column of a segment before its values are known.

    Attributes:
        field: as stored.
        nulls, elements, element_nulls: how many there will be.
        texts: of a dictionary; None for numbers.
    """

    field: pa.Field
    nulls: int
    elements: int = 0
    element_nulls: int = 0
    texts: pa.StringArray | None = None


class _Placeholders:
    """Memory that is reserved and not touched: it has an address and a size, by which the writer's calls are known."""

    def __init__(self) -> None:
        self._reserved: dict[int, tuple[StreamKey, Bytes]] = {}

    def reserve(self, key: StreamKey, size: int) -> pa.Buffer:
        """A buffer of `size` bytes that stands for a part of a column."""
        memory = np.empty(max(1, size), np.uint8)
        if size:
            self._reserved[memory.ctypes.data] = key, memory[:size]
        return pa.foreign_buffer(memory.ctypes.data, size, memory)

    def reserve_ends(self, key: StreamKey, rows: int, *, elements: int) -> pa.Buffer:
        """The same for the ends of lists; the writer reads the first and the last, to see how many values there are."""
        ends = np.empty(rows + 1, np.int32)
        ends[0], ends[-1] = 0, elements
        self._reserved[ends.ctypes.data] = key, ends.view(np.uint8)
        return pa.foreign_buffer(ends.ctypes.data, ends.nbytes, ends)

    def key_of(self, buffer: pa.Buffer) -> StreamKey | None:
        """Which part of a column a buffer stands for, if it is one of these."""
        key, memory = self._reserved.get(buffer.address, (None, None))
        return key if memory is not None and memory.nbytes == buffer.size else None

    def keys(self) -> set[StreamKey]:
        """Everything that was reserved."""
        return {key for key, _ in self._reserved.values()}


class _Sink:
    """Writes what is known, passes over what is not, and remembers where that will lie."""

    def __init__(self, descriptor: int, placeholders: _Placeholders, mapped: MappedFiles) -> None:
        self._descriptor = descriptor
        self._mapped = mapped
        self._placeholders = placeholders
        self._bytes = 0
        self.places: dict[StreamKey, int] = {}
        self.closed = False

    def write(self, content: pa.Buffer | bytes) -> int:
        size = len(content)
        key = self._placeholders.key_of(content) if isinstance(content, pa.Buffer) else None
        if key is None:
            view = memoryview(content).cast("B")
            for first in range(0, size, BLOCK_BYTES):
                write_at(self._descriptor, view[first : first + BLOCK_BYTES], self._bytes + first)
                if size > BLOCK_BYTES:
                    self._mapped.let_go()
        else:
            self.places[key] = self._bytes
        self._bytes += size
        return size

    def tell(self) -> int:
        return self._bytes

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def lay_out(
    descriptor: int, columns: Sequence[StoredColumn], mapped: MappedFiles, *, rows: int
) -> dict[StreamKey, int]:
    """Write a file of one batch with everything but its values; returns at which byte each part of a column belongs.

    Args:
        descriptor: an empty file, open for writing. What is not written to it later stays zero.
        columns: of the batch.
        mapped: where their texts may lie.
        rows: its length.
    """
    placeholders = _Placeholders()
    arrays = [_array(placeholders, number, column, rows) for number, column in enumerate(columns)]
    schema = pa.schema([column.field for column in columns])
    sink = _Sink(descriptor, placeholders, mapped)
    with pa.ipc.new_file(pa.PythonFile(sink, mode="w"), schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
    assert sink.places.keys() == placeholders.keys(), "the writer copied a column instead of passing it on"
    return sink.places


def write_at(descriptor: int, content: memoryview | npt.NDArray[Any], place: int) -> None:
    """Write all of `content` at byte `place` of a file; a disk that fills up half-way is an OSError as ever."""
    view = content if isinstance(content, memoryview) else content.data.cast("B")
    while view:
        written = os.pwrite(descriptor, view, place)
        view, place = view[written:], place + written


def _array(placeholders: _Placeholders, number: int, column: StoredColumn, rows: int) -> pa.Array:
    kind = column.field.type
    absent = _bits(placeholders, (number, "absent"), rows) if column.nulls else None
    if not pa.types.is_list(kind):
        buffers = [absent, _values(placeholders, number, kind, rows)]
        return _coded(pa.Array.from_buffers(_number_type(kind), rows, buffers, null_count=column.nulls), column)
    value_absent = _bits(placeholders, (number, "value_absent"), column.elements) if column.element_nulls else None
    buffers = [value_absent, _values(placeholders, number, kind.value_type, column.elements)]
    numbers = pa.Array.from_buffers(
        _number_type(kind.value_type), column.elements, buffers, null_count=column.element_nulls
    )
    ends = placeholders.reserve_ends((number, "lengths"), rows, elements=column.elements)
    return pa.Array.from_buffers(
        kind, rows, [absent, ends], null_count=column.nulls, children=[_coded(numbers, column)]
    )


def _values(placeholders: _Placeholders, number: int, kind: pa.DataType, count: int) -> pa.Buffer:
    if pa.types.is_boolean(kind):
        return _bits(placeholders, (number, "values"), count)
    return placeholders.reserve((number, "values"), count * _number_type(kind).bit_width // 8)


def _bits(placeholders: _Placeholders, key: StreamKey, count: int) -> pa.Buffer:
    return placeholders.reserve(key, (count + 7) // 8)


def _number_type(kind: pa.DataType) -> pa.DataType:
    return kind.index_type if pa.types.is_dictionary(kind) else kind


def _coded(numbers: pa.Array, column: StoredColumn) -> pa.Array:
    return numbers if column.texts is None else pa.DictionaryArray.from_arrays(numbers, column.texts, safe=False)
