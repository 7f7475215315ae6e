"""What lies inside a sealed population: length-delimited protobuf blocks of some ten thousand rows, column by column.

Not Arrow IPC: reading that from strangers crashed in fuzzing, and a few bytes of it can claim billions of rows.
The same population always gives the same bytes, so the length can be counted before anything is sealed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage.errors import PopulationRejected
from linkage.wire.v1 import envelope_pb2 as wire

if TYPE_CHECKING:
    from linkage.population_file import CheckedPopulation

IDENTITY_COLUMN = "personnummer"
INDEX_DATE_COLUMN = "index_date"
ABSENT_DAY = -(2**31)
ABSENT_LEVEL = -1
ROWS_PER_BLOCK = 65_536


@dataclass(frozen=True, slots=True)
class _Columns:
    """A population's columns as plain buffers, ready to be cut into blocks."""

    rows: int
    identity_bytes: memoryview
    identity_offsets: np.ndarray  # int64, rows + 1
    days: np.ndarray | None  # int32
    level_indices: list[np.ndarray]  # int32, one for each stratum
    levels: list[list[str]]


def column_descriptions(population: CheckedPopulation) -> list[wire.PopulationColumn]:
    """The columns in the order in which they lie in each block."""
    columns = [wire.PopulationColumn(name=IDENTITY_COLUMN, type=wire.COLUMN_TYPE_IDENTITY)]
    if population.index_date is not None:
        columns.append(wire.PopulationColumn(name=INDEX_DATE_COLUMN, type=wire.COLUMN_TYPE_DATE))
    columns += [wire.PopulationColumn(name=name, type=wire.COLUMN_TYPE_STRATUM) for name in population.strata]
    return columns


def payload_blocks(population: CheckedPopulation, *, rows_per_block: int = ROWS_PER_BLOCK) -> Iterator[bytes]:
    """The payload, a length-delimited block at a time.

    Raises:
        PopulationRejected: there is no row, or a row has no identity number.
    """
    columns = _plain_columns(population)
    for start in range(0, columns.rows, rows_per_block):
        block = _block(columns, start, min(start + rows_per_block, columns.rows)).SerializeToString(deterministic=True)
        yield _varint(len(block)) + block


def _plain_columns(population: CheckedPopulation) -> _Columns:
    identity = pc.cast(population.identity, pa.large_binary())
    if len(identity) == 0:
        raise PopulationRejected("the population has no row to send.", mend="Run linkage check on the file.")
    if identity.null_count:
        raise PopulationRejected("a row has no identity number.", mend="Run linkage check on the file.")
    _, offsets, content = identity.buffers()
    strata = list(population.strata.values())
    return _Columns(
        rows=len(identity),
        identity_bytes=memoryview(content if content is not None else b""),
        identity_offsets=np.frombuffer(offsets, np.int64)[identity.offset : identity.offset + len(identity) + 1],
        days=None if population.index_date is None else _integers(population.index_date, absent=ABSENT_DAY),
        level_indices=[_integers(stratum.indices, absent=ABSENT_LEVEL) for stratum in strata],
        levels=[stratum.dictionary.to_pylist() for stratum in strata],
    )


def _block(columns: _Columns, start: int, end: int) -> wire.PopulationBlock:
    block = wire.PopulationBlock(row_count=end - start)
    offsets = columns.identity_offsets[start : end + 1]
    block.columns.add(
        identity_bytes=bytes(columns.identity_bytes[int(offsets[0]) : int(offsets[-1])]),
        identity_lengths=np.diff(offsets).tolist(),
    )
    if columns.days is not None:
        block.columns.add(days=columns.days[start:end].tolist())
    for indices, levels in zip(columns.level_indices, columns.levels, strict=True):
        block.columns.add(level_indices=indices[start:end].tolist(), levels=levels if start == 0 else [])
    return block


def _integers(column: pa.Array, *, absent: int) -> np.ndarray:
    integers = pc.fill_null(pc.cast(column, pa.int32()), absent)
    return np.asarray(integers.to_numpy(zero_copy_only=False), dtype=np.int32)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
