"""Decides on what was uploaded: opens it in a process of its own, and either accepts it once or refuses it.

Accepting is one transaction: the envelope is marked as seen, the population recorded, the order moved on, the operation
answered and the audit written, all of it or none. Being killed at any point leaves an upload that is opened again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from google.protobuf import any_pb2
from sqlalchemy.orm import Session

from linkage.envelope_keys import RecipientKeyPair
from linkage.envelope_manifest import Column, EnvelopeFault, EnvelopeFaultFound
from linkage.envelope_payload import IDENTITY_COLUMN, INDEX_DATE_COLUMN
from linkage.errors import Conflict, LinkageError, StateConflict
from linkage.order import OrderState, load_order
from linkage.order_states import order_name
from linkage.wire import refusals
from linkage.wire.v1 import envelope_pb2, populations_pb2
from linkage_core.pseudonyms import Pepper
from linkage_server.access.organisations import trusted_signing_keys
from linkage_server.audit.trail import AuditTrail
from linkage_server.intake.bands import band
from linkage_server.intake.opener import OpenedFacts, OpenerLimits, open_in_a_process
from linkage_server.intake.opening_task import OpeningTask
from linkage_server.intake.upload import UploadQuotas
from linkage_server.intake.upload_names import find_upload, operation_name, spool_file, upload_name
from linkage_server.operations import logs
from linkage_server.storage.database import Database, now
from linkage_server.storage.files import disk_refusals, fsync_folder
from linkage_server.storage.order_states import move_order
from linkage_server.storage.tables import (
    OperationRow,
    OrderRow,
    PopulationRow,
    SeenEnvelopeRow,
    UploadRow,
)


@dataclass(frozen=True, slots=True, repr=False)
class OpeningKeys:
    """The register holder's secrets that opening needs, as the key ring holds them now."""

    recipients: tuple[RecipientKeyPair, ...]
    # Every version from the first on: ids are hashed through the chain to the newest.
    peppers: tuple[Pepper, ...]


@dataclass(frozen=True, slots=True)
class AcceptanceDesk:
    """Where uploads are opened.

    Args:
        database: the service's state.
        trail: where acceptances and refusals are recorded.
        home: the folder that the names of population files are relative to.
        spool: folder of received containers.
        populations: folder of hashed populations.
        keys: gives the keys of this moment.
        limits: what one opening may use.
        rows_max: more rows than this are refused.
    """

    database: Database
    trail: AuditTrail
    home: Path
    spool: Path
    populations: Path
    keys: Callable[[], OpeningKeys]
    limits: OpenerLimits = field(default_factory=OpenerLimits)
    rows_max: int = 10_000_000

    def open_pending(self, upload: str, *, organisation: str) -> bool:
        """Open a complete upload; returns whether it was accepted. The orderer learns it from the operation.

        Raises:
            NotFound: no such upload.
            StorageFull, ServiceUnavailable: nothing was decided; call it again.
        """
        with self.database.transaction() as session:
            order, found = find_upload(session, upload, organisation=organisation)
            if found.state not in ("complete", "opening"):
                return found.state == "accepted"
            # Behind all others: an upload that cannot be decided on now keeps nobody waiting.
            found.state, found.updated_at = "opening", now(session)
            task = self._task(session, order, found)
        output = self.populations / f"population-{found.id}.arrow"
        try:
            facts, sha256 = self._open(found, output, task)
            self._accept(order, found, output, facts, sha256)
            _log(order, found, outcome="accepted")
        except (EnvelopeFaultFound, StateConflict) as refusal:
            output.unlink(missing_ok=True)
            self._refuse(order, found, refusal)
            _log(order, found, outcome=_fault(refusal))
            return False
        finally:
            if self._is_decided(found):
                spool_file(self.spool, found).unlink(missing_ok=True)
        return True

    def recover(self, *, quotas: UploadQuotas) -> list[tuple[str, str]]:
        """Tidy up after an end that nobody planned; returns (organisation, upload) of all that wait to be opened.

        Uploads that nobody went on with for long are given up, and files that no row speaks of are taken away.
        """
        waiting = []
        with self.database.transaction() as session:
            oldest = now(session) - quotas.unfinished_kept
            session.execute(
                sa.update(UploadRow)
                .where(UploadRow.state == "started", UploadRow.updated_at < oldest)
                .values(state="refused", reason="given up")
            )
            query = sa.select(UploadRow, OrderRow).join(OrderRow, OrderRow.order_id == UploadRow.order_id)
            kept: set[Path] = {self.home / file for file in session.scalars(sa.select(PopulationRow.file))}
            for upload, order in session.execute(query.where(UploadRow.state.in_(("started", "complete", "opening")))):
                kept.add(spool_file(self.spool, upload))
                if upload.state != "started":
                    waiting.append((order.organisation, upload_name(order, upload)))
        for path in (*self.spool.glob("upload-*.sealed"), *self.populations.glob("population-*.arrow")):
            if path not in kept:
                path.unlink(missing_ok=True)
        return waiting

    def _task(self, session: Session, order: OrderRow, upload: UploadRow) -> OpeningTask:
        document = load_order(order.document, ordered_on=order.created_at.date())
        keys = self.keys()
        columns = [Column(IDENTITY_COLUMN, int(envelope_pb2.COLUMN_TYPE_IDENTITY))]
        if document.population.index_date:
            columns.append(Column(INDEX_DATE_COLUMN, int(envelope_pb2.COLUMN_TYPE_DATE)))
        columns += [Column(name, int(envelope_pb2.COLUMN_TYPE_STRATUM)) for name in document.population.strata]
        return OpeningTask(
            recipients=keys.recipients,
            signing_keys=tuple(trusted_signing_keys(session, order.organisation).values()),
            peppers=keys.peppers,
            order=order_name(order.organisation, order.order_id),
            organisation=order.organisation,
            upload_id=upload.upload_id,
            columns=tuple(columns),
            reference_date=document.population.reference_date,
            now=now(session),
            rows_max=self.rows_max,
        )

    def _open(self, upload: UploadRow, output: Path, task: OpeningTask) -> tuple[OpenedFacts, str]:
        container = spool_file(self.spool, upload)
        if not container.is_file() or bytes.fromhex(_sha256_of(container)) != upload.container_sha256:
            raise EnvelopeFaultFound(EnvelopeFault.LENGTHS_DISAGREE)
        # Left behind by a process that was killed: its content was never recorded.
        output.unlink(missing_ok=True)
        facts = open_in_a_process(container, output, task, limits=self.limits)
        with disk_refusals(), output.open("rb+") as written:
            os.fsync(written.fileno())
        fsync_folder(self.populations)
        return facts, _sha256_of(output)

    def _accept(self, order: OrderRow, upload: UploadRow, output: Path, facts: OpenedFacts, sha256: str) -> None:
        receipt = populations_pb2.PopulationReceipt(
            order=order_name(order.organisation, order.order_id),
            upload_id=upload.upload_id,
            manifest_sha256=bytes.fromhex(facts.manifest_sha256),
            linkable_band=band(facts.linkable),
            not_linkable_band=band(sum(facts.not_linkable.values())),
        )
        try:
            with self.database.transaction() as session:
                moment = now(session)
                session.add(
                    SeenEnvelopeRow(
                        organisation=order.organisation,
                        upload_id=upload.upload_id,
                        order_id=order.order_id,
                        manifest_sha256=facts.manifest_sha256,
                        seen_at=moment,
                    )
                )
                session.flush()
                session.add(
                    PopulationRow(
                        order_id=order.order_id,
                        upload_id=upload.upload_id,
                        file=output.relative_to(self.home).as_posix(),
                        sha256=sha256,
                        rows=facts.rows,
                        linkable=facts.linkable,
                        not_linkable=facts.not_linkable,
                        strata=facts.strata,
                        reference_date=facts.reference_date,
                        has_index_date=facts.has_index_date,
                        pepper_version=facts.pepper_version,
                        manifest_sha256=facts.manifest_sha256,
                        accepted_at=moment,
                    )
                )
                move_order(
                    session,
                    order_id=order.order_id,
                    to=OrderState.AWAITING_APPROVAL,
                    by="service",
                    reason="The population was accepted.",
                    expected_etag=None,
                )
                self._answer(session, order, upload, state="accepted", reason="", receipt=receipt)
        except Conflict as refusal:
            # StateConflict is a Conflict of its own: the order has moved on meanwhile.
            if isinstance(refusal, StateConflict):
                raise
            raise EnvelopeFaultFound(EnvelopeFault.REPLAYED) from None

    def _refuse(self, order: OrderRow, upload: UploadRow, refusal: LinkageError) -> None:
        with self.database.transaction() as session:
            self._answer(session, order, upload, state="refused", reason=_fault(refusal), refusal=refusal)

    def _answer(
        self,
        session: Session,
        order: OrderRow,
        upload: UploadRow,
        *,
        state: str,
        reason: str,
        receipt: populations_pb2.PopulationReceipt | None = None,
        refusal: LinkageError | None = None,
    ) -> None:
        """Close the upload and its operation, and write the audit; the fault's name stays inside the house."""
        moment = now(session)
        session.execute(
            sa.update(UploadRow).where(UploadRow.id == upload.id).values(state=state, reason=reason, updated_at=moment)
        )
        operation = session.get(OperationRow, operation_name(order.order_id, upload.upload_id))
        if operation is not None:
            operation.done, operation.updated_at = True, moment
            if receipt is not None:
                packed = any_pb2.Any()
                packed.Pack(receipt)
                operation.response = packed.SerializeToString()
            if refusal is not None:
                operation.error = refusals.to_status(refusal, error_id="").SerializeToString()
        self.trail.record(
            session,
            actor="intake",
            role="service",
            action=f"population {state}",
            subject=upload_name(order, upload),
            outcome=reason or "OK",
        )

    def _is_decided(self, upload: UploadRow) -> bool:
        with contextlib.suppress(LinkageError), self.database.reading() as session:
            state = session.scalar(sa.select(UploadRow.state).where(UploadRow.id == upload.id))
            return state in ("accepted", "refused")
        return False


def _fault(refusal: LinkageError) -> str:
    return refusal.fault.value if isinstance(refusal, EnvelopeFaultFound) else refusal.reason.lower()


def _log(order: OrderRow, upload: UploadRow, *, outcome: str) -> None:
    name = order_name(order.organisation, order.order_id)
    logs.log_event("upload_finished", order=name, outcome=outcome, container_bytes=upload.container_bytes)


def _sha256_of(path: Path) -> str:
    with disk_refusals(), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
