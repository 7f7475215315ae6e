"""From the first announced byte to a hashed population, on both databases, with every way of going wrong."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from google.protobuf import any_pb2
from google.rpc import status_pb2

from linkage.envelope import SealedPopulation
from linkage.envelope_manifest import EnvelopeFault, EnvelopeFaultFound
from linkage.errors import (
    Conflict,
    EnvelopeRejected,
    InputRefused,
    LinkageError,
    NotFound,
    QuotaExceeded,
    StateConflict,
    StorageFull,
)
from linkage.order_states import OrderState
from linkage.request_id import new_request_id
from linkage.wire import refusals
from linkage.wire.v1 import populations_pb2
from linkage_server.audit.trail import AuditTrail
from linkage_server.demo.test_numbers import read_test_numbers
from linkage_server.intake import opener
from linkage_server.intake import upload as upload_module
from linkage_server.intake.acceptance import AcceptanceDesk, OpeningKeys
from linkage_server.intake.bands import band
from linkage_server.intake.opener import OpenerLimits
from linkage_server.intake.population_store import load_population
from linkage_server.intake.upload import UploadProgress, UploadQuotas, UploadRoom
from linkage_server.storage.database import Database
from linkage_server.storage.order_states import move_order
from linkage_server.storage.tables import (
    OperationRow,
    OrderRow,
    OrganisationRow,
    PopulationRow,
    SeenEnvelopeRow,
    SigningKeyRow,
    UploadRow,
)
from tests.support.databases import Clock
from tests.support.identity_search import IdentitySearch
from tests.support.intake import PEPPER
from tests.support.orders import order_text
from tests.support.sealing import ORDER, ORGANISATION, Sealer, population

SEALER = Sealer()
PIECE = 1_000


@dataclass
class Intake:
    """A service's intake with two organisations, each with an order."""

    database: Database
    clock: Clock
    home: Path
    room: UploadRoom
    desk: AcceptanceDesk

    def seal(self, sealer: Sealer = SEALER, rows: int = 20, **overrides: object) -> SealedPopulation:
        arguments = {"now": self.clock(), "upload_id": new_request_id()} | overrides
        return sealer.seal(self.home / f"{new_request_id()}.sealed", population(rows), **arguments)

    def start(self, sealed: SealedPopulation, **overrides: object) -> UploadProgress:
        arguments: dict[str, object] = {
            "organisation": ORGANISATION,
            "order": ORDER,
            "upload_id": sealed.upload_id,
            "container_bytes": sealed.container_bytes,
            "sha256": sealed.container_sha256,
            "request_id": new_request_id(),
        }
        return self.room.start(**(arguments | overrides))  # type: ignore[arg-type]

    def send(self, sealed: SealedPopulation, **overrides: object) -> str:
        """Everything up to the finalized upload; returns its name."""
        name = self.start(sealed, **overrides).name
        organisation = str(overrides.get("organisation", ORGANISATION))
        content = sealed.path.read_bytes()
        with self.room.receive(organisation=organisation, upload=name) as receiver:
            for offset in range(0, len(content), PIECE):
                receiver.write(offset=offset, data=content[offset : offset + PIECE])
        self.room.finalize(organisation=organisation, upload=name, request_id=new_request_id())
        return name

    def outcome(self, upload: str) -> LinkageError | populations_pb2.PopulationReceipt:
        """What the orderer learns of an upload."""
        operation = self.room.finalize(organisation=ORGANISATION, upload=upload, request_id=new_request_id())
        with self.database.reading() as session:
            row = session.get_one(OperationRow, operation)
        assert row.done
        if row.error is not None:
            return refusals.from_status(status_pb2.Status.FromString(row.error))
        receipt = populations_pb2.PopulationReceipt()
        assert any_pb2.Any.FromString(row.response or b"").Unpack(receipt)
        return receipt

    def order_state(self) -> str:
        with self.database.reading() as session:
            return session.get_one(OrderRow, ORDER.rsplit("/", maxsplit=1)[1]).state

    def fault(self, upload: str) -> str:
        with self.database.reading() as session:
            query = sa.select(UploadRow.reason).where(UploadRow.upload_id == upload.rsplit("/", maxsplit=1)[1])
            return str(session.scalar(query))


@pytest.fixture
def intake(database: Database, clock: Clock, tmp_path: Path) -> Intake:
    home = tmp_path / "home"
    for name in ("spool", "populations"):
        (home / name).mkdir(parents=True)
    with database.transaction() as session:
        for organisation, order in ((ORGANISATION, ORDER), ("riksstroke", "organisations/riksstroke/orders/theirs01")):
            session.add(OrganisationRow(organisation=organisation, title=organisation, created_at=clock()))
            session.flush()
            add_order(session, order, clock)
        session.add(
            SigningKeyRow(
                key_id=SEALER.signing_key.key_id,
                organisation=ORGANISATION,
                public_keys=SEALER.signing_key.public.to_json(),
                added_at=clock(),
            )
        )
    desk = AcceptanceDesk(
        database=database,
        trail=AuditTrail(database),
        home=home,
        spool=home / "spool",
        populations=home / "populations",
        keys=lambda: OpeningKeys((SEALER.recipient,), (PEPPER,)),
        limits=OpenerLimits(wall_seconds=60),
    )
    quotas = UploadQuotas(disk_reserve_bytes=0)
    return Intake(database, clock, home, UploadRoom(database, home / "spool", quotas), desk)


def add_order(session: sa.orm.Session, name: str, clock: Clock) -> None:
    _, organisation, _, order_id = name.split("/")
    session.add(
        OrderRow(
            order_id=order_id,
            organisation=organisation,
            document=order_text(),
            document_sha256="0" * 64,
            title="t",
            purpose="quality assurance",
            state=OrderState.AWAITING_POPULATION.value,
            etag="1",
            reason="",
            policy="standard@1.0.0",
            policy_sha256="0" * 64,
            created_at=clock(),
            updated_at=clock(),
        )
    )


def test_a_population_arrives_and_its_order_moves_on(intake: Intake) -> None:
    upload = intake.send(intake.seal())
    assert intake.desk.open_pending(upload, organisation=ORGANISATION)
    receipt = intake.outcome(upload)
    assert isinstance(receipt, populations_pb2.PopulationReceipt)
    assert (receipt.order, receipt.linkable_band, receipt.not_linkable_band) == (ORDER, "20-49", "0-9")
    assert intake.order_state() == OrderState.AWAITING_APPROVAL
    with intake.database.reading() as session:
        row = session.scalars(sa.select(PopulationRow)).one()
    assert (row.rows, row.linkable, row.strata, row.has_index_date) == (20, 20, {"hospital": 2}, True)
    assert load_population(intake.home / row.file, sha256=row.sha256).population.persons == 20
    assert list((intake.home / "spool").iterdir()) == []
    newest = AuditTrail(intake.database).newest(limit=1)[0]
    # The trail masks twelve digits in a row, which a UUID may end with.
    assert (newest.action, newest.outcome) == ("population accepted", "OK")
    assert newest.subject[:-12] == upload[:-12]


def test_nothing_that_stays_behind_holds_an_identity_number(intake: Intake) -> None:
    refused, accepted = intake.seal(Sealer(recipient=SEALER.recipient), rows=500), intake.seal(rows=500)
    for sealed in (refused, accepted):
        intake.desk.open_pending(intake.send(sealed), organisation=ORGANISATION)
        sealed.path.unlink()
    assert IdentitySearch(read_test_numbers()).in_folder(intake.home.parent) == []


def test_an_upload_resumes_after_a_cut_at_any_byte(intake: Intake) -> None:
    sealed = intake.seal(rows=1)
    content = sealed.path.read_bytes()
    name = intake.start(sealed).name
    cuts = [0, 1, 27, 28, 31, 32, 33, 500, len(content) - 3_400, len(content) - 1, len(content)]
    for start, end in itertools.pairwise(cuts):
        stored = intake.room.query(organisation=ORGANISATION, upload=name).bytes_stored
        assert stored == start
        assert intake.room.append(organisation=ORGANISATION, upload=name, offset=start, data=content[start:end]) == end
    intake.room.finalize(organisation=ORGANISATION, upload=name, request_id=new_request_id())
    assert intake.desk.open_pending(name, organisation=ORGANISATION)


def test_what_came_before_a_cut_is_kept_though_the_connection_broke(intake: Intake) -> None:
    sealed = intake.seal()
    name = intake.start(sealed).name

    def break_off() -> None:
        with intake.room.receive(organisation=ORGANISATION, upload=name) as receiver:
            receiver.write(offset=0, data=sealed.path.read_bytes()[:PIECE])
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        break_off()
    assert intake.room.query(organisation=ORGANISATION, upload=name).bytes_stored == PIECE
    assert intake.start(sealed) == UploadProgress(name, PIECE, sealed.container_bytes)


def test_a_piece_at_another_place_is_refused_and_says_where_to_go_on(intake: Intake) -> None:
    name = intake.start(intake.seal()).name
    intake.room.append(organisation=ORGANISATION, upload=name, offset=0, data=b"x" * 10)
    for offset in (0, 9, 11):
        with pytest.raises(StateConflict, match="number 10") as refusal:
            intake.room.append(organisation=ORGANISATION, upload=name, offset=offset, data=b"y")
        assert refusal.value.facts == {"bytes_stored": "10"}


def test_more_bytes_than_announced_and_too_large_pieces_are_refused(intake: Intake) -> None:
    sealed = intake.seal()
    name = intake.start(sealed).name
    with pytest.raises(InputRefused, match="longer than announced"):
        intake.room.append(organisation=ORGANISATION, upload=name, offset=0, data=bytes(sealed.container_bytes + 1))
    with pytest.raises(InputRefused, match="at most"):
        intake.room.append(organisation=ORGANISATION, upload=name, offset=0, data=bytes(256 * 1024 + 1))


def test_two_connections_of_one_upload_cannot_both_count(intake: Intake) -> None:
    sealed = intake.seal()
    name = intake.start(sealed).name
    content = sealed.path.read_bytes()
    first = intake.room.receive(organisation=ORGANISATION, upload=name).__enter__()
    first.write(offset=0, data=content[:10])
    assert intake.room.append(organisation=ORGANISATION, upload=name, offset=0, data=content[:20]) == 20
    with pytest.raises(StateConflict, match="another connection"):
        first.__exit__(None, None, None)
    assert intake.room.query(organisation=ORGANISATION, upload=name).bytes_stored == 20


def test_bytes_count_only_once_they_are_synced(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = intake.seal()
    name = intake.start(sealed).name
    synced: list[int] = []
    real = os.fsync

    def watching(descriptor: int) -> None:
        synced.append(intake.room.query(organisation=ORGANISATION, upload=name).bytes_stored)
        real(descriptor)

    monkeypatch.setattr(upload_module.os, "fsync", watching)
    intake.room.append(organisation=ORGANISATION, upload=name, offset=0, data=b"x")
    assert set(synced) == {0}


KILLED = """
import sys
sys.path[:0] = sys.argv[4:]
from pathlib import Path
from linkage_server.intake.upload import UploadRoom
from linkage_server.storage.database import Database
room = UploadRoom(Database(sys.argv[1]), Path(sys.argv[2]))
stored = 0
while True:
    stored = room.append(organisation="swedeheart", upload=sys.argv[3], offset=stored, data=bytes([stored % 251]) * 7)
    print(stored, flush=True)
"""


def test_what_was_acknowledged_survives_kill_9(intake: Intake, database_url: str) -> None:
    sealed = intake.seal(rows=20)
    name = intake.start(sealed).name
    arguments = [database_url, str(intake.room.spool), name, *opener._import_roots()]
    with subprocess.Popen([sys.executable, "-c", KILLED, *arguments], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        acknowledged = [int(child.stdout.readline()) for _ in range(5)][-1]
        child.kill()
    stored = intake.room.query(organisation=ORGANISATION, upload=name).bytes_stored
    assert stored >= acknowledged == 35
    (spooled,) = intake.room.spool.iterdir()
    assert spooled.read_bytes()[:stored] == b"".join(bytes([start % 251]) * 7 for start in range(0, stored, 7))


def test_a_disk_that_fills_up_is_told_and_nothing_is_lost(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    sealed = intake.seal()
    name = intake.start(sealed).name
    intake.room.append(organisation=ORGANISATION, upload=name, offset=0, data=b"x" * 10)

    def no_room(*_: object) -> int:
        raise OSError(errno.ENOSPC, "secret path")

    monkeypatch.setattr(upload_module.os, "pwrite", no_room)
    with pytest.raises(StorageFull) as refusal:
        intake.room.append(organisation=ORGANISATION, upload=name, offset=10, data=b"y")
    assert "secret" not in str(refusal.value)
    assert intake.room.query(organisation=ORGANISATION, upload=name).bytes_stored == 10


def test_an_upload_that_the_disk_has_no_room_for_is_not_started(intake: Intake) -> None:
    room = replace(intake.room, quotas=UploadQuotas(disk_reserve_bytes=2**60))
    with pytest.raises(StorageFull):
        replace(intake, room=room).start(intake.seal())


def test_quotas_hold(intake: Intake) -> None:
    sealed = intake.seal()
    small = replace(intake, room=replace(intake.room, quotas=UploadQuotas(container_bytes=sealed.container_bytes - 1)))
    with pytest.raises(QuotaExceeded, match="at most"):
        small.start(sealed)
    few = replace(intake, room=replace(intake.room, quotas=UploadQuotas(open_uploads=1, disk_reserve_bytes=0)))
    few.start(sealed)
    with pytest.raises(QuotaExceeded, match="open already"):
        few.start(intake.seal())


def test_saying_the_same_twice_is_harmless_and_something_else_is_refused(intake: Intake) -> None:
    sealed = intake.seal()
    request_id = new_request_id()
    assert intake.start(sealed, request_id=request_id) == intake.start(sealed, request_id=request_id)
    with pytest.raises(Conflict, match="another request"):
        intake.start(intake.seal(), request_id=request_id)
    with pytest.raises(Conflict, match="another container"):
        intake.start(sealed, sha256=bytes(32))
    with pytest.raises(InputRefused, match="request_id"):
        intake.start(sealed, request_id="1")


@pytest.mark.parametrize(
    "wrong", [{"upload_id": "1"}, {"container_bytes": 0}, {"container_bytes": 100}, {"sha256": b"short"}]
)
def test_an_announcement_of_no_sealed_container_is_refused(intake: Intake, wrong: dict[str, object]) -> None:
    with pytest.raises(InputRefused):
        intake.start(intake.seal(), **wrong)


def test_somebody_elses_order_and_upload_are_not_there(intake: Intake) -> None:
    sealed = intake.seal()
    name = intake.start(sealed).name
    actions: list[Callable[[], object]] = [
        lambda: intake.start(sealed, organisation="riksstroke"),
        lambda: intake.room.query(organisation="riksstroke", upload=name),
        lambda: intake.room.append(organisation="riksstroke", upload=name, offset=0, data=b"x"),
        lambda: intake.room.finalize(organisation="riksstroke", upload=name, request_id=new_request_id()),
        lambda: intake.room.query(organisation=ORGANISATION, upload=ORDER),
        lambda: intake.room.query(organisation=ORGANISATION, upload="../../etc/passwd"),
        lambda: intake.start(sealed, order=ORDER + "x"),
    ]
    for action in actions:
        with pytest.raises(NotFound):
            action()


def test_an_unfinished_upload_cannot_be_finalized(intake: Intake) -> None:
    name = intake.start(intake.seal()).name
    with pytest.raises(StateConflict, match="missing"):
        intake.room.finalize(organisation=ORGANISATION, upload=name, request_id=new_request_id())


def test_a_closed_upload_takes_no_more_bytes(intake: Intake) -> None:
    name = intake.send(intake.seal())
    with pytest.raises(StateConflict, match="closed"):
        intake.room.append(organisation=ORGANISATION, upload=name, offset=0, data=b"x")


def flipped(sealed: SealedPopulation) -> None:
    content = bytearray(sealed.path.read_bytes())
    content[5_000] ^= 1
    sealed.path.write_bytes(content)


def test_bytes_that_are_not_the_announced_ones_are_refused(intake: Intake) -> None:
    sealed = intake.seal()
    flipped(sealed)
    upload = intake.send(sealed)
    assert not intake.desk.open_pending(upload, organisation=ORGANISATION)
    assert intake.fault(upload) == EnvelopeFault.LENGTHS_DISAGREE


def test_every_refusal_reads_the_same_outside_and_leaves_the_order_waiting(intake: Intake) -> None:
    stranger = Sealer(recipient=SEALER.recipient)
    causes = {
        EnvelopeFault.UNKNOWN_KEY: intake.seal(stranger),
        EnvelopeFault.WRONG_ORDER: intake.seal(order="organisations/swedeheart/orders/another1"),
        EnvelopeFault.WRONG_ORGANISATION: intake.seal(
            order="organisations/riksstroke/orders/theirs01", organisation="riksstroke"
        ),
        EnvelopeFault.EXPIRED: intake.seal(now=intake.clock() - timedelta(days=8)),
    }
    outside = set()
    for fault, sealed in causes.items():
        upload = intake.send(sealed)
        assert not intake.desk.open_pending(upload, organisation=ORGANISATION)
        assert intake.fault(upload) == fault
        refusal = intake.outcome(upload)
        assert type(refusal) is EnvelopeRejected
        outside.add((str(refusal), tuple(refusal.facts.items())))
    assert len(outside) == 1
    assert intake.order_state() == OrderState.AWAITING_POPULATION
    assert list((intake.home / "populations").iterdir()) == list((intake.home / "spool").iterdir()) == []


def test_a_replayed_envelope_is_refused_like_any_other(intake: Intake) -> None:
    sealed = intake.seal()
    assert intake.desk.open_pending(intake.send(sealed), organisation=ORGANISATION)
    with intake.database.transaction() as session:
        add_order(session, "organisations/swedeheart/orders/another1", intake.clock)
    with pytest.raises(EnvelopeFaultFound) as refusal:
        intake.start(sealed, order="organisations/swedeheart/orders/another1")
    assert refusal.value.fault is EnvelopeFault.REPLAYED
    assert str(refusal.value) == str(EnvelopeFaultFound(EnvelopeFault.CHUNK))


def test_an_envelope_seen_between_start_and_acceptance_is_refused(intake: Intake) -> None:
    sealed = intake.seal()
    upload = intake.send(sealed)
    with intake.database.transaction() as session:
        session.add(
            SeenEnvelopeRow(
                organisation=ORGANISATION,
                upload_id=sealed.upload_id,
                order_id=ORDER.rsplit("/", maxsplit=1)[1],
                manifest_sha256="0" * 64,
                seen_at=intake.clock(),
            )
        )
    assert not intake.desk.open_pending(upload, organisation=ORGANISATION)
    assert intake.fault(upload) == EnvelopeFault.REPLAYED
    assert type(intake.outcome(upload)) is EnvelopeRejected


def test_a_second_population_for_an_order_that_has_one_is_refused(intake: Intake) -> None:
    first, second = intake.send(intake.seal()), intake.send(intake.seal())
    assert intake.desk.open_pending(first, organisation=ORGANISATION)
    assert not intake.desk.open_pending(second, organisation=ORGANISATION)
    assert intake.order_state() == OrderState.AWAITING_APPROVAL
    with intake.database.reading() as session:
        assert session.scalars(sa.select(PopulationRow.upload_id)).one() == first.rsplit("/", maxsplit=1)[1]
    with pytest.raises(StateConflict, match="does not wait"):
        intake.start(intake.seal())


def test_an_order_cancelled_meanwhile_takes_no_population(intake: Intake) -> None:
    upload = intake.send(intake.seal())
    with intake.database.transaction() as session:
        move_order(
            session,
            order_id=ORDER.rsplit("/", maxsplit=1)[1],
            to=OrderState.CANCELLED,
            by="orderer",
            reason="",
            expected_etag=None,
        )
    assert not intake.desk.open_pending(upload, organisation=ORGANISATION)
    assert isinstance(intake.outcome(upload), StateConflict)
    assert list((intake.home / "populations").iterdir()) == []


def test_opening_twice_decides_once(intake: Intake) -> None:
    upload = intake.send(intake.seal())
    assert intake.desk.open_pending(upload, organisation=ORGANISATION)
    assert intake.desk.open_pending(upload, organisation=ORGANISATION)
    with intake.database.reading() as session:
        assert len(session.scalars(sa.select(SeenEnvelopeRow)).all()) == 1


def test_a_full_disk_decides_nothing_and_the_upload_is_opened_later(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from linkage_server.intake import acceptance
    from linkage_server.storage.files import storage_full

    upload = intake.send(intake.seal())

    def no_room(*_: object, **__: object) -> None:
        raise storage_full()

    with monkeypatch.context() as patched:
        patched.setattr(acceptance, "open_in_a_process", no_room)
        with pytest.raises(StorageFull):
            intake.desk.open_pending(upload, organisation=ORGANISATION)
    assert intake.desk.recover(quotas=intake.room.quotas) == [(ORGANISATION, upload)]
    assert intake.desk.open_pending(upload, organisation=ORGANISATION)


def test_recovery_finds_what_waits_and_clears_what_nobody_speaks_of(intake: Intake) -> None:
    waiting = intake.send(intake.seal())
    started = intake.start(intake.seal())
    intake.room.append(organisation=ORGANISATION, upload=started.name, offset=0, data=b"x")
    (intake.home / "spool" / "upload-999.sealed").write_bytes(b"orphan")
    (intake.home / "populations" / "population-999.arrow").write_bytes(b"orphan")
    assert intake.desk.recover(quotas=intake.room.quotas) == [(ORGANISATION, waiting)]
    assert len(list((intake.home / "spool").iterdir())) == 2
    assert list((intake.home / "populations").iterdir()) == []
    intake.clock.advance(timedelta(days=8))
    intake.desk.recover(quotas=intake.room.quotas)
    assert len(list((intake.home / "spool").iterdir())) == 1
    with pytest.raises(StateConflict, match="closed"):
        intake.room.append(organisation=ORGANISATION, upload=started.name, offset=1, data=b"x")


def test_bands_hide_one_person_more_or_less() -> None:
    assert [band(rows) for rows in (0, 9, 10, 19, 20, 99, 100, 1_999, 2_000, 123_456)] == [
        "0-9",
        "0-9",
        "10-19",
        "10-19",
        "20-49",
        "50-99",
        "100-199",
        "1,000-1,999",
        "2,000-4,999",
        "100,000-199,999",
    ]
