"""Writes small uncompressed SAS7BDAT files (32-bit, little-endian, UTF-8), for no library at hand writes them.

Layout: a header of 1024 bytes, pages of 4096; pages of subheaders (row size, column size, texts, names, attributes,
formats, stored from the end of the page), then pages of rows. As described by M. Shotwell, "SAS7BDAT Database Binary
Format", and read by ReadStat.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

MAGIC = bytes(12) + bytes.fromhex("c2ea8160b31411cfbd92080009c7318c181f1011")
HEADER, PAGE, PAGE_HEADER, POINTER = 1024, 4096, 24, 12
MISSING = struct.pack("<Q", 0xFFFFFE0000000000)
ROW_SIZE, COLUMN_SIZE = 0xF7F7F7F7, 0xF6F6F6F6
TEXT, NAME, ATTRIBUTES, FORMAT = 0xFFFFFFFD, 0xFFFFFFFF, 0xFFFFFFFC, 0xFFFFFBFE

Value = str | float | date | None


@dataclass
class Column:
    """One column: a text of `width` bytes, or a double where width is 0; dates are doubles of format DATE9."""

    name: str
    width: int = 0
    format: str = ""

    @property
    def bytes(self) -> int:
        return self.width or 8

    def encode(self, value: Value) -> bytes:
        if self.width:
            return str(value or "").encode().ljust(self.width)[: self.width]
        if value is None:
            return MISSING
        number = (value - date(1960, 1, 1)).days if isinstance(value, date) else float(value)
        return struct.pack("<d", number)


@dataclass
class Texts:
    """The pool of names and formats; references are (pool, offset, length)."""

    pool: bytearray = field(default_factory=bytearray)

    def add(self, text: str) -> bytes:
        raw = text.encode()
        reference = struct.pack("<HHH", 0, len(self.pool) + 28, len(raw))
        self.pool += raw.ljust((len(raw) + 3) // 4 * 4, b"\0")
        return reference


def write_sas7bdat(path: Path, columns: Sequence[Column], rows: Sequence[Sequence[Value]]) -> Path:
    """Write the rows; all subheaders must fit a few pages and a row one page."""
    row_bytes = sum(column.bytes for column in columns)
    encoded = [b"".join(column.encode(value) for column, value in zip(columns, row, strict=True)) for row in rows]
    meta = _meta_pages(_subheaders(columns, row_bytes=row_bytes, rows=len(rows)))
    a_page = (PAGE - PAGE_HEADER) // row_bytes
    data = []
    for start in range(0, len(encoded), a_page):
        held = encoded[start : start + a_page]
        data.append((bytes(16) + struct.pack("<HHHH", 0x0100, len(held), 0, 0) + b"".join(held)).ljust(PAGE, b"\0"))
    path.write_bytes(_header(pages=len(meta) + len(data)) + b"".join(meta + data))
    return path


def _header(*, pages: int) -> bytes:
    start = (
        MAGIC + b"\x22" + bytes(2) + b"\x22" + bytes(1) + b"\x01" + bytes(1) + b"1" + bytes(30) + b"\x14" + bytes(13)
    )
    start += b"SAS FILE" + b"DATASET".ljust(32) + bytes(32) + b"DATA    "
    start += struct.pack("<dd", 0.0, 0.0) + bytes(16) + struct.pack("<III", HEADER, PAGE, pages) + bytes(8)
    return (start + b"9.0101M0" + b"9.0401M6Linux").ljust(HEADER, b"\0")


def _subheaders(columns: Sequence[Column], *, row_bytes: int, rows: int) -> list[tuple[int, bytes]]:
    texts = Texts()
    names = b"".join(texts.add(column.name) + bytes(2) for column in columns)
    formats = []
    for column in columns:
        body = bytearray(52)
        body[34:40] = texts.add(column.format) if column.format else bytes(6)
        formats.append((FORMAT, bytes(body)))
    size = bytearray(480)
    for offset, value in ((20, row_bytes), (24, rows), (36, len(columns)), (52, PAGE)):
        size[offset : offset + 4] = struct.pack("<I", value)
    attributes, offset = b"", 0
    for column in columns:
        attributes += struct.pack("<IIHBB", offset, column.bytes, 4, 2 if column.width else 1, 0)
        offset += column.bytes
    return [
        (ROW_SIZE, bytes(size)),
        (COLUMN_SIZE, bytes(4) + struct.pack("<I", len(columns)) + bytes(4)),
        (TEXT, _sized(bytes(8) + b" " * 8 + bytes(8) + bytes(texts.pool), extra=0)),
        (NAME, _sized(bytes(6) + names, extra=8)),
        (ATTRIBUTES, _sized(bytes(6) + attributes, extra=8)),
        *formats,
    ]


def _sized(body: bytes, *, extra: int) -> bytes:
    """A subheader with room for its signature and the count of bytes that follow it."""
    padding = bytes(0 if extra else 2)
    total = 4 + 2 + len(padding) + len(body) + extra
    return bytes(4) + struct.pack("<H", total - 12) + padding + body + bytes(extra)


def _meta_pages(subheaders: list[tuple[int, bytes]]) -> list[bytes]:
    pages = []
    while subheaders:
        page, pointers, end, count = bytearray(PAGE), PAGE_HEADER, PAGE, 0
        while subheaders and len(subheaders[0][1]) + POINTER <= end - pointers:
            signature, body = subheaders.pop(0)
            end -= len(body)
            page[end : end + len(body)] = struct.pack("<I", signature) + body[4:]
            kind = 1 if signature in (TEXT, NAME, ATTRIBUTES) else 0
            page[pointers : pointers + POINTER] = struct.pack("<IIBBH", end, len(body), 0, kind, 0)
            pointers, count = pointers + POINTER, count + 1
        page[16:22] = struct.pack("<HHH", 0x0000, count, count)
        pages.append(bytes(page))
    return pages
