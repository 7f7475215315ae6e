"""Blocks of a sealed population, read into Arrow columns with a bound on everything a stranger could blow up.

Runs only inside the opener. Lengths are checked before anything is allocated by them, and every value after: what comes
out needs no further doubt. A broken bound is one refusal; it does not say which.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from google.protobuf.message import DecodeError

from linkage.envelope_manifest import EnvelopeFault, EnvelopeFaultFound, Manifest
from linkage.envelope_payload import ABSENT_DAY, ABSENT_LEVEL
from linkage.free_text import find_identity_number
from linkage.wire.v1 import envelope_pb2 as wire

BLOCK_BYTES_MAX = 8 * 2**20
ROWS_PER_BLOCK_MAX = 2**17
IDENTITY_BYTES_MAX = 64
LEVELS_MAX = 1_000
LEVEL_CHARACTERS_MAX = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_VARINT_BYTES_MAX = 4
_EPOCH = date(1970, 1, 1)
FIRST_DAY = (date(1850, 1, 1) - _EPOCH).days
LAST_DAY = (date(2150, 1, 1) - _EPOCH).days

Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, repr=False)
class OpenPopulation:
    """A population with its identity numbers in clear: exists only in the opener, whose end wipes it.

    Has no `repr` of its content, so that no log or debugger message shows a number by accident.
    """

    identity: pa.BinaryArray
    index_date: pa.Date32Array | None
    strata: dict[str, pa.DictionaryArray]
    reference_date: date


@dataclass(slots=True, repr=False)
class _Gathered:
    """What has been read of one column so far."""

    identity_bytes: bytearray = field(default_factory=bytearray)
    parts: list[Int32s] = field(default_factory=list)
    levels: list[str] = field(default_factory=list)

    def numbers(self) -> Int32s:
        return np.concatenate(self.parts)


def parse_population(chunks: Iterable[bytes], *, manifest: Manifest) -> OpenPopulation:
    """Read the payload of an opened envelope.

    Args:
        chunks: plaintext in pieces of any length, as `linkage.envelope.open_chunks` gives them.
        manifest: the envelope's manifest, whose statement was verified.

    Raises:
        EnvelopeFaultFound: the payload is not what the manifest says, or breaks a bound.
    """
    gathered = [_Gathered() for _ in manifest.columns]
    rows = 0
    for index, content in enumerate(_blocks(chunks)):
        block = _parse_block(content)
        rows += block.row_count
        _require(0 < block.row_count <= ROWS_PER_BLOCK_MAX and rows <= manifest.row_count)
        _require(len(block.columns) == len(manifest.columns))
        for column, received, so_far in zip(manifest.columns, block.columns, gathered, strict=True):
            _GATHER[column.type](received, so_far, block.row_count, first=index == 0)
    _require(rows == manifest.row_count)
    by_name = {column.name: (column.type, so_far) for column, so_far in zip(manifest.columns, gathered, strict=True)}
    index_dates = [so_far for kind, so_far in by_name.values() if kind == wire.COLUMN_TYPE_DATE]
    return OpenPopulation(
        identity=_identity(gathered[0]),
        index_date=_dates(index_dates[0]) if index_dates else None,
        strata={name: _stratum(so_far) for name, (kind, so_far) in by_name.items() if kind == wire.COLUMN_TYPE_STRATUM},
        reference_date=manifest.reference_date,
    )


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Length-delimited blocks out of pieces that are cut anywhere."""
    pending = bytearray()
    for chunk in chunks:
        pending += chunk
        while (head := _varint(pending)) is not None:
            length, start = head
            _require(0 < length <= BLOCK_BYTES_MAX)
            if len(pending) < start + length:
                break
            yield bytes(pending[start : start + length])
            del pending[: start + length]
    _require(not pending)


def _varint(pending: bytearray) -> tuple[int, int] | None:
    """A block's length and where the block begins; None as long as the length itself is cut off."""
    length = 0
    for place, byte in enumerate(pending[: _VARINT_BYTES_MAX + 1]):
        _require(place < _VARINT_BYTES_MAX)
        length |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return length, place + 1
    return None


def _parse_block(content: bytes) -> wire.PopulationBlock:
    try:
        return wire.PopulationBlock.FromString(content)
    except DecodeError:
        raise EnvelopeFaultFound(EnvelopeFault.PAYLOAD) from None


def _gather_identity(received: wire.ColumnBlock, so_far: _Gathered, rows: int, *, first: bool) -> None:
    _require(len(received.identity_lengths) == rows)
    _require(not (received.days or received.level_indices or received.levels))
    lengths = np.array(received.identity_lengths, dtype=np.int64)
    _require(bool((lengths > 0).all() and (lengths <= IDENTITY_BYTES_MAX).all()))
    _require(int(lengths.sum()) == len(received.identity_bytes))
    so_far.identity_bytes += received.identity_bytes
    so_far.parts.append(lengths.astype(np.int32))


def _gather_days(received: wire.ColumnBlock, so_far: _Gathered, rows: int, *, first: bool) -> None:
    _require(len(received.days) == rows)
    _require(not (received.identity_bytes or received.identity_lengths or received.level_indices or received.levels))
    days = np.array(received.days, dtype=np.int32)
    _require(bool(((days == ABSENT_DAY) | ((days >= FIRST_DAY) & (days < LAST_DAY))).all()))
    so_far.parts.append(days)


def _gather_stratum(received: wire.ColumnBlock, so_far: _Gathered, rows: int, *, first: bool) -> None:
    _require(len(received.level_indices) == rows)
    _require(not (received.identity_bytes or received.identity_lengths or received.days))
    _require(len(received.levels) <= LEVELS_MAX and (first or not received.levels))
    if first:
        so_far.levels = list(received.levels)
        _require(len(set(so_far.levels)) == len(so_far.levels))
        _require(all(0 < len(level) <= LEVEL_CHARACTERS_MAX and not _CONTROL.search(level) for level in so_far.levels))
        # Levels are published: a column of numbers that was declared as a stratum must not get out this way.
        _require(all(find_identity_number(level) is None for level in so_far.levels))
    indices = np.array(received.level_indices, dtype=np.int32)
    _require(bool(((indices >= ABSENT_LEVEL) & (indices < len(so_far.levels))).all()))
    so_far.parts.append(indices)


_GATHER = {
    int(wire.COLUMN_TYPE_IDENTITY): _gather_identity,
    int(wire.COLUMN_TYPE_DATE): _gather_days,
    int(wire.COLUMN_TYPE_STRATUM): _gather_stratum,
}


def _identity(gathered: _Gathered) -> pa.BinaryArray:
    offsets = np.concatenate(([0], np.cumsum(gathered.numbers(), dtype=np.int64)))
    # The payload is shorter than 2 GiB, so 32 bits hold every offset.
    buffers = [None, pa.py_buffer(offsets.astype(np.int32).tobytes()), pa.py_buffer(bytes(gathered.identity_bytes))]
    return pa.BinaryArray.from_buffers(pa.binary(), len(offsets) - 1, buffers)


def _dates(gathered: _Gathered) -> pa.Date32Array:
    days = gathered.numbers()
    return pa.array(days, pa.int32(), mask=days == ABSENT_DAY).cast(pa.date32())


def _stratum(gathered: _Gathered) -> pa.DictionaryArray:
    indices = gathered.numbers()
    return pa.DictionaryArray.from_arrays(
        pa.array(indices, pa.int32(), mask=indices == ABSENT_LEVEL), pa.array(gathered.levels, pa.string())
    )


def _require(holds: bool) -> None:
    if not holds:
        raise EnvelopeFaultFound(EnvelopeFault.PAYLOAD)
