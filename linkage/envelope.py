"""The sealed population: what is uploaded, and the only thing the service takes in.

    magic ‖ length ‖ manifest ‖ (length ‖ sealed chunk)... ‖ length ‖ statement          lengths: 4 bytes, big-endian

- Each chunk is one single-shot HPKE message (RFC 9180) to the register holder's X-Wing key, whose `info` is
  domain ‖ SHA-256(manifest as received) ‖ chunk number ‖ whether it is the last. A chunk of another envelope, or in
  another place, or the last one of a shortened row does not open.
- The statement is the organisation's signature, Ed25519 and ML-DSA-65, over the SHA-256 of everything before it.
- No cipher, nonce or key stream of our own: see docs/decisions/envelope.md, and tests/vectors for the bytes.

Opening goes through three types, each proving more: `InspectedEnvelope` is within bounds, `VerifiedEnvelope` is signed
by the organisation, and only its chunks can be opened.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from google.protobuf.message import DecodeError

from linkage.envelope_keys import RecipientKeyPair, RecipientPublicKey
from linkage.envelope_manifest import (
    FORMAT_VERSION,
    LIFETIME_MAX,
    MANIFEST_BYTES_MAX,
    SUITE,
    EnvelopeFault,
    EnvelopeFaultFound,
    Manifest,
)
from linkage.envelope_payload import column_descriptions, payload_blocks
from linkage.errors import SignatureRefused
from linkage.request_id import new_request_id
from linkage.signatures import ED25519_BYTES, ML_DSA_65_BYTES, PublicSigningKeys, Signature, SigningKeyPair
from linkage.wire.v1 import envelope_pb2 as wire

if TYPE_CHECKING:
    from linkage.population_file import CheckedPopulation

MAGIC = b"REGISTER-LINKAGE-ENVELOPE-1\x00"
CHUNK_BYTES = 2**20
# X-Wing's encapsulated key and the AES-GCM tag.
CHUNK_OVERHEAD_BYTES = 1_120 + 16
STATEMENT_CONTEXT = "linkage envelope statement v1"

_CHUNK_DOMAIN = b"register-linkage envelope chunk v1\x00"
_LENGTH_BYTES = 4
_HPKE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_STATEMENT_BYTES = len(
    wire.EnvelopeStatement(
        ed25519_signature=bytes(ED25519_BYTES), ml_dsa_65_signature=bytes(ML_DSA_65_BYTES)
    ).SerializeToString()
)


@dataclass(frozen=True, slots=True)
class SealedPopulation:
    """A population that only the register holder can open, in a file."""

    path: Path
    upload_id: str
    container_bytes: int
    container_sha256: bytes
    manifest_sha256: bytes


@dataclass(frozen=True, slots=True)
class InspectedEnvelope:
    """A container whose manifest and lengths are within bounds; who sent it is not known yet."""

    manifest: Manifest
    manifest_sha256: bytes
    manifest_bytes: int

    @property
    def chunks_start(self) -> int:
        """Offset of the first chunk's length."""
        return len(MAGIC) + _LENGTH_BYTES + self.manifest_bytes

    @property
    def statement_start(self) -> int:
        """Offset of the statement's length: everything before it is signed."""
        framing = self.manifest.chunk_count * (_LENGTH_BYTES + CHUNK_OVERHEAD_BYTES)
        return self.chunks_start + self.manifest.payload_bytes + framing

    @property
    def container_bytes(self) -> int:
        """Length of the whole container."""
        return self.statement_start + _LENGTH_BYTES + _STATEMENT_BYTES


@dataclass(frozen=True, slots=True)
class VerifiedEnvelope:
    """A container that the organisation has signed from the first byte to the last."""

    inspected: InspectedEnvelope


def seal(
    population: CheckedPopulation,
    path: Path,
    *,
    order: str,
    organisation: str,
    recipient: RecipientPublicKey,
    signing_key: SigningKeyPair,
    now: datetime,
    lifetime: timedelta = LIFETIME_MAX,
    chunk_bytes: int = CHUNK_BYTES,
    upload_id: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> SealedPopulation:
    """Seal a checked population into a new file, in one pass with bounded memory.

    Args:
        population: what `linkage.population_file` found clean.
        path: the file to write; it appears only when it is whole and on the disk.
        order: resource name of the order it is bound to.
        organisation: the sender's identifier.
        recipient: the register holder's pinned public key.
        signing_key: the sender's own keys.
        now: the time of sealing, with its zone.
        lifetime: how long the envelope may be used, at most seven days.
        chunk_bytes: bytes of payload in each chunk.
        upload_id: UUID4; a new one if none is given.
        progress: told bytes sealed and bytes in all, after each chunk.

    Raises:
        PopulationRejected: there is nothing to seal.
    """
    payload_bytes = sum(map(len, payload_blocks(population)))
    manifest = wire.EnvelopeManifest(
        format_version=FORMAT_VERSION,
        suite=SUITE,
        upload_id=upload_id or new_request_id(),
        order=order,
        organisation=organisation,
        columns=column_descriptions(population),
        row_count=len(population.identity),
        payload_bytes=payload_bytes,
        chunk_bytes=chunk_bytes,
        chunk_count=-(-payload_bytes // chunk_bytes),
        recipient_key_id=recipient.key_id,
        signing_key_id=signing_key.key_id,
        reference_date=population.reference_date.isoformat(),
    )
    manifest.created_at.FromDatetime(now)
    manifest.not_after.FromDatetime(now + lifetime)
    received = manifest.SerializeToString(deterministic=True)
    # Refuse here what the service would refuse there: a name out of bounds, too many rows.
    Manifest.parse(received)
    temporary = path.with_name(f".{path.name}.part")
    try:
        with _open_private(temporary) as file:
            container = _HashingWriter(file)
            chunks = _cut(payload_blocks(population), chunk_bytes)
            _write_head_and_chunks(container, received, chunks, recipient=recipient, progress=progress)
            _write_statement(container, signing_key)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return SealedPopulation(
        path=path,
        upload_id=manifest.upload_id,
        container_bytes=container.bytes_written,
        container_sha256=container.sha256(),
        manifest_sha256=hashlib.sha256(received).digest(),
    )


def inspect_manifest(file: BinaryIO, *, container_bytes: int) -> InspectedEnvelope:
    """Read a stranger's manifest and check that every length in it agrees with the container's.

    Args:
        file: the container, at its first byte; left after the manifest.
        container_bytes: length of the container.

    Raises:
        EnvelopeFaultFound: it is not a container, or a bound is broken.
    """
    if file.read(len(MAGIC)) != MAGIC:
        raise EnvelopeFaultFound(EnvelopeFault.NOT_A_CONTAINER)
    length = int.from_bytes(file.read(_LENGTH_BYTES), "big")
    if length > MANIFEST_BYTES_MAX:
        raise EnvelopeFaultFound(EnvelopeFault.MANIFEST_OUT_OF_BOUNDS)
    # Hashed and parsed as received. Writing a parsed manifest again could give other bytes.
    received = _read_exactly(file, length)
    inspected = InspectedEnvelope(Manifest.parse(received), hashlib.sha256(received).digest(), length)
    if inspected.container_bytes != container_bytes:
        raise EnvelopeFaultFound(EnvelopeFault.LENGTHS_DISAGREE)
    return inspected


def verify_statement(
    file: BinaryIO, inspected: InspectedEnvelope, *, signing_keys: PublicSigningKeys
) -> VerifiedEnvelope:
    """Check the organisation's signature over the whole container.

    Raises:
        EnvelopeFaultFound: it was not signed by these keys as it stands.
    """
    if signing_keys.key_id != inspected.manifest.signing_key_id:
        raise EnvelopeFaultFound(EnvelopeFault.UNKNOWN_KEY)
    file.seek(0)
    digest = hashlib.sha256()
    remaining = inspected.statement_start
    while remaining:
        piece = _read_exactly(file, min(remaining, CHUNK_BYTES))
        digest.update(piece)
        remaining -= len(piece)
    if int.from_bytes(_read_exactly(file, _LENGTH_BYTES), "big") != _STATEMENT_BYTES:
        raise EnvelopeFaultFound(EnvelopeFault.LENGTHS_DISAGREE)
    received = _read_exactly(file, _STATEMENT_BYTES)
    try:
        statement = wire.EnvelopeStatement.FromString(received)
        # One encoding only: bytes outside the signature cannot be changed either.
        if statement.SerializeToString(deterministic=True) != received or file.read(1):
            raise EnvelopeFaultFound(EnvelopeFault.STATEMENT)
        signature = Signature(statement.ed25519_signature, statement.ml_dsa_65_signature)
        signing_keys.verify(digest.digest(), signature, context=STATEMENT_CONTEXT)
    except (DecodeError, SignatureRefused):
        raise EnvelopeFaultFound(EnvelopeFault.STATEMENT) from None
    return VerifiedEnvelope(inspected)


def open_chunks(file: BinaryIO, verified: VerifiedEnvelope, *, recipient: RecipientKeyPair) -> Iterator[bytes]:
    """The payload, chunk by chunk. It counts only when the last one has come.

    Raises:
        EnvelopeFaultFound: a chunk is not the one that belongs there, or the envelope is for another key.
    """
    inspected = verified.inspected
    manifest = inspected.manifest
    if recipient.key_id != manifest.recipient_key_id:
        raise EnvelopeFaultFound(EnvelopeFault.UNKNOWN_KEY)
    key = recipient.for_hpke()
    file.seek(inspected.chunks_start)
    remaining = manifest.payload_bytes
    for index in range(manifest.chunk_count):
        expected = min(remaining, manifest.chunk_bytes)
        length = int.from_bytes(_read_exactly(file, _LENGTH_BYTES), "big")
        if length != expected + CHUNK_OVERHEAD_BYTES:
            raise EnvelopeFaultFound(EnvelopeFault.LENGTHS_DISAGREE)
        info = chunk_info(inspected.manifest_sha256, index=index, final=index == manifest.chunk_count - 1)
        try:
            yield _HPKE.decrypt(_read_exactly(file, length), key, info)
        except (InvalidTag, ValueError):
            raise EnvelopeFaultFound(EnvelopeFault.CHUNK) from None
        remaining -= expected


def chunk_info(manifest_sha256: bytes, *, index: int, final: bool) -> bytes:
    """What a sealed chunk is bound to: its envelope, its place, and whether another one follows."""
    return _CHUNK_DOMAIN + manifest_sha256 + index.to_bytes(4, "big") + bytes([final])


class _HashingWriter:
    """Writes to a file and keeps the length and the running SHA-256 of what was written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.bytes_written = 0

    def write(self, content: bytes) -> None:
        self._file.write(content)
        self._digest.update(content)
        self.bytes_written += len(content)

    def write_with_length(self, content: bytes) -> None:
        self.write(len(content).to_bytes(_LENGTH_BYTES, "big"))
        self.write(content)

    def sha256(self) -> bytes:
        return self._digest.digest()


def _write_head_and_chunks(
    container: _HashingWriter,
    manifest: bytes,
    chunks: Iterable[bytes],
    *,
    recipient: RecipientPublicKey,
    progress: Callable[[int, int], None],
) -> None:
    container.write(MAGIC)
    container.write_with_length(manifest)
    manifest_sha256 = hashlib.sha256(manifest).digest()
    payload_bytes = wire.EnvelopeManifest.FromString(manifest).payload_bytes
    key = recipient.for_hpke()
    done = 0
    for index, chunk in enumerate(chunks):
        done += len(chunk)
        info = chunk_info(manifest_sha256, index=index, final=done == payload_bytes)
        container.write_with_length(_HPKE.encrypt(chunk, key, info))
        progress(done, payload_bytes)


def _write_statement(container: _HashingWriter, signing_key: SigningKeyPair) -> None:
    signature = signing_key.sign(container.sha256(), context=STATEMENT_CONTEXT)
    statement = wire.EnvelopeStatement(
        ed25519_signature=signature.ed25519, ml_dsa_65_signature=signature.ml_dsa_65
    ).SerializeToString(deterministic=True)
    container.write_with_length(statement)


def _cut(blocks: Iterable[bytes], chunk_bytes: int) -> Iterator[bytes]:
    """The same bytes in pieces of `chunk_bytes`; the last may be shorter and is never empty."""
    pending = bytearray()
    for block in blocks:
        pending += block
        while len(pending) > chunk_bytes:
            yield bytes(pending[:chunk_bytes])
            del pending[:chunk_bytes]
    if pending:
        yield bytes(pending)


def _read_exactly(file: BinaryIO, length: int) -> bytes:
    content = file.read(length)
    if len(content) != length:
        raise EnvelopeFaultFound(EnvelopeFault.LENGTHS_DISAGREE)
    return content


def _open_private(path: Path) -> BinaryIO:
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
