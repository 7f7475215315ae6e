"""Payloads that a hostile sender could sign: each broken bound is a refusal, and none of them costs memory."""

from __future__ import annotations

import dataclasses
import tracemalloc
from collections.abc import Callable
from datetime import date

import pytest

from linkage.envelope_manifest import Column, EnvelopeFault, EnvelopeFaultFound, Manifest
from linkage.envelope_payload import payload_blocks
from linkage.wire.v1 import envelope_pb2 as wire
from linkage_server.intake.parse import BLOCK_BYTES_MAX, parse_population
from tests.support.sealing import NOW, ORDER, ORGANISATION, UPLOAD_ID, population

COLUMNS = (
    Column("personnummer", int(wire.COLUMN_TYPE_IDENTITY)),
    Column("index_date", int(wire.COLUMN_TYPE_DATE)),
    Column("hospital", int(wire.COLUMN_TYPE_STRATUM)),
)


def manifest(*, rows: int = 10, columns: tuple[Column, ...] = COLUMNS) -> Manifest:
    return Manifest(
        upload_id=UPLOAD_ID,
        order=ORDER,
        organisation=ORGANISATION,
        columns=columns,
        row_count=rows,
        payload_bytes=1,
        chunk_bytes=1,
        chunk_count=1,
        recipient_key_id="",
        signing_key_id="",
        created_at=NOW,
        not_after=NOW,
        reference_date=date(2025, 1, 1),
    )


def block(rows: int = 10) -> wire.PopulationBlock:
    payload = next(iter(payload_blocks(population(rows))))
    start = next(place for place, byte in enumerate(payload) if byte < 0x80) + 1
    return wire.PopulationBlock.FromString(payload[start:])


def delimited(*messages: wire.PopulationBlock) -> bytes:
    from google.protobuf.internal.encoder import _VarintBytes  # type: ignore[attr-defined]

    return b"".join(_VarintBytes(len(content)) + content for content in (m.SerializeToString() for m in messages))


def refused(payload: bytes, of: Manifest | None = None) -> bool:
    with pytest.raises(EnvelopeFaultFound) as refusal:
        parse_population([payload], manifest=of or manifest())
    return refusal.value.fault is EnvelopeFault.PAYLOAD


@pytest.mark.parametrize("piece", [1, 7, 100, 10_000])
def test_a_payload_reads_the_same_however_it_is_cut(piece: int) -> None:
    content = population(100)
    payload = b"".join(payload_blocks(content, rows_per_block=9))
    pieces = [payload[start : start + piece] for start in range(0, len(payload), piece)]
    opened = parse_population(pieces, manifest=manifest(rows=100))
    assert opened.identity.equals(content.identity)
    assert opened.index_date is not None
    assert opened.index_date.equals(content.index_date)
    assert opened.strata["hospital"].to_pylist() == content.strata["hospital"].to_pylist()


def test_a_level_with_an_identity_number_is_refused() -> None:
    for written in ("189001019802", "18900101-9802", "ward 900101-9802", "１８９００１０１９８０２"):
        message = block()
        message.columns[2].levels[0] = written
        assert refused(delimited(message)), "levels are printed in tables"


def test_absent_dates_and_strata_stay_absent() -> None:
    message = block()
    message.columns[1].days[3] = -(2**31)
    message.columns[2].level_indices[4] = -1
    opened = parse_population([delimited(message)], manifest=manifest())
    assert opened.index_date is not None
    assert opened.index_date[3].as_py() is None
    assert opened.strata["hospital"][4].as_py() is None
    assert opened.index_date.null_count == opened.strata["hospital"].null_count == 1


def test_an_open_population_shows_nothing_of_itself() -> None:
    opened = parse_population([delimited(block())], manifest=manifest())
    assert population().identity[0].as_py().decode() not in repr(opened)


BROKEN: dict[str, Callable[[wire.PopulationBlock], object]] = {
    "a row fewer than told": lambda b: setattr(b, "row_count", 9),
    "a row more than told": lambda b: setattr(b, "row_count", 11),
    "no rows": lambda b: setattr(b, "row_count", 0),
    "four billion rows": lambda b: setattr(b, "row_count", 2**32 - 1),
    "a column fewer": lambda b: b.columns.pop(),
    "a column more": lambda b: b.columns.add(),
    "a length that is too long": lambda b: b.columns[0].identity_lengths.__setitem__(0, 65),
    "a length of four billion": lambda b: b.columns[0].identity_lengths.__setitem__(0, 2**32 - 1),
    "a length of zero": lambda b: b.columns[0].identity_lengths.__setitem__(0, 0),
    "lengths that add up to less": lambda b: b.columns[0].identity_lengths.__setitem__(0, 11),
    "bytes of nobody": lambda b: setattr(b.columns[0], "identity_bytes", b.columns[0].identity_bytes + b"1"),
    "days beside numbers": lambda b: b.columns[0].days.append(1),
    "numbers beside days": lambda b: setattr(b.columns[1], "identity_bytes", b"1"),
    "levels beside days": lambda b: b.columns[1].levels.append("x"),
    "a day before all registers": lambda b: b.columns[1].days.__setitem__(0, -60_000),
    "a day in three hundred years": lambda b: b.columns[1].days.__setitem__(0, 130_000),
    "a day too few": lambda b: b.columns[1].days.pop(),
    "an index beyond the levels": lambda b: b.columns[2].level_indices.__setitem__(0, 2),
    "an index below absent": lambda b: b.columns[2].level_indices.__setitem__(0, -2),
    "days beside levels": lambda b: b.columns[2].days.append(1),
    "a level twice": lambda b: b.columns[2].levels.append("Hospital 0"),
    "an empty level": lambda b: b.columns[2].levels.append(""),
    "a level with a line break": lambda b: b.columns[2].levels.append("a\nb"),
    "a level that is too long": lambda b: b.columns[2].levels.append("x" * 201),
    "a thousand levels too many": lambda b: b.columns[2].levels.extend(str(i) for i in range(1_000)),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_block_is_refused(case: str) -> None:
    message = block()
    BROKEN[case](message)
    assert refused(delimited(message))


def test_levels_come_in_the_first_block_only() -> None:
    assert refused(delimited(block(5), block(5)))


def test_fewer_or_more_blocks_than_the_manifest_says_are_refused() -> None:
    second = block(5)
    second.columns[2].ClearField("levels")
    assert parse_population([delimited(block(5), second)], manifest=manifest())
    assert refused(delimited(block(5)))
    assert refused(delimited(block(5), second, second))
    assert refused(b"")


@pytest.mark.parametrize(
    "payload",
    [b"\x00", b"\x05abc", b"\xff\xff\xff\xff\x0f", b"\x80\x80\x80\x80\x80\x01", b"\x80", b"\x03\xff\xff\xff"],
    ids=["empty block", "cut block", "four GiB", "endless length", "cut length", "no protobuf"],
)
def test_lengths_that_lie_are_refused(payload: bytes) -> None:
    assert refused(payload)


def test_a_block_larger_than_allowed_is_refused_before_it_is_gathered() -> None:
    from google.protobuf.internal.encoder import _VarintBytes  # type: ignore[attr-defined]

    tracemalloc.start()
    try:
        assert refused(_VarintBytes(BLOCK_BYTES_MAX + 1))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_columns_are_read_by_the_manifests_types_not_the_senders_wish() -> None:
    swapped = manifest(columns=(COLUMNS[0], dataclasses.replace(COLUMNS[2], name="a"), COLUMNS[2]))
    assert refused(delimited(block()), swapped)
