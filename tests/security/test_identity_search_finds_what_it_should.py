"""The search that proves promise 1 must find a planted number in each encoding, and nothing where there is none."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.identity_search import IdentitySearch

# Official test numbers of the Swedish Tax Agency; they never belong to a person.
NUMBER = "189001019802"
OTHER = "189001029819"


def as_parquet(number: str) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": [number] * 3}), sink, compression="zstd")
    return sink.getvalue()


def as_zip(number: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", f"<t>{number}</t>")
    return sink.getvalue()


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "12 digits": lambda n: b"a " + n.encode() + b";",
    "12 digits with dash": lambda n: f"{n[:8]}-{n[8:]}".encode(),
    "10 digits": lambda n: f"id={n[2:]},".encode(),
    "10 digits with plus": lambda n: f"{n[2:8]}+{n[8:]}".encode(),
    "within a longer run": lambda n: f"77{n}1".encode(),
    "UTF-16 little endian": lambda n: n.encode("utf-16-le"),
    "UTF-16 big endian": lambda n: n.encode("utf-16-be"),
    "UTF-32": lambda n: n.encode("utf-32-le"),
    "hexadecimal": lambda n: n.encode().hex().encode(),
    "base64": lambda n: base64.b64encode(b"x" + n.encode()),
    "base64 for URLs, shifted": lambda n: b"q" + base64.urlsafe_b64encode(b"xy" + n.encode()),
    "gzip": lambda n: b"junk" + gzip.compress(n.encode() * 4),
    "zip": as_zip,
    "parquet": as_parquet,
    "integer": lambda n: b"z" + struct.pack("<q", int(n)),
    "integer, big endian": lambda n: struct.pack(">q", int(n)),
    "floating point": lambda n: struct.pack("<d", float(n)),
    "MD5": lambda n: hashlib.md5(n.encode()).digest(),
    "SHA-256 in hexadecimal": lambda n: hashlib.sha256(n.encode()).hexdigest().encode(),
    "base64 inside gzip": lambda n: gzip.compress(base64.b64encode(n.encode())),
}


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_a_planted_number_is_found(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "left-behind.bin").write_bytes(ENCODINGS[encoding](NUMBER))
    assert IdentitySearch([NUMBER]).in_folder(tmp_path)


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_another_number_is_not_reported(encoding: str) -> None:
    assert not IdentitySearch([NUMBER]).in_bytes(ENCODINGS[encoding](OTHER), name="other")


def test_a_number_in_a_file_name_is_found(tmp_path: Path) -> None:
    (tmp_path / f"{NUMBER}.log").touch()
    assert IdentitySearch([NUMBER]).in_folder(tmp_path)
