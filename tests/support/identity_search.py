"""Searches files for known identity numbers in every common encoding.

Written from the outside: it knows the numbers that went in and looks at bytes, not at how the service stores them.
Looked for: 12 and 10 digits with and without `-` or `+`, as ASCII, UTF-16 and UTF-32, as hexadecimal and base64 of
any of these, inside gzip, zlib and ZIP streams and compressed Parquet or Arrow columns, as binary integers of 8 bytes,
and as unkeyed MD5, SHA-1 and SHA-256 digests (raw or hexadecimal).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_DIGITS = re.compile(rb"(?<!\d)\d{6,8}[-+ ]?\d{4}(?!\d)|(?<!\d)\d{10,12}(?!\d)")
_RUNS = re.compile(rb"\d{12,}")
_WIDE = (re.compile(rb"(?:[\d+\- ]\x00){10,13}"), re.compile(rb"(?:[\d+\- ]\x00\x00\x00){10,13}"))
_WIDE_BIG_ENDIAN = re.compile(rb"(?:\x00[\d+\- ]){10,13}")
_HEX = re.compile(rb"(?:3[0-9]|2[bd]){10,13}", re.IGNORECASE)
_HEX_DIGEST = re.compile(rb"[0-9a-fA-F]{32,64}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{14,}={0,2}")
_STREAMS = (
    (b"\x1f\x8b\x08", 31, "gzip"),
    (b"\x78\x01", 15, "zlib"),
    (b"\x78\x9c", 15, "zlib"),
    (b"\x78\xda", 15, "zlib"),
)
_DOUBLE_FIRST, _DOUBLE_LAST = np.array([1e11, 1e13]).view(np.uint64)
Words = npt.NDArray[np.uint64]
_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class Find:
    """Where a number was found, never which."""

    path: str
    offset: int
    encoding: str


class IdentitySearch:
    """Looks for `numbers` (12 digits each)."""

    def __init__(self, numbers: Iterable[str]) -> None:
        self.twelve = {number.encode() for number in numbers}
        self._clean: set[bytes] = set()
        # Ten digits collide with ordinary numbers: they count only where they stand alone.
        self.ten = {number[2:] for number in self.twelve}
        self.integers = np.sort(np.array([int(number) for number in self.twelve], dtype=np.uint64))
        digests = [
            function(number).digest()
            for number in self.twelve
            for function in (hashlib.md5, hashlib.sha1, hashlib.sha256)
        ]
        self.digest_heads = np.sort(np.array([int.from_bytes(d[:8], "little") for d in digests], dtype=np.uint64))
        self.digest_bits = np.zeros(1 << 24, np.bool_)
        self.digest_bits[self.digest_heads >> np.uint64(40)] = True
        self.hex_digest_heads = {d[:8].hex().encode() for d in digests}

    def in_folder(self, folder: Path) -> list[Find]:
        """Every find in every regular file below `folder`, names of files included."""
        finds = []
        for path in sorted(folder.rglob("*")):
            finds += [Find(str(path), -1, "file name") for _ in self._digits(path.name.encode())]
            if path.is_file() and not path.is_symlink():
                finds += self.in_file(path)
        return finds

    def in_file(self, path: Path) -> list[Find]:
        """Every find in one file; a copy of a file in which nothing was found is not searched again."""
        content = path.read_bytes()
        known = hashlib.sha256(content).digest()
        if known in self._clean:
            return []
        finds = list(self._in_bytes(content, str(path), depth=0))
        if not finds:
            self._clean.add(known)
        return finds

    def in_bytes(self, data: bytes, *, name: str) -> list[Find]:
        """Every find in `data`."""
        return list(self._in_bytes(data, name, depth=0))

    def _in_bytes(self, data: bytes, name: str, *, depth: int) -> Iterator[Find]:
        for offset, encoding in self._flat(data):
            yield Find(name, offset, encoding)
        if depth < _DEEPEST:
            for inner, label in self._unpacked(data):
                yield from self._in_bytes(inner, f"{name}!{label}", depth=depth + 1)

    def _digits(self, data: bytes) -> Iterator[int]:
        for match in _DIGITS.finditer(data):
            digits = re.sub(rb"\D", b"", match.group())
            if (len(digits) == 12 and digits in self.twelve) or (len(digits) == 10 and digits in self.ten):
                yield match.start()
        for match in _RUNS.finditer(data):
            run = match.group()
            if len(run) > 12:
                yield from (match.start() + i for i in range(len(run) - 11) if run[i : i + 12] in self.twelve)

    def _flat(self, data: bytes) -> Iterator[tuple[int, str]]:
        yield from ((offset, "digits") for offset in self._digits(data))
        for width, pattern in zip((2, 4), _WIDE, strict=True):
            for match in pattern.finditer(data):
                yield from ((match.start(), f"UTF-{width * 8}") for _ in self._digits(match.group()[::width]))
        for match in _WIDE_BIG_ENDIAN.finditer(data):
            yield from ((match.start(), "UTF-16BE") for _ in self._digits(match.group()[1::2]))
        for match in _HEX.finditer(data):
            yield from ((match.start(), "hexadecimal") for _ in self._digits(binascii.unhexlify(match.group())))
        for match in _HEX_DIGEST.finditer(data):
            if match.group()[:16].lower() in self.hex_digest_heads:
                yield match.start(), "unkeyed digest, hexadecimal"
        for match in _BASE64.finditer(data):
            yield from self._base64(match)
        yield from self._binary(data)

    def _base64(self, match: re.Match[bytes]) -> Iterator[tuple[int, str]]:
        text = match.group().rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        for start in range(4):
            part = text[start:]
            part = part[:-1] if len(part) % 4 == 1 else part
            if part:
                part += b"=" * (-len(part) % 4)
                yield from ((match.start(), "base64") for _ in self._digits(base64.b64decode(part)))

    def _binary(self, data: bytes) -> Iterator[tuple[int, str]]:
        for start in range(min(8, len(data))):
            whole = (len(data) - start) // 8
            if not whole:
                continue
            words = np.frombuffer(data, dtype="<u8", count=whole, offset=start)
            for values, label in ((words, "integer"), (words.byteswap(), "integer, big endian")):
                yield from ((start + 8 * int(hit), label) for hit in self._hits(values, self.integers))
            # Random bytes pass the first 24 bits of a digest in less than one of a hundred cases.
            likely = np.flatnonzero(self.digest_bits[words >> np.uint64(40)])
            for hit in self._hits(words[likely], self.digest_heads):
                yield start + 8 * int(likely[hit]), "unkeyed digest"
            # Doubles from 1e11 to 1e13 as bits: the order is that of the numbers.
            doubles = np.flatnonzero((words >= _DOUBLE_FIRST) & (words < _DOUBLE_LAST))
            numbers = words[doubles].view(np.float64)
            exact = np.flatnonzero(numbers == np.floor(numbers))
            for hit in self._hits(numbers[exact].astype(np.uint64), self.integers):
                yield start + 8 * int(doubles[exact[hit]]), "floating point"

    @staticmethod
    def _hits(values: Words, needles: Words) -> Words:
        """Places of those values that are among the needles (ascending)."""
        if not len(needles):
            return np.empty(0, np.uint64)
        within = np.flatnonzero((values >= needles[0]) & (values <= needles[-1]))
        found = needles[np.searchsorted(needles, values[within])] == values[within]
        hits: Words = within[found]
        return hits

    def _unpacked(self, data: bytes) -> Iterator[tuple[bytes, str]]:
        for head, wbits, label in _STREAMS:
            at = data.find(head)
            while at >= 0:
                inner = _inflate(data, at, wbits=wbits)
                if len(inner) > 9:
                    yield inner, f"{label}@{at}"
                at = data.find(head, at + 1)
        if data[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                yield from ((archive.read(member), member) for member in archive.namelist())
        if data[:4] == b"PAR1":
            yield from _columns(pq.read_table(io.BytesIO(data)))
        if data[:6] == b"ARROW1":
            yield from _columns(pa.ipc.open_file(data).read_all())


def _inflate(data: bytes, at: int, *, wbits: int) -> bytes:
    """What a compressed stream at a place holds; b"" if there is none, which most often shows in its first bytes."""
    try:
        if zlib.decompressobj(wbits).decompress(data[at : at + 64], 1024) or len(data) - at > 64:
            return zlib.decompressobj(wbits).decompress(data[at:], 256 * 1024 * 1024)
    except zlib.error:
        pass
    return b""


def _columns(table: pa.Table) -> Iterator[tuple[bytes, str]]:
    """Each column's distinct values as text, a line a value: so a number is found however the file packs it."""
    for name in table.column_names:
        column = table.column(name)
        while pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            column = pc.list_flatten(column)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        values = pc.unique(column).drop_null()
        if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
            plain = values.to_numpy(zero_copy_only=False)
            values = pa.array(plain[(plain >= 1e9) & (plain < 1e13)])
        if pa.types.is_fixed_size_binary(values.type):
            # Raw bytes are searched where they lie.
            continue
        yield "\n".join(map(str, values.to_pylist())).encode(), f"column {name}"


def main() -> None:
    """Search the folders named on the command line for the official test numbers; exit 1 when one is found."""
    from linkage_server.demo.test_numbers import read_test_numbers

    search = IdentitySearch(read_test_numbers())
    finds = [find for folder in sys.argv[1:] for find in search.in_folder(Path(folder))]
    for find in finds[:50]:
        sys.stdout.write(f"{find.path} offset {find.offset}: {find.encoding}\n")
    sys.stdout.write(f"{len(finds)} finds\n")
    sys.exit(bool(finds))


if __name__ == "__main__":
    main()
