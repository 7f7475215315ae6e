"""A load gives the same bytes as the reference, whatever the batches, the memory and the threads; its kernels too."""

from __future__ import annotations

import hashlib
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage_core.events import HASHED_ID, days_of, split_ids
from linkage_core.kernels.collect_rows import arrange, arrange_lists, collect, persons_in_order
from linkage_core.kernels.partition_rows import deal, deal_ids, mark_used, order_by_partition, partitions_of
from linkage_server.registers.load_session import LoadSession
from linkage_server.registers.manifest import Segment
from linkage_server.registers.segments import write_segment
from tests.reference.load import Words, collected, dealt, sorted_rows

SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32()),
        pa.field("atc", pa.dictionary(pa.int32(), pa.string())),
        pa.field("text", pa.string()),
        pa.field("causes", pa.list_(pa.string())),
        pa.field("reasons", pa.list_(pa.int64())),
        pa.field("packages", pa.int32(), metadata={b"scale": b"100"}),
        pa.field("cost", pa.int64()),
        pa.field("large", pa.uint64()),
        pa.field("refill", pa.bool_()),
        pa.field("weight", pa.float64()),
        pa.field("at", pa.timestamp("us")),
    ]
)
CODES = st.sampled_from(["A10BA02", "C10AA05", "-", "Ångström"])
PERSONS = st.integers(0, 9).map(lambda number: hashlib.sha256(bytes([number])).digest()[:16])
DAYS = st.integers(0, 9).map(lambda day: date(2024, 1, 4) + timedelta(days=day)) | st.sampled_from([date(1700, 1, 1)])
INT32, INT64 = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
ROWS = st.fixed_dictionaries(
    {
        "day": st.none() | DAYS,
        "atc": st.none() | CODES,
        "text": st.none() | st.text(max_size=4),
        "causes": st.none() | st.lists(st.none() | CODES, max_size=3),
        "reasons": st.none() | st.lists(st.none() | INT64, max_size=3),
        "packages": st.none() | st.integers(-200, 200) | INT32,
        "cost": st.none() | INT64,
        "large": st.none() | st.integers(0, 2**64 - 1),
        "refill": st.none() | st.booleans(),
        "weight": st.none() | st.floats(allow_nan=False),
        "at": st.none() | st.integers(0, 2**40).map(lambda at: datetime(1960, 1, 1) + timedelta(microseconds=at)),
    }
)
LINES = st.lists(st.tuples(PERSONS, ROWS), min_size=1, max_size=40)
WORDS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def batch_of(lines: list[tuple[bytes, dict[str, Any]]]) -> tuple[pa.FixedSizeBinaryArray, pa.RecordBatch]:
    ids = pa.array([who for who, _ in lines], HASHED_ID)
    return ids, pa.RecordBatch.from_pylist([row for _, row in lines], schema=SCHEMA)


@settings(max_examples=60, deadline=None)
@given(
    lines=LINES,
    lines_at_once=st.integers(1, 40),
    memory_bytes=st.sampled_from([1, 10_000, 1 << 30]),
    threads=st.integers(1, 3),
    start=st.integers(0, 3),
)
def test_a_load_writes_the_bytes_of_the_reference(
    lines: list[tuple[bytes, dict[str, Any]]], lines_at_once: int, memory_bytes: int, threads: int, start: int
) -> None:
    ids, rows = batch_of(lines)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        session = LoadSession(folder, date_column="day", memory_bytes=memory_bytes, threads=threads)
        padded_ids, padded = batch_of([lines[0]] * start + lines)
        for first in range(0, len(lines), lines_at_once):
            # Slices with an offset are the usual case.
            session.add(padded_ids.slice(start + first, lines_at_once), padded.slice(start + first, lines_at_once))
        (segment,) = session.write_segments()
        session.close()
        assert segment == reference_segment(folder / "reference", ids, rows)
        for record in segment.files:
            found = (folder / "segments" / segment.segment_id / record.name).read_bytes()
            assert hashlib.sha256(found).hexdigest() == record.sha256
        assert not list((folder / "loading").iterdir())


def reference_segment(folder: Path, ids: pa.FixedSizeBinaryArray, rows: pa.RecordBatch) -> Segment:
    folder.mkdir()
    order, ordered = sorted_rows(ids, rows, date_column="day")
    high, low = split_ids(ids)
    days = days_of(rows.column("day"))
    return write_segment(folder, high=high[order], low=low[order], days=days[order], rows=ordered)


@given(
    values=st.lists(st.tuples(INT64, st.booleans(), st.integers(0, 3)), max_size=30),
    base=INT64,
    width=st.sampled_from([1, 2, 4, 8]),
)
def test_values_are_dealt_out_in_order_of_arrival(values: list[tuple[int, bool, int]], base: int, width: int) -> None:
    numbers, absent, partition = (list(column) for column in zip(*values, strict=True)) if values else ([], [], [])
    expected = dealt(numbers, absent, partition, width, base=base)
    assert deal_all(np.array(numbers, np.int64), absent, partition, width, base=base) == b"".join(expected)


@given(codes=st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.integers(0, 3)), max_size=30), data=st.data())
def test_codes_are_dealt_out_as_the_numbers_of_their_texts(
    codes: list[tuple[int, bool, int]], data: st.DataObject
) -> None:
    numbers, absent, partition = (list(column) for column in zip(*codes, strict=True)) if codes else ([], [], [])
    table = data.draw(st.permutations(range(10)))
    kind = data.draw(st.sampled_from([np.int8, np.uint16, np.int32]))
    # What stands at an absent code is anything.
    stored = np.array([77 if missing else one for one, missing in zip(numbers, absent, strict=True)], kind)
    expected = dealt([table[one] for one in numbers], absent, partition, 2)
    assert deal_all(stored, absent, partition, 2, table=np.array(table, np.uint32)) == b"".join(expected)
    used = np.zeros(10, np.uint8)
    mark_used(stored, np.array(absent, np.uint8), used)
    assert np.flatnonzero(used).tolist() == sorted(
        {one for one, missing in zip(numbers, absent, strict=True) if not missing}
    )


@pytest.mark.parametrize("code", [-1, 2])
def test_a_code_without_a_text_is_refused(code: int) -> None:
    with pytest.raises(ValueError, match="no text"):
        mark_used(np.array([0, code], np.int32), None, np.zeros(2, np.uint8))


def deal_all(
    values: Words, absent: list[bool], partition: list[int], width: int, *, base: int = 0, table: Words | None = None
) -> bytes:
    counts = np.bincount(np.array(partition, np.int64), minlength=4)
    places = (np.cumsum(counts) - counts) * width
    target = np.zeros(len(values) * width, np.uint8)
    order = np.empty(len(values), np.uint16)
    by_stretch = order_by_partition(np.array(partition, np.uint16), order, 4)
    flags = np.array(absent, np.uint8)
    deal(values, base % (1 << 64), table, flags, order, by_stretch, places, target, width)
    return target.tobytes()


@given(ids=st.lists(st.binary(min_size=16, max_size=16), max_size=20), bits=st.sampled_from([1, 4, 10]))
def test_ids_are_split_and_parted_by_their_leading_bits(ids: list[bytes], bits: int) -> None:
    content, partition = np.frombuffer(b"".join(ids), np.uint8), np.empty(len(ids), np.uint16)
    partitions_of(content, bits, partition)
    assert partition.tolist() == [int.from_bytes(one[:8]) >> (64 - bits) for one in ids]
    counts = np.bincount(partition, minlength=1 << bits)
    places = (np.cumsum(counts) - counts) * 8
    target = np.zeros(16 * len(ids), np.uint8)
    deal_ids(content, partition, places, places + 8 * len(ids), target)
    high, low = np.split(target.view(np.uint64), 2)
    by_partition = sorted(ids, key=lambda one: int.from_bytes(one[:8]) >> (64 - bits))
    assert high.tolist() == [int.from_bytes(one[:8]) for one in by_partition]
    assert low.tolist() == [int.from_bytes(one[8:]) for one in by_partition]


PIECES = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 2, 4, 8]),
        st.lists(st.tuples(st.integers(0, 255), st.booleans()), min_size=1, max_size=9),
        st.booleans(),
        st.booleans(),
        st.integers(0, 2**64 - 1),
    ),
    max_size=6,
)


@given(pieces=PIECES, width=st.sampled_from([1, 2, 4, 8]))
def test_pieces_are_collected_with_their_shift_or_table(
    pieces: list[tuple[int, list[tuple[int, bool]], bool, bool, int]], width: int
) -> None:
    described, expected, alive = [], [], []
    table = np.arange(1000, 1256, dtype=np.uint32)[::-1].copy()
    for stored_width, rows, has_flags, has_table, shift in pieces:
        values = [value if stored_width else 0 for value, _ in rows]
        absent = [has_flags and missing for _, missing in rows]
        stored = np.array(values, WORDS[stored_width or 1])
        flags = np.array(absent, np.uint8)
        alive += [stored, flags]
        described.append(
            [
                stored.ctypes.data,
                flags.ctypes.data if has_flags else 0,
                table.ctypes.data if has_table else 0,
                shift,
                len(rows),
                stored_width,
            ]
        )
        expected.append((values, absent, table.tolist() if has_table else None, shift))
    target = np.empty(sum(len(rows) for _, rows, *_ in pieces), WORDS[width])
    collect(np.array(described, np.uint64).reshape(-1, 6), target)
    assert target.tolist() == collected(expected, width)


@given(lists=st.lists(st.lists(st.integers(0, 255), max_size=4), max_size=12), data=st.data())
def test_rows_and_lists_are_put_in_order(lists: list[list[int]], data: st.DataObject) -> None:
    order = np.array(data.draw(st.permutations(range(len(lists)))), np.uint32)
    lengths = np.array([len(one) for one in lists], np.uint16)
    arranged = np.empty_like(lengths)
    arrange(lengths, order, arranged)
    assert arranged.tolist() == [len(lists[place]) for place in order]
    values = np.array([value for one in lists for value in one], np.uint8)
    starts = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    elements = np.empty_like(values)
    arrange_lists(values, starts, order, elements)
    assert elements.tolist() == [value for place in order for value in lists[place]]


@given(ids=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=20))
def test_persons_are_listed_with_their_first_row(ids: list[tuple[int, int]]) -> None:
    high, low = (np.array([one[word] for one in ids], np.uint64) for word in (0, 1))
    order = np.array(sorted(range(len(ids)), key=lambda row: ids[row]), np.uint32)
    keys_hi, keys_lo = np.empty(len(ids), np.uint64), np.empty(len(ids), np.uint64)
    starts = np.empty(len(ids), np.uint32)
    persons = persons_in_order(high, low, order, keys_hi, keys_lo, starts)
    assert list(zip(keys_hi[:persons].tolist(), keys_lo[:persons].tolist(), strict=True)) == sorted(set(ids))
    assert starts[:persons].tolist() == [sorted(ids).index(one) for one in sorted(set(ids))]
