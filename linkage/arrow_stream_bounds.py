"""Reads an Arrow IPC stream from a stranger, within bounds that are checked before anything is unpacked.

A few kilobytes of Arrow can claim billions of rows or unpack to gigabytes. Each message's own description (a
FlatBuffer, Arrow's Message.fbs) is read first, and the unpacked size that each compressed buffer claims; only then does
pyarrow see the bytes, and validates them in full. The file format is read as the stream it holds: its footer is not
trusted. Source: https://arrow.apache.org/docs/format/Columnar.html, "Serialization and Interprocess Communication".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from linkage.errors import PopulationRejected

_DICTIONARY_BATCH = 2
_RECORD_BATCH = 3
_METADATA_BYTES_MAX = 1 << 20


@dataclass(slots=True)
class _Bounds:
    """What is still allowed."""

    rows: int
    bytes: int


def read_bounded_stream(path: Path, *, at: int, max_rows: int, max_bytes: int, max_columns: int) -> pa.Table:
    """Read the stream that starts at byte `at` of a file.

    Raises:
        PopulationRejected: it is broken, or holds more rows, bytes or columns than allowed.
    """
    content = path.read_bytes()[at:]
    try:
        _walk(content, _Bounds(max_rows, max_bytes))
        with pa.ipc.open_stream(content) as reader:
            if len(reader.schema) > max_columns:
                raise _too_much("columns")
            flat = [field.name for field in reader.schema if not pa.types.is_nested(field.type)]
            table = reader.read_all()
        table.validate(full=True)
        places = [place for place, field in enumerate(table.schema) if not pa.types.is_nested(field.type)]
        assert len(places) == len(flat), "as many columns as the schema says"
        return table.select(places)
    except (pa.ArrowException, struct.error, IndexError, ValueError, OSError, UnicodeDecodeError):
        raise PopulationRejected("the file is broken, or no Arrow file.", mend="Export it again.") from None


def _walk(content: bytes, bounds: _Bounds) -> None:
    position = 0
    while position + 8 <= len(content):
        marker, size = struct.unpack_from("<II", content, position)
        if marker != 0xFFFFFFFF:
            raise ValueError("not a message")
        if size == 0:
            return
        if size > _METADATA_BYTES_MAX:
            raise _too_much("columns")
        message = _Table.root(content[position + 8 : position + 8 + size])
        kind, body_bytes = message.number("B", 1), message.number("q", 3)
        body = position + 8 + size
        if body_bytes < 0 or body + body_bytes > len(content):
            raise ValueError("a body ends outside the file")
        if kind in (_DICTIONARY_BATCH, _RECORD_BATCH):
            batch = message.table(2)
            _check_batch(batch if kind == _RECORD_BATCH else batch.table(1), content, body, body_bytes, bounds)
        position = body + body_bytes


def _check_batch(batch: _Table, content: bytes, body: int, body_bytes: int, bounds: _Bounds) -> None:
    rows = batch.number("q", 0)
    bounds.rows -= rows
    if rows < 0 or bounds.rows < 0:
        raise _too_much("rows")
    compressed = batch.has(3)
    for offset, length in batch.pairs(2):
        if offset < 0 or length < 0 or offset + length > body_bytes:
            raise ValueError("a buffer lies outside its body")
        claimed = length
        if compressed and length:  # -1 says that this buffer was left as it is.
            claimed = max(struct.unpack_from("<q", content, body + offset)[0], length)
        bounds.bytes -= claimed
        if bounds.bytes < 0:
            raise _too_much("bytes")


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of a FlatBuffer: fields are found through its vtable; an absent one has its default."""

    data: bytes
    at: int

    @classmethod
    def root(cls, data: bytes) -> _Table:
        return cls(data, struct.unpack_from("<I", data, 0)[0])

    def _field(self, number: int) -> int:
        vtable = self.at - struct.unpack_from("<i", self.data, self.at)[0]
        size = struct.unpack_from("<H", self.data, vtable)[0] if vtable >= 0 else 0
        place = 4 + 2 * number
        offset = struct.unpack_from("<H", self.data, vtable + place)[0] if place + 2 <= size else 0
        return self.at + offset if offset else 0

    def has(self, number: int) -> bool:
        return self._field(number) != 0

    def number(self, form: str, number: int) -> int:
        place = self._field(number)
        return int(struct.unpack_from("<" + form, self.data, place)[0]) if place else 0

    def _reference(self, number: int) -> int:
        place = self._field(number)
        if not place:
            raise ValueError("a needed field is absent")
        return place + int(struct.unpack_from("<I", self.data, place)[0])

    def table(self, number: int) -> _Table:
        return _Table(self.data, self._reference(number))

    def pairs(self, number: int) -> list[tuple[int, int]]:
        """A vector of structs of two int64."""
        if not self.has(number):
            return []
        start = self._reference(number)
        count = struct.unpack_from("<I", self.data, start)[0]
        return [struct.unpack_from("<qq", self.data, start + 4 + 16 * place) for place in range(count)]


def _too_much(what: str) -> PopulationRejected:
    return PopulationRejected(
        f"the file would unpack to more {what} than are allowed.",
        mend="Keep the columns that the order names, or divide the population over several orders.",
    )
