"""What the database and the files promise, on SQLite and on PostgreSQL."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from linkage.errors import Conflict, ServiceUnavailable, StorageFull
from linkage_server.storage.base import Base
from linkage_server.storage.database import Database, now
from linkage_server.storage.files import publish_folder, write_atomically
from linkage_server.storage.numbers import count_service
from linkage_server.storage.tables import AuditEntryRow, OrganisationRow
from tests.support.databases import Clock

SECRET = "a text that no refusal may repeat"


def add_organisation(database: Database, name: str) -> None:
    with database.transaction() as session:
        session.add(OrganisationRow(organisation=name, title=SECRET, created_at=now(session)))


def organisations(database: Database) -> set[str]:
    with database.reading() as session:
        return set(session.scalars(sa.select(OrganisationRow.organisation)))


def test_the_migrations_make_exactly_the_tables_that_the_code_knows(database_url: str) -> None:
    database = Database(database_url)
    assert not database.is_migrated()
    database.migrate()
    assert database.is_migrated()
    engine = sa.create_engine(database.url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()
    database.close()


def test_migrating_again_changes_nothing(database: Database) -> None:
    add_organisation(database, "one")
    database.migrate()
    assert organisations(database) == {"one"}


def test_a_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    with database.transaction() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    assert not database.is_migrated()
    with pytest.raises(ServiceUnavailable, match="9999"):
        database.migrate()


def test_a_moment_keeps_its_zone_and_its_microsecond(database: Database, clock: Clock) -> None:
    clock.moment = datetime(2026, 3, 29, 1, 30, 0, 123455, tzinfo=UTC)
    add_organisation(database, "one")
    with database.reading() as session:
        assert session.get_one(OrganisationRow, "one").created_at == clock.moment


def test_a_moment_without_a_zone_is_a_bug(database: Database) -> None:
    with pytest.raises(sa.exc.StatementError), database.transaction() as session:
        session.add(OrganisationRow(organisation="one", title="", created_at=datetime(2026, 1, 1)))
        session.flush()


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        session.add(OrganisationRow(organisation="one", title="", created_at=now(session)))
        session.flush()
        _ = 1 / 0
    assert organisations(database) == set()


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises((ServiceUnavailable, Conflict)), database.reading() as session:
        session.add(OrganisationRow(organisation="one", title="", created_at=now(session)))
        session.flush()
    assert organisations(database) == set()
    add_organisation(database, "two")
    assert organisations(database) == {"two"}


def test_the_same_row_twice_is_a_conflict_that_repeats_no_value(database: Database) -> None:
    add_organisation(database, "one")
    with pytest.raises(Conflict) as caught:
        add_organisation(database, "one")
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_writers_take_turns_and_none_is_lost(database: Database) -> None:
    """Each reads the count and writes it plus one: without turns, some would write the same."""

    def write(writer: int) -> None:
        for _ in range(10):
            with database.transaction() as session:
                rows = session.scalars(sa.select(sa.func.count()).select_from(OrganisationRow)).one()
                session.add(OrganisationRow(organisation=f"n{rows}", title=str(writer), created_at=now(session)))

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert organisations(database) == {f"n{number}" for number in range(40)}


def test_a_reader_never_waits_for_a_writer_and_sees_no_half(database: Database) -> None:
    add_organisation(database, "one")
    with database.transaction() as session:
        session.add(OrganisationRow(organisation="two", title="", created_at=now(session)))
        session.flush()
        assert organisations(database) == {"one"}
    assert organisations(database) == {"one", "two"}


def test_a_writer_whose_turn_does_not_come_is_refused_and_may_try_again(database_url: str) -> None:
    patient, impatient = Database(database_url), Database(database_url, busy_timeout_seconds=0.05)
    patient.migrate()
    with patient.transaction(), pytest.raises(ServiceUnavailable, match="another writer"):
        add_organisation(impatient, "one")
    add_organisation(impatient, "one")
    assert organisations(patient) == {"one"}
    patient.close()
    impatient.close()


@pytest.mark.parametrize("deed", ["UPDATE audit_entries SET outcome = 'x'", "DELETE FROM audit_entries"])
def test_the_database_itself_refuses_to_change_what_was_audited(database: Database, deed: str) -> None:
    fields = dict.fromkeys(("actor", "role", "action", "subject", "outcome", "previous_hash", "hash"), "x")
    with database.transaction() as session:
        session.add(AuditEntryRow(seq=1, at=now(session), **fields))
    with pytest.raises(Conflict), database.transaction() as session:
        session.execute(sa.text(deed))


def test_a_commit_is_on_the_disk_when_it_is_acknowledged(database: Database) -> None:
    if not database.is_sqlite:
        with database.transaction() as session:
            assert session.scalar(sa.text("SHOW synchronous_commit")) == "on"
            assert session.scalar(sa.text("SHOW fsync")) == "on"
        return
    with database.transaction() as session:
        assert session.scalar(sa.text("PRAGMA journal_mode")) == "wal"
        assert session.scalar(sa.text("PRAGMA synchronous")) == 2  # FULL
        assert session.scalar(sa.text("PRAGMA foreign_keys")) == 1


def test_only_its_owner_can_read_the_embedded_database(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/database.sqlite")
    database.migrate()
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file.name
    database.close()


def test_numbers_of_an_empty_service_name_every_state(database: Database) -> None:
    with database.reading() as session:
        numbers = count_service(session)
    assert set(numbers.orders_by_state.values()) == {0}
    assert len(numbers.orders_by_state) == 11
    assert (numbers.uploads_open, numbers.runs_active) == (0, 0)


def test_a_full_disk_refuses_writers_and_lets_readers_read(tmp_path: Path, clock: Clock) -> None:
    database = Database(f"sqlite:///{tmp_path}/database.sqlite", clock=clock)
    database.migrate()
    add_organisation(database, "before")

    # SQLite meets this limit as it meets a full disk: SQLITE_FULL in the middle of a transaction.
    def fill(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")

    database.close()
    sa.event.listen(database._writing, "connect", fill)
    with pytest.raises(StorageFull, match="nothing was changed"), database.transaction() as session:
        for number in range(2000):
            session.add(OrganisationRow(organisation=f"o{number}", title="x" * 200, created_at=now(session)))
        session.flush()
    assert organisations(database) == {"before"}
    sa.event.remove(database._writing, "connect", fill)
    database.close()
    add_organisation(database, "after")
    assert organisations(database) == {"before", "after"}
    database.close()


def test_a_full_disk_of_postgresql_is_the_same_refusal(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageFull), database.transaction():
        raise sa.exc.OperationalError("INSERT", {}, psycopg.errors.DiskFull(SECRET))


def test_a_database_that_is_away_is_refused_without_its_address() -> None:
    database = Database("postgresql://nobody:hush@127.0.0.1:1/none?connect_timeout=2")
    with pytest.raises(ServiceUnavailable, match="does not answer") as caught:
        organisations(database)
    assert "hush" not in str(caught.value)
    database.close()


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_atomically(target, b"first")

    def stop_half_way(file: BinaryIO) -> None:
        file.write(b"second")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        write_atomically(target, stop_half_way)
    assert target.read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("code", "refusal"),
    [(errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EIO, ServiceUnavailable)],
)
@pytest.mark.parametrize("call", ["fsync", "open"])
def test_a_disk_that_refuses_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, refusal: type[Exception], call: str
) -> None:
    target = tmp_path / "file"
    write_atomically(target, b"first")

    def refuse(*_: object, **__: object) -> int:
        raise OSError(code, SECRET)

    with monkeypatch.context() as patched:
        patched.setattr(os, call, refuse)
        with pytest.raises(refusal) as caught:
            write_atomically(target, b"second")
    assert SECRET not in str(caught.value)
    assert target.read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of one MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.name != "posix" or os.geteuid() != 0 or os.system(f"mount -t tmpfs -o size=1m tmpfs {folder} 2>/dev/null"):
        pytest.skip("only root, where it may mount a small file system, can fill a real disk")
    yield folder
    os.system(f"umount {folder}")


def test_a_really_full_disk_is_told_and_works_again_when_there_is_room(small_disk: Path, clock: Clock) -> None:
    database = Database(f"sqlite:///{small_disk}/database.sqlite", clock=clock)
    database.migrate()
    add_organisation(database, "before")
    filling = small_disk / "filling"
    with pytest.raises(StorageFull):
        write_atomically(filling, b"x" * (2 << 20))
    assert not filling.exists()
    with filling.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(b"x" * 4096)
    with pytest.raises(StorageFull), database.transaction() as session:
        for number in range(2000):
            session.add(OrganisationRow(organisation=f"o{number}", title="x" * 200, created_at=now(session)))
    assert organisations(database) == {"before"}
    filling.unlink()
    add_organisation(database, "after")
    assert organisations(database) == {"before", "after"}
    database.close()


def test_a_folder_is_published_whole_and_never_over_another(tmp_path: Path) -> None:
    prepared = tmp_path / "prepared"
    (prepared / "inner").mkdir(parents=True)
    (prepared / "inner" / "file").write_bytes(b"x")
    publish_folder(prepared, tmp_path / "final")
    assert (tmp_path / "final" / "inner" / "file").read_bytes() == b"x"
    (tmp_path / "again").mkdir()
    with pytest.raises(Conflict):
        publish_folder(tmp_path / "again", tmp_path / "final")
