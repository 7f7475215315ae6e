"""What a sealed population promises, and each way in which it refuses."""

from __future__ import annotations

import dataclasses
import io
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from linkage.envelope import (
    CHUNK_OVERHEAD_BYTES,
    MAGIC,
    STATEMENT_CONTEXT,
    inspect_manifest,
    open_chunks,
    verify_statement,
)
from linkage.envelope_manifest import EnvelopeFault, EnvelopeFaultFound, Manifest
from linkage.envelope_payload import payload_blocks
from linkage.errors import EnvelopeRejected, PopulationRejected
from linkage.signatures import SigningKeyPair
from linkage.wire.v1 import envelope_pb2 as wire
from linkage_server.demo.test_numbers import read_test_numbers
from tests.support.identity_search import IdentitySearch
from tests.support.sealing import NOW, ORDER, ORGANISATION, UPLOAD_ID, Sealer, population

SEALER = Sealer()
OTHER = Sealer()
CHUNK = 64


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Ten persons in several small chunks."""
    return SEALER.seal(tmp_path_factory.mktemp("sealed") / "p.sealed", chunk_bytes=CHUNK).path.read_bytes()


def open_all(container: bytes, *, sealer: Sealer = SEALER, now: datetime = NOW, **expected: str) -> bytes:
    """Do what the service does, in its order."""
    file = io.BytesIO(container)
    inspected = inspect_manifest(file, container_bytes=len(container))
    wanted = {"order": ORDER, "organisation": ORGANISATION, "upload_id": UPLOAD_ID} | expected
    inspected.manifest.require(**wanted, now=now)
    verified = verify_statement(file, inspected, signing_keys=sealer.signing_key.public)
    return b"".join(open_chunks(file, verified, recipient=sealer.recipient))


def fault_of(container: bytes, **arguments: object) -> EnvelopeFault:
    """The one refusal's hidden cause; asserts that its text is the one text."""
    with pytest.raises(EnvelopeRejected) as refusal:
        open_all(container, **arguments)  # type: ignore[arg-type]
    assert isinstance(refusal.value, EnvelopeFaultFound)
    assert str(refusal.value) == str(EnvelopeFaultFound(EnvelopeFault.CHUNK))
    assert refusal.value.facts == {}
    return refusal.value.fault


class Parts:
    """A container taken apart, to be put together wrongly."""

    def __init__(self, container: bytes) -> None:
        file = io.BytesIO(container)
        inspected = inspect_manifest(file, container_bytes=len(container))
        start = inspected.chunks_start
        self.manifest = container[len(MAGIC) + 4 : start]
        self.chunks: list[bytes] = []
        for _ in range(inspected.manifest.chunk_count):
            length = int.from_bytes(container[start : start + 4], "big")
            self.chunks.append(container[start + 4 : start + 4 + length])
            start += 4 + length

    def signed(self, signing_key: SigningKeyPair = SEALER.signing_key) -> bytes:
        """The container with a true signature of what it now holds: only the chunks' own seals can tell."""
        import hashlib

        body = MAGIC + b"".join(len(part).to_bytes(4, "big") + part for part in (self.manifest, *self.chunks))
        signature = signing_key.sign(hashlib.sha256(body).digest(), context=STATEMENT_CONTEXT)
        statement = wire.EnvelopeStatement(
            ed25519_signature=signature.ed25519, ml_dsa_65_signature=signature.ml_dsa_65
        ).SerializeToString()
        return body + len(statement).to_bytes(4, "big") + statement

    def rewrite(self, **fields: object) -> None:
        """Change fields of the manifest."""
        message = wire.EnvelopeManifest.FromString(self.manifest)
        for name, value in fields.items():
            setattr(message, name, value)
        self.manifest = message.SerializeToString(deterministic=True)


def test_what_was_sealed_is_what_is_opened(container: bytes) -> None:
    assert open_all(container) == b"".join(payload_blocks(population()))


def test_the_sealed_result_tells_length_and_hashes(tmp_path: Path) -> None:
    import hashlib

    sealed = SEALER.seal(tmp_path / "p.sealed")
    container = sealed.path.read_bytes()
    inspected = inspect_manifest(io.BytesIO(container), container_bytes=len(container))
    assert sealed.container_bytes == len(container) == inspected.container_bytes
    assert sealed.container_sha256 == hashlib.sha256(container).digest()
    assert sealed.manifest_sha256 == inspected.manifest_sha256
    assert sealed.path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.sealed"]


def test_many_blocks_and_a_last_chunk_that_is_exactly_full(tmp_path: Path) -> None:
    content = population(rows=500)
    payload = b"".join(payload_blocks(content))
    for chunk_bytes in (len(payload), len(payload) // 2 + len(payload) % 2, len(payload) - 1, 1000):
        sealed = SEALER.seal(tmp_path / f"{chunk_bytes}.sealed", content, chunk_bytes=chunk_bytes)
        assert open_all(sealed.path.read_bytes()) == payload


def test_blocks_hold_the_same_rows_however_they_are_cut() -> None:
    whole = next(iter(payload_blocks(population(rows=100))))
    parts = list(payload_blocks(population(rows=100), rows_per_block=7))
    assert len(parts) == 15
    read = [wire.PopulationBlock.FromString(_without_length(part)) for part in parts]
    expected = wire.PopulationBlock.FromString(_without_length(whole))
    assert b"".join(block.columns[0].identity_bytes for block in read) == expected.columns[0].identity_bytes
    assert [day for block in read for day in block.columns[1].days] == list(expected.columns[1].days)
    assert [i for block in read for i in block.columns[2].level_indices] == list(expected.columns[2].level_indices)
    assert [bool(block.columns[2].levels) for block in read] == [True] + [False] * 14


def test_a_sliced_population_seals_its_own_rows_only() -> None:
    content = population(rows=20)
    assert content.index_date is not None
    part = dataclasses.replace(
        content,
        identity=content.identity.slice(5, 10),
        index_date=content.index_date.slice(5, 10),
        strata={name: column.slice(5, 10) for name, column in content.strata.items()},
    )
    block = wire.PopulationBlock.FromString(_without_length(next(iter(payload_blocks(part)))))
    assert block.columns[0].identity_bytes == b"".join(content.identity.to_pylist()[5:15])
    assert block.row_count == len(block.columns[1].days) == len(block.columns[2].level_indices) == 10


def test_progress_is_told_up_to_the_last_byte(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    SEALER.seal(tmp_path / "p.sealed", chunk_bytes=CHUNK, progress=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] == sum(map(len, payload_blocks(population())))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_an_empty_population_is_not_sealed(tmp_path: Path) -> None:
    with pytest.raises(PopulationRejected, match="no row"):
        SEALER.seal(tmp_path / "p.sealed", population(rows=0))
    assert list(tmp_path.iterdir()) == []


def test_the_sealed_file_holds_no_identity_number_in_any_encoding(tmp_path: Path) -> None:
    SEALER.seal(tmp_path / "p.sealed", population(rows=2_000))
    assert IdentitySearch(read_test_numbers()).in_folder(tmp_path) == []


def test_every_flipped_byte_is_refused(container: bytes) -> None:
    """One bit of each byte; parsing is bounded and cheap until the statement, so all of them are tried."""
    for place in range(len(container)):
        broken = bytearray(container)
        broken[place] ^= 1 << (place % 8)
        with pytest.raises(EnvelopeRejected):
            open_all(bytes(broken))


def test_every_cut_is_refused(container: bytes) -> None:
    for length in range(len(container)):
        with pytest.raises(EnvelopeRejected):
            open_all(container[:length])


def test_bytes_after_the_end_are_refused(container: bytes) -> None:
    assert fault_of(container + b"\x00") is EnvelopeFault.LENGTHS_DISAGREE


@pytest.mark.parametrize("place", [0, 1, -1])
def test_a_flip_in_any_chunk_is_seen_even_if_its_sender_signed_it(container: bytes, place: int) -> None:
    parts = Parts(container)
    chunk = bytearray(parts.chunks[place])
    chunk[-1] ^= 1
    parts.chunks[place] = bytes(chunk)
    assert fault_of(parts.signed()) is EnvelopeFault.CHUNK


def test_reordered_chunks_are_refused(container: bytes) -> None:
    parts = Parts(container)
    parts.chunks[0], parts.chunks[1] = parts.chunks[1], parts.chunks[0]
    assert fault_of(parts.signed()) is EnvelopeFault.CHUNK


def test_a_duplicated_chunk_is_refused(container: bytes) -> None:
    parts = Parts(container)
    parts.chunks[1] = parts.chunks[0]
    assert fault_of(parts.signed()) is EnvelopeFault.CHUNK
    parts = Parts(container)
    parts.chunks.insert(1, parts.chunks[0])
    assert fault_of(parts.signed()) is EnvelopeFault.LENGTHS_DISAGREE


def test_a_dropped_chunk_is_refused(container: bytes) -> None:
    parts = Parts(container)
    del parts.chunks[1]
    assert fault_of(parts.signed()) is EnvelopeFault.LENGTHS_DISAGREE


def test_dropping_the_last_chunk_is_refused_even_with_a_manifest_that_agrees(container: bytes) -> None:
    parts = Parts(container)
    parts.chunks.pop()
    count = len(parts.chunks)
    parts.rewrite(chunk_count=count, payload_bytes=count * CHUNK)
    assert fault_of(parts.signed()) is EnvelopeFault.CHUNK


def test_a_chunk_of_another_envelope_is_refused(container: bytes, tmp_path: Path) -> None:
    other = SEALER.seal(tmp_path / "o.sealed", chunk_bytes=CHUNK, upload_id=str(uuid.uuid4())).path.read_bytes()
    parts = Parts(container)
    parts.chunks[0] = Parts(other).chunks[0]
    assert fault_of(parts.signed()) is EnvelopeFault.CHUNK


def test_a_manifest_changed_and_signed_again_opens_no_chunk(container: bytes) -> None:
    parts = Parts(container)
    parts.rewrite(order=ORDER + "9")
    assert fault_of(parts.signed(), order=ORDER + "9") is EnvelopeFault.CHUNK


def test_another_organisations_signature_is_refused(container: bytes) -> None:
    assert fault_of(Parts(container).signed(OTHER.signing_key)) is EnvelopeFault.STATEMENT
    stranger = Sealer(recipient=SEALER.recipient, signing_key=OTHER.signing_key)
    assert fault_of(container, sealer=stranger) is EnvelopeFault.UNKNOWN_KEY


def test_an_envelope_for_another_key_is_refused(container: bytes) -> None:
    other = Sealer(recipient=OTHER.recipient, signing_key=SEALER.signing_key)
    assert fault_of(container, sealer=other) is EnvelopeFault.UNKNOWN_KEY


def test_the_wrong_order_is_refused(container: bytes) -> None:
    assert fault_of(container, order=ORDER + "1") is EnvelopeFault.WRONG_ORDER


def test_the_wrong_organisation_is_refused(container: bytes) -> None:
    assert fault_of(container, organisation="riksstroke") is EnvelopeFault.WRONG_ORGANISATION


def test_another_upload_than_announced_is_refused(container: bytes) -> None:
    assert fault_of(container, upload_id=str(uuid.uuid4())) is EnvelopeFault.WRONG_UPLOAD


def test_an_expired_envelope_is_refused_from_the_very_moment(container: bytes) -> None:
    assert open_all(container, now=NOW + timedelta(days=7, microseconds=-1))
    assert fault_of(container, now=NOW + timedelta(days=7)) is EnvelopeFault.EXPIRED


def test_an_envelope_from_the_future_is_refused(container: bytes) -> None:
    assert open_all(container, now=NOW - timedelta(minutes=10))
    assert fault_of(container, now=NOW - timedelta(minutes=10, microseconds=1)) is EnvelopeFault.EXPIRED


OUT_OF_BOUNDS: dict[str, Callable[[wire.EnvelopeManifest], object]] = {
    "a version not known": lambda m: setattr(m, "format_version", 2),
    "a weaker suite": lambda m: setattr(m, "suite", "HPKE-X25519"),
    "no rows": lambda m: setattr(m, "row_count", 0),
    "too many rows": lambda m: setattr(m, "row_count", 2**40),
    "no payload": lambda m: setattr(m, "payload_bytes", 0),
    "a bomb of a payload": lambda m: setattr(m, "payload_bytes", 2**50),
    "chunks of no bytes": lambda m: setattr(m, "chunk_bytes", 0),
    "chunks too large": lambda m: setattr(m, "chunk_bytes", 2**31),
    "a chunk too many": lambda m: setattr(m, "chunk_count", m.chunk_count + 1),
    "an upload id that is none": lambda m: setattr(m, "upload_id", "1"),
    "an upload id in another spelling": lambda m: setattr(m, "upload_id", m.upload_id.upper()),
    "an order that is a path": lambda m: setattr(m, "order", "organisations/swedeheart/orders/../x"),
    "an order of somebody else": lambda m: setattr(m, "order", "organisations/riksstroke/orders/0f3b6f3e"),
    "a key id that is none": lambda m: setattr(m, "recipient_key_id", "x"),
    "a day that is none": lambda m: setattr(m, "reference_date", "2025-13-01"),
    "a life of eight days": lambda m: m.not_after.FromDatetime(NOW + timedelta(days=8)),
    "an end before its beginning": lambda m: m.not_after.FromDatetime(NOW - timedelta(days=1)),
    "a moment out of the calendar": lambda m: setattr(m.not_after, "seconds", 2**62),
    "no column": lambda m: m.ClearField("columns"),
    "no identity column": lambda m: m.columns.remove(m.columns[0]),
    "two columns of a name": lambda m: m.columns.append(m.columns[2]),
    "a second identity column": lambda m: m.columns.add(name="personnummer2", type=wire.COLUMN_TYPE_IDENTITY),
    "a column of no type": lambda m: m.columns.add(name="ward"),
    "a name that is too long": lambda m: m.columns.add(name="w" * 129, type=wire.COLUMN_TYPE_STRATUM),
    "a name with a line break": lambda m: m.columns.add(name="a\nb", type=wire.COLUMN_TYPE_STRATUM),
    "too many columns": lambda m: m.columns.extend(
        wire.PopulationColumn(name=f"s{i}", type=wire.COLUMN_TYPE_STRATUM) for i in range(64)
    ),
}


@pytest.mark.parametrize("case", OUT_OF_BOUNDS)
def test_a_manifest_out_of_bounds_is_refused(container: bytes, case: str) -> None:
    message = wire.EnvelopeManifest.FromString(Parts(container).manifest)
    OUT_OF_BOUNDS[case](message)
    with pytest.raises(EnvelopeFaultFound) as refusal:
        Manifest.parse(message.SerializeToString())
    assert refusal.value.fault is EnvelopeFault.MANIFEST_OUT_OF_BOUNDS


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"personnummer,hospital\n", MAGIC, MAGIC + b"\xff" * 40])
def test_what_is_no_container_is_refused_before_anything_is_read(content: bytes) -> None:
    assert fault_of(content) in {
        EnvelopeFault.NOT_A_CONTAINER,
        EnvelopeFault.MANIFEST_OUT_OF_BOUNDS,
        EnvelopeFault.LENGTHS_DISAGREE,
    }


def test_a_huge_manifest_is_refused_unread() -> None:
    file = io.BytesIO(MAGIC + (65_537).to_bytes(4, "big") + bytes(65_537))
    with pytest.raises(EnvelopeFaultFound):
        inspect_manifest(file, container_bytes=65_537 + len(MAGIC) + 4)
    assert file.tell() == len(MAGIC) + 4


def test_each_chunk_adds_what_the_suite_says(container: bytes) -> None:
    assert {len(chunk) - CHUNK_OVERHEAD_BYTES for chunk in Parts(container).chunks[:-1]} == {CHUNK}


def _without_length(block: bytes) -> bytes:
    start = 0
    while block[start] & 0x80:
        start += 1
    return block[start + 1 :]
