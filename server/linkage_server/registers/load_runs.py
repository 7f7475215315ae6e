"""A run: some rows of a load, dealt out to partitions by the leading bits of their id, in memory or on disk.

All of a run lies in one buffer, partition by partition; within a partition column by column, each in as few bytes as
the run's values need, wide columns first so that every value is aligned, and values of lists last. Rows of a partition
keep their order of arrival.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage_core.kernels.partition_rows import deal, deal_ids, order_by_partition, partitions_of
from linkage_server.registers.load_columns import ColumnKind, Flags, Numbers, absent_of, lengths_of, numbers_of
from linkage_server.registers.load_texts import Codes, number_texts
from linkage_server.registers.page_memory import PageMemory

PARTITION_BITS = 10
PARTITIONS = 1 << PARTITION_BITS
ALIGNMENT = 8
ID_BYTES = 16

Counts = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Piece = tuple[Numbers, Flags | None, Codes | None]
"""Values of a batch, which of them are absent, and the number of each if they are codes of texts."""
StreamKey = tuple[int, str]
"""Number of the column (-1 for the id) and which part of it: values, absent, lengths, value_absent; high or low."""
HIGH: StreamKey = (-1, "high")
LOW: StreamKey = (-1, "low")


@dataclass(frozen=True, slots=True)
class Stream:
    """One part of a column in a run.

    Attributes:
        width: bytes a value; 0 where all are `base`.
        base: to be added to what is stored, modulo 2^64.
        offset: bytes a row that stand before it in a partition; of a stream of rows.
        places: byte in the run where each partition's values begin; of a stream of values in lists.
    """

    width: int
    base: int
    offset: int = 0
    places: Counts | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one column of a run.

    Attributes:
        least, most: of its numbers, None where there are none.
        nulls, elements, element_nulls: by partition; None where there are none.
    """

    least: int | None = None
    most: int | None = None
    nulls: Counts | None = None
    elements: Counts | None = None
    element_nulls: Counts | None = None


@dataclass(slots=True)
class Run:
    """Rows dealt out to partitions.

    Attributes:
        counts: rows of each partition.
        blocks: byte where each partition begins, and the end.
        streams: what is stored, by column and part.
        facts: of each column.
        texts: distinct texts of each column of texts, in alphabetical order.
        memory: holds the bytes; None once they lie on disk.
    """

    counts: Counts
    blocks: Counts
    streams: dict[StreamKey, Stream]
    facts: list[Facts]
    texts: dict[int, pa.StringArray]
    memory: PageMemory | None = None

    @property
    def rows(self) -> int:
        """Rows of all partitions."""
        return int(self.counts.sum())

    @property
    def bytes(self) -> int:
        """Bytes of all partitions."""
        return int(self.blocks[-1])


@dataclass(slots=True)
class _Source:
    """One part of a column before it is dealt out: a piece a batch."""

    pieces: Sequence[Piece]
    width: int
    base: int
    is_element: bool = False


@dataclass(frozen=True, slots=True)
class _Owners:
    """Which partition each row, or each value in lists, of a batch belongs to; `order` and `counts` list them by it."""

    partition: npt.NDArray[np.uint16]
    order: npt.NDArray[np.uint16]
    counts: npt.NDArray[np.uint32]

    @classmethod
    def of(cls, partition: npt.NDArray[np.uint16]) -> Self:
        order = np.empty(len(partition), np.uint16)
        return cls(partition, order, order_by_partition(partition, order, PARTITIONS))


@dataclass(slots=True)
class _Dealing:
    """What is gathered while a run is made: `rows` and `elements` are of its batches and of those of list columns."""

    ids: list[Bytes]
    rows: list[_Owners]
    sources: dict[StreamKey, _Source] = field(default_factory=dict)
    elements: dict[int, list[_Owners]] = field(default_factory=dict)
    facts: list[Facts] = field(default_factory=list)
    texts: dict[int, pa.StringArray] = field(default_factory=dict)


def make_run(kinds: Sequence[ColumnKind], batches: Sequence[tuple[pa.FixedSizeBinaryArray, pa.RecordBatch]]) -> Run:
    """Deal the rows of some batches out; the batches can be forgotten afterwards.

    Args:
        kinds: of the columns.
        batches: whose each row is, and the rows, in order of arrival.
    """
    dealing = _Dealing([_bytes_of(ids) for ids, _ in batches], [])
    for ids in dealing.ids:
        partition = np.empty(len(ids) // ID_BYTES, np.uint16)
        partitions_of(ids, PARTITION_BITS, partition)
        dealing.rows.append(_Owners.of(partition))
    for number, kind in enumerate(kinds):
        _add_column(dealing, number, kind, [rows.column(number) for _, rows in batches])
    return _dealt(dealing)


def _bytes_of(ids: pa.FixedSizeBinaryArray) -> Bytes:
    if len(ids) == 0:
        return np.empty(0, np.uint8)
    return np.frombuffer(ids.buffers()[1], np.uint8, ID_BYTES * len(ids), ID_BYTES * ids.offset)


def _add_column(dealing: _Dealing, number: int, kind: ColumnKind, columns: list[pa.Array]) -> None:
    absent = [absent_of(column) for column in columns]
    nulls = _by_partition(absent, dealing.rows)
    _add_absent(dealing, (number, "absent"), absent, is_element=False)
    if not kind.is_list:
        least, most = _add_values(dealing, number, kind, columns)
        dealing.facts.append(Facts(least, most, nulls))
        return
    lengths = [lengths_of(column) for column in columns]
    dealing.sources[number, "lengths"] = _narrowed([(one, None, None) for one in lengths])[0]
    owners = [_Owners.of(np.repeat(row.partition, length)) for row, length in zip(dealing.rows, lengths, strict=True)]
    dealing.elements[number] = owners
    values = [column.flatten() for column in columns]
    value_absent = [absent_of(column) for column in values]
    _add_absent(dealing, (number, "value_absent"), value_absent, is_element=True)
    least, most = _add_values(dealing, number, kind, values)
    dealing.sources[number, "values"].is_element = True
    elements = _counted(owners)
    dealing.facts.append(Facts(least, most, nulls, elements, _by_partition(value_absent, owners)))


def _add_values(
    dealing: _Dealing, number: int, kind: ColumnKind, columns: list[pa.Array]
) -> tuple[int | None, int | None]:
    if kind.is_text:
        texts, coded = number_texts(columns)
        dealing.texts[number] = texts
        dealing.sources[number, "values"] = _Source(coded, _width_of(len(texts) - 1) if len(texts) else 0, 0)
        return None, None
    pieces: list[Piece] = [(numbers_of(column), absent_of(column), None) for column in columns]
    if kind.is_word:
        dealing.sources[number, "values"] = _Source(pieces, kind.value_type.bit_width // 8, 0)
        return None, None
    dealing.sources[number, "values"], least, most = _narrowed(pieces)
    return least, most


def _add_absent(dealing: _Dealing, key: StreamKey, absent: list[Flags | None], *, is_element: bool) -> None:
    """The flags of a column where some are set, and nothing but their common value where it has but one."""
    if all(flags is None for flags in absent):
        return
    lengths = [len(owner.order) for owner in (dealing.rows if not is_element else dealing.elements[key[0]])]
    pieces: list[Piece] = [
        (np.zeros(length, np.uint8) if flags is None else flags, None, None)
        for flags, length in zip(absent, lengths, strict=True)
    ]
    source = _narrowed(pieces)[0]
    source.is_element = is_element
    dealing.sources[key] = source


def _narrowed(pieces: Sequence[Piece]) -> tuple[_Source, int | None, int | None]:
    """The values less the smallest, in as few bytes as that needs; and the smallest and largest."""
    bounds = []
    for values, absent, _ in pieces:
        present = values if absent is None else values[absent == 0]
        if len(present):
            bounds.append((int(present.min()), int(present.max())))
    if not bounds:
        return _Source(pieces, 0, 0), None, None
    least, most = min(low for low, _ in bounds), max(high for _, high in bounds)
    return _Source(pieces, _width_of(most - least), least), least, most


def _width_of(most: int) -> int:
    """Bytes that numbers from 0 to `most` need."""
    return next(width for width in (0, 1, 2, 4, 8) if most < 1 << (8 * width))


def _counted(owners: list[_Owners]) -> Counts:
    """Rows, or values in lists, of each partition."""
    counts = np.zeros(PARTITIONS, np.int64)
    for owner in owners:
        counts += owner.counts.sum(axis=0, dtype=np.int64)
    return counts


def _by_partition(absent: list[Flags | None], owners: list[_Owners]) -> Counts | None:
    counts = np.zeros(PARTITIONS, np.int64)
    for flags, owner in zip(absent, owners, strict=True):
        if flags is not None:
            counts += np.bincount(owner.partition[flags.view(np.bool_)], minlength=PARTITIONS)
    return counts if counts.any() else None


def _dealt(dealing: _Dealing) -> Run:
    """Lay the streams out and deal the values into their places."""
    counts = _counted(dealing.rows)
    widths = {HIGH: (8, 0, False), LOW: (8, 0, False)} | {
        key: (source.width, source.base % (1 << 64), source.is_element) for key, source in dealing.sources.items()
    }
    blocks, streams = _laid_out(widths, counts, dealing.facts)
    memory = PageMemory(int(blocks[-1]))
    high, low = (blocks[:-1] + counts * streams[key].offset for key in (HIGH, LOW))
    for ids, owner in zip(dealing.ids, dealing.rows, strict=True):
        deal_ids(ids, owner.partition, high, low, memory.bytes)
    for key, source in dealing.sources.items():
        stream = streams[key]
        if source.width:
            owners = dealing.elements[key[0]] if source.is_element else dealing.rows
            place = blocks[:-1] + counts * stream.offset if stream.places is None else stream.places.copy()
            for (values, absent, table), owner in zip(source.pieces, owners, strict=True):
                deal(values, stream.base, table, absent, owner.order, owner.counts, place, memory.bytes, source.width)
    return Run(counts, blocks, streams, dealing.facts, dealing.texts, memory)


def _laid_out(
    widths: Mapping[StreamKey, tuple[int, int, bool]], counts: Counts, facts: Sequence[Facts]
) -> tuple[Counts, dict[StreamKey, Stream]]:
    """Where each partition and each stream in it lies.

    Args:
        widths: bytes a value, base and whether it is of values in lists, by stream.
        counts: rows of each partition.
        facts: of each column.
    """
    streams: dict[StreamKey, Stream] = {}
    offset = 0
    for key in sorted((key for key in widths if not widths[key][2]), key=lambda key: -widths[key][0]):
        width, base, _ = widths[key]
        streams[key] = Stream(width, base, offset)
        offset += width
    sizes = _aligned(counts * offset)
    before: dict[StreamKey, Counts] = {}
    for key in (key for key in widths if widths[key][2]):
        elements = facts[key[0]].elements
        assert elements is not None
        before[key] = sizes
        sizes = sizes + _aligned(elements * widths[key][0])
    blocks = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    for key, size in before.items():
        streams[key] = Stream(widths[key][0], widths[key][1], places=blocks[:-1] + size)
    return blocks, streams


def _aligned(sizes: Counts) -> Counts:
    return (sizes + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
