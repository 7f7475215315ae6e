"""Receives sealed containers: resumes after a cut at any byte, and acknowledges only what is on the disk.

    started ── finalize ──> complete ── acceptance ──> opening ──> accepted | refused

Received bytes lie in the spool; the database says how many of them count. Bytes beyond that were never acknowledged:
they are written again by whoever resumes. Two connections of the same upload can only write the same bytes in the same
places, or the container's hash and signature fail.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType

import sqlalchemy as sa
from sqlalchemy.orm import Session

from linkage.envelope_manifest import EnvelopeFault, EnvelopeFaultFound
from linkage.errors import Conflict, InputRefused, QuotaExceeded, StateConflict
from linkage.free_text import refuse_identity_number
from linkage.order_states import OrderState
from linkage_server.intake.upload_names import find_order, find_upload, operation_name, spool_file, upload_name
from linkage_server.storage.database import Database, now
from linkage_server.storage.files import disk_free_bytes, disk_refusals, fsync_folder, storage_full
from linkage_server.storage.tables import OperationRow, OrderRow, RequestIdRow, SeenEnvelopeRow, UploadRow

MESSAGE_BYTES_MAX = 256 * 1024
# Synced and counted at least so often while a stream runs: what a cut costs to send again.
COMMIT_BYTES = 4 * 2**20
CONTAINER_BYTES_MIN = 2_048
OPEN_POPULATION = "open_population"


@dataclass(frozen=True, slots=True)
class UploadQuotas:
    """What an organisation may send."""

    container_bytes: int = 2**30
    open_uploads: int = 4
    disk_reserve_bytes: int = 256 * 2**20
    unfinished_kept: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class UploadProgress:
    """How far an upload has come."""

    name: str
    bytes_stored: int
    container_bytes: int


@dataclass(frozen=True, slots=True)
class UploadRoom:
    """Where sealed containers arrive.

    Args:
        database: the service's state.
        spool: folder for received bytes.
        quotas: what an organisation may send.
    """

    database: Database
    spool: Path
    quotas: UploadQuotas = field(default_factory=UploadQuotas)

    def start(
        self, *, organisation: str, order: str, upload_id: str, container_bytes: int, sha256: bytes, request_id: str
    ) -> UploadProgress:
        """Announce a container; saying the same again returns the same upload.

        Raises:
            InputRefused: upload id, length or hash are not of the agreed form.
            NotFound: the order is not there or somebody else's.
            StateConflict: the order does not wait for a population.
            Conflict: the upload id was announced for another container.
            EnvelopeFaultFound: the envelope was accepted before.
            QuotaExceeded: too large, or too many uploads at once.
            StorageFull: no room for it.
        """
        _require_announcement(upload_id=upload_id, container_bytes=container_bytes, sha256=sha256)
        if container_bytes > self.quotas.container_bytes:
            largest = self.quotas.container_bytes
            raise QuotaExceeded(
                f"a container may have at most {largest:,} bytes.", mend="Split the population into two orders."
            )
        body = {"order": order, "upload_id": upload_id, "bytes": container_bytes, "sha256": sha256.hex()}
        with self.database.transaction() as session:
            remember_request(session, organisation, method="StartUpload", request_id=request_id, body=body)
            found = find_order(session, order, organisation=organisation)
            query = sa.select(UploadRow).where(UploadRow.order_id == found.order_id, UploadRow.upload_id == upload_id)
            upload = session.scalar(query)
            if upload is None:
                upload = self._new_upload(session, found, upload_id, container_bytes, sha256)
            elif (upload.container_bytes, upload.container_sha256) != (container_bytes, sha256):
                raise Conflict("this upload id was announced for another container.", mend="Seal the population again.")
            return UploadProgress(upload_name(found, upload), upload.bytes_stored, upload.container_bytes)

    def query(self, *, organisation: str, upload: str) -> UploadProgress:
        """How many bytes are safely stored.

        Raises:
            NotFound: no such upload of this organisation.
        """
        with self.database.reading() as session:
            _, found = find_upload(session, upload, organisation=organisation)
            return UploadProgress(upload, found.bytes_stored, found.container_bytes)

    def append(self, *, organisation: str, upload: str, offset: int, data: bytes) -> int:
        """Store one piece and return the bytes stored; for many pieces use `receive`."""
        with self.receive(organisation=organisation, upload=upload) as receiver:
            receiver.write(offset=offset, data=data)
        return receiver.bytes_stored

    def receive(self, *, organisation: str, upload: str) -> Receiver:
        """Open an upload for writing; use it in a `with` statement, whose end syncs and counts what came.

        Raises:
            NotFound: no such upload of this organisation.
            StateConflict: the upload was finalized already.
        """
        with self.database.reading() as session:
            _, found = find_upload(session, upload, organisation=organisation)
        if found.state != "started":
            raise StateConflict("the upload is closed.", mend="Ask for its operation to learn the outcome.")
        return Receiver(self, found)

    def finalize(self, *, organisation: str, upload: str, request_id: str) -> str:
        """Close an upload and return the name of the operation that opens it; repeating it returns the same one.

        Raises:
            NotFound: no such upload of this organisation.
            StateConflict: bytes are missing.
        """
        with self.database.transaction() as session:
            body: dict[str, object] = {"upload": upload}
            remember_request(session, organisation, method="FinalizeUpload", request_id=request_id, body=body)
            order, found = find_upload(session, upload, organisation=organisation)
            name = operation_name(order.order_id, found.upload_id)
            if found.state != "started":
                return name
            if found.bytes_stored != found.container_bytes:
                raise StateConflict(
                    f"{found.container_bytes - found.bytes_stored:,} bytes of the container are missing.",
                    mend="Give linkage submit again: it sends the rest.",
                )
            moment = now(session)
            found.state, found.updated_at = "complete", moment
            session.add(
                OperationRow(
                    name=name,
                    organisation=organisation,
                    kind=OPEN_POPULATION,
                    order_id=order.order_id,
                    created_at=moment,
                    updated_at=moment,
                )
            )
            return name

    def _new_upload(
        self, session: Session, order: OrderRow, upload_id: str, container_bytes: int, sha256: bytes
    ) -> UploadRow:
        seen = sa.select(SeenEnvelopeRow.id).where(
            SeenEnvelopeRow.organisation == order.organisation, SeenEnvelopeRow.upload_id == upload_id
        )
        if session.scalar(seen) is not None:
            raise EnvelopeFaultFound(EnvelopeFault.REPLAYED)
        if order.state != OrderState.AWAITING_POPULATION:
            raise StateConflict("the order does not wait for a population.", mend="Look at it with linkage status.")
        open_uploads = session.scalar(
            sa.select(sa.func.count())
            .select_from(UploadRow)
            .join(OrderRow, OrderRow.order_id == UploadRow.order_id)
            .where(
                OrderRow.organisation == order.organisation,
                OrderRow.state == OrderState.AWAITING_POPULATION.value,
                UploadRow.state.in_(("started", "complete", "opening")),
            )
        )
        if (open_uploads or 0) >= self.quotas.open_uploads:
            raise QuotaExceeded(
                f"{self.quotas.open_uploads} uploads of this organisation are open already.",
                mend="Wait until one of them is done, or cancel its order.",
            )
        if disk_free_bytes(self.spool) < container_bytes + self.quotas.disk_reserve_bytes:
            raise storage_full()
        moment = now(session)
        upload = UploadRow(
            order_id=order.order_id,
            upload_id=upload_id,
            container_bytes=container_bytes,
            container_sha256=sha256,
            bytes_stored=0,
            state="started",
            reason="",
            created_at=moment,
            updated_at=moment,
        )
        session.add(upload)
        session.flush()
        return upload


class Receiver:
    """One connection's writing into an upload."""

    def __init__(self, room: UploadRoom, upload: UploadRow) -> None:
        self._room, self._upload = room, upload
        self._path = spool_file(room.spool, upload)
        self._written = self.bytes_stored = upload.bytes_stored
        # A call that is cut off leaves its last write running in a thread: nothing may close the file under it, for
        # the number of a closed file is soon another file's.
        self._turn = threading.Lock()
        self._descriptor: int | None = None

    def __enter__(self) -> Receiver:
        with disk_refusals():
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Count what came also when the connection was cut: the sender goes on from there."""
        with self._turn:
            if self._descriptor is None:
                return
            try:
                self._commit()
            finally:
                os.close(self._descriptor)
                self._descriptor = None

    def write(self, *, offset: int, data: bytes) -> None:
        """Take the next piece.

        Raises:
            InputRefused: the piece is too large, or goes beyond the announced length.
            StateConflict: it does not begin where the stored bytes end; says where that is.
            StorageFull: no room.
        """
        if len(data) > MESSAGE_BYTES_MAX:
            raise InputRefused(f"a piece may have at most {MESSAGE_BYTES_MAX:,} bytes.", mend="Send smaller pieces.")
        if offset != self._written:
            raise StateConflict(
                f"the next byte to send is number {self._written:,}.",
                mend="Ask for the bytes stored and go on from there.",
                facts={"bytes_stored": str(self._written)},
            )
        if offset + len(data) > self._upload.container_bytes:
            raise InputRefused("the container is longer than announced.", mend="Seal the population again.")
        view = memoryview(data)
        with self._turn:
            if self._descriptor is None:
                raise StateConflict("the connection was closed.", mend="Ask for the bytes stored and go on there.")
            with disk_refusals():
                while view:
                    written = os.pwrite(self._descriptor, view, self._written)
                    self._written += written
                    view = view[written:]
            if self._written - self.bytes_stored >= COMMIT_BYTES:
                self._commit()

    def _commit(self) -> None:
        """Sync what was written, then count it: from here on it is acknowledged.

        Raises:
            StateConflict: another connection of the same upload has gone on.
        """
        if self._written == self.bytes_stored or self._descriptor is None:
            return
        reached, self._written = self._written, self.bytes_stored
        # A failed sync may succeed when it is asked for again, without the bytes: they are not counted then.
        with disk_refusals():
            os.fsync(self._descriptor)
            if self.bytes_stored == 0:
                fsync_folder(self._room.spool)
        self._written = reached
        with self._room.database.transaction() as session:
            counted = session.execute(
                sa.update(UploadRow)
                .where(
                    UploadRow.id == self._upload.id,
                    UploadRow.state == "started",
                    UploadRow.bytes_stored == self.bytes_stored,
                )
                .values(bytes_stored=self._written, updated_at=now(session))
                .returning(UploadRow.id)
            ).first()
        if counted is None:
            raise StateConflict(
                "another connection has gone on with this upload.", mend="Ask for the bytes stored and go on there."
            )
        self.bytes_stored = self._written


def remember_request(
    session: Session, organisation: str, *, method: str, request_id: str, body: dict[str, object]
) -> None:
    """Note a request's id with what it asked. The deeds here are harmless to repeat; an id for two deeds is not.

    Raises:
        InputRefused: it is not a UUID4.
        Conflict: the id was used for another request.
    """
    if not _is_uuid4(request_id):
        raise InputRefused("request_id is not a UUID4.", mend="Send a new UUID4, and the same one when repeating.")
    # One in some millions begins like somebody's number; it is stored, so another one has to do.
    refuse_identity_number(request_id, what="request_id")
    body_sha256 = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    row = session.get(RequestIdRow, (organisation, method, request_id))
    if row is None:
        row = RequestIdRow(
            organisation=organisation,
            method=method,
            request_id=request_id,
            body_sha256=body_sha256,
            response=b"",
            created_at=now(session),
        )
        session.add(row)
    elif row.body_sha256 != body_sha256:
        raise Conflict("this request id was used for another request.", mend="Use a new UUID4 for each new request.")


def _require_announcement(*, upload_id: str, container_bytes: int, sha256: bytes) -> None:
    if not _is_uuid4(upload_id):
        raise InputRefused("upload_id is not a UUID4.", mend="Use the one that sealing gave.")
    refuse_identity_number(upload_id, what="upload_id")
    if container_bytes < CONTAINER_BYTES_MIN or len(sha256) != 32:
        raise InputRefused("the announcement is not one of a sealed container.", mend="Use linkage submit.")


def _is_uuid4(text: str) -> bool:
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        return False
    return parsed.version == 4 and str(parsed) == text
