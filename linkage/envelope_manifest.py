"""What a sealed population says about itself, and the bounds within which a stranger's saying is read at all."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from google.protobuf.message import DecodeError

from linkage.envelope_payload import IDENTITY_COLUMN, INDEX_DATE_COLUMN
from linkage.errors import EnvelopeRejected, NotFound
from linkage.order_states import parse_order_name
from linkage.wire.v1 import envelope_pb2 as wire

FORMAT_VERSION = 1
SUITE = "HPKE-XWING-HKDFSHA256-AES256GCM/ED25519+MLDSA65"
MANIFEST_BYTES_MAX = 65_536
COLUMNS_MAX = 64
COLUMN_NAME_CHARACTERS_MAX = 128
ROWS_MAX = 20_000_000
PAYLOAD_BYTES_MAX = 2**31
CHUNK_BYTES_MAX = 4 * 2**20
LIFETIME_MAX = timedelta(days=7)
# The sender's clock may be this much ahead of ours.
CLOCK_SKEW = timedelta(minutes=10)

_KEY_ID = re.compile(r"[0-9a-f]{64}")


class EnvelopeFault(StrEnum):
    """Why an envelope was refused: for tests and the operator's audit trail, never for the sender."""

    NOT_A_CONTAINER = "not_a_container"
    MANIFEST_OUT_OF_BOUNDS = "manifest_out_of_bounds"
    LENGTHS_DISAGREE = "lengths_disagree"
    STATEMENT = "statement"
    CHUNK = "chunk"
    WRONG_ORDER = "wrong_order"
    WRONG_ORGANISATION = "wrong_organisation"
    WRONG_UPLOAD = "wrong_upload"
    UNKNOWN_KEY = "unknown_key"
    EXPIRED = "expired"
    REPLAYED = "replayed"
    PAYLOAD = "payload"
    OPENER_DIED = "opener_died"


class EnvelopeFaultFound(EnvelopeRejected):
    """An `EnvelopeRejected` that knows its cause for those inside; its text is the same for every cause.

    Telling the sender whether signature, length or key was wrong would help whoever forges one.
    """

    def __init__(self, fault: EnvelopeFault) -> None:
        super().__init__(
            "this is not a valid envelope for this order from this organisation.",
            mend="Seal the population again with linkage submit; if it is refused again, ask the register holder.",
        )
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a sealed population."""

    name: str
    type: int  # a value of wire.ColumnType


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest whose every field lies within its bounds. Nothing of it is proved before the statement is verified."""

    upload_id: str
    order: str
    organisation: str
    columns: tuple[Column, ...]
    row_count: int
    payload_bytes: int
    chunk_bytes: int
    chunk_count: int
    recipient_key_id: str
    signing_key_id: str
    created_at: datetime
    not_after: datetime
    reference_date: date

    @classmethod
    def parse(cls, received: bytes) -> Manifest:
        """Read a manifest as received.

        Raises:
            EnvelopeFaultFound: it is not a manifest, or a field is out of its bounds.
        """
        try:
            message = wire.EnvelopeManifest.FromString(received)
            manifest = cls(
                upload_id=message.upload_id,
                order=message.order,
                organisation=message.organisation,
                columns=tuple(Column(column.name, int(column.type)) for column in message.columns),
                row_count=message.row_count,
                payload_bytes=message.payload_bytes,
                chunk_bytes=message.chunk_bytes,
                chunk_count=message.chunk_count,
                recipient_key_id=message.recipient_key_id,
                signing_key_id=message.signing_key_id,
                created_at=message.created_at.ToDatetime(tzinfo=UTC),
                not_after=message.not_after.ToDatetime(tzinfo=UTC),
                reference_date=date.fromisoformat(message.reference_date),
            )
            known_format = message.format_version == FORMAT_VERSION and message.suite == SUITE
        except (DecodeError, ValueError, OverflowError):
            raise EnvelopeFaultFound(EnvelopeFault.MANIFEST_OUT_OF_BOUNDS) from None
        if not (known_format and _names_in_bounds(manifest) and _sizes_in_bounds(manifest)):
            raise EnvelopeFaultFound(EnvelopeFault.MANIFEST_OUT_OF_BOUNDS)
        return manifest

    def require(self, *, order: str, organisation: str, upload_id: str, now: datetime) -> None:
        """Return if the envelope is meant for this order and upload, from this organisation, and still valid.

        Raises:
            EnvelopeFaultFound: it is not.
        """
        if self.organisation != organisation:
            raise EnvelopeFaultFound(EnvelopeFault.WRONG_ORGANISATION)
        if self.order != order:
            raise EnvelopeFaultFound(EnvelopeFault.WRONG_ORDER)
        if self.upload_id != upload_id:
            raise EnvelopeFaultFound(EnvelopeFault.WRONG_UPLOAD)
        if now >= self.not_after or self.created_at > now + CLOCK_SKEW:
            raise EnvelopeFaultFound(EnvelopeFault.EXPIRED)


def _names_in_bounds(manifest: Manifest) -> bool:
    try:
        organisation, _ = parse_order_name(manifest.order)
    except NotFound:
        return False
    return (
        organisation == manifest.organisation
        and _is_uuid4(manifest.upload_id)
        and _KEY_ID.fullmatch(manifest.recipient_key_id) is not None
        and _KEY_ID.fullmatch(manifest.signing_key_id) is not None
        and _columns_in_bounds(manifest.columns)
    )


def _sizes_in_bounds(manifest: Manifest) -> bool:
    return (
        0 < manifest.row_count <= ROWS_MAX
        and 0 < manifest.payload_bytes <= PAYLOAD_BYTES_MAX
        and 0 < manifest.chunk_bytes <= CHUNK_BYTES_MAX
        and manifest.chunk_count == -(-manifest.payload_bytes // manifest.chunk_bytes)
        and timedelta(0) < manifest.not_after - manifest.created_at <= LIFETIME_MAX
    )


def _columns_in_bounds(columns: tuple[Column, ...]) -> bool:
    names = [column.name for column in columns]
    if not names or len(names) > COLUMNS_MAX or len(set(names)) != len(names):
        return False
    if any(not 0 < len(name) <= COLUMN_NAME_CHARACTERS_MAX or not name.isprintable() for name in names):
        return False
    expected: list[tuple[str, int]] = [(IDENTITY_COLUMN, wire.COLUMN_TYPE_IDENTITY)]
    if INDEX_DATE_COLUMN in names:
        expected.append((INDEX_DATE_COLUMN, wire.COLUMN_TYPE_DATE))
    expected += [(name, wire.COLUMN_TYPE_STRATUM) for name in names[len(expected) :]]
    return [(column.name, column.type) for column in columns] == expected


def _is_uuid4(text: str) -> bool:
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        return False
    return parsed.version == 4 and str(parsed) == text
