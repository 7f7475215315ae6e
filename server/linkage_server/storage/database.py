"""One database, two kinds: SQLite in the home folder, or PostgreSQL.

Writers take turns on both: SQLite begins with BEGIN IMMEDIATE, PostgreSQL takes one advisory lock for the length of the
transaction. A transaction therefore never has to be repeated, what it read is still true when it commits, and the same
code is right on both (docs/decisions/state-and-storage.md). Readers never wait.

A commit is on the disk when `transaction` returns: SQLite runs with WAL and synchronous FULL, PostgreSQL with
synchronous_commit on. Only then may a caller acknowledge anything.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from linkage.errors import Conflict, LinkageError, ServiceUnavailable
from linkage_server.storage.files import file_size_is_limited, no_room_to_open, storage_full
from linkage_server.storage.migrate import is_migrated, migrate

Clock = Callable[[], datetime]

# Any fixed number that nobody else uses in the same PostgreSQL database.
_WRITERS_TURN = 0x4C494E4B414745  # "LINKAGE"


def utc_now() -> datetime:
    """The real clock."""
    return datetime.now(UTC)


class Database:
    """The service's state.

    Args:
        url: `sqlite:///absolute/path` or `postgresql://user@host/name`.
        busy_timeout_seconds: how long a writer waits for its turn before it is refused.
        clock: what time it is; tests bring their own.
    """

    def __init__(self, url: str, *, busy_timeout_seconds: float = 30.0, clock: Clock = utc_now) -> None:
        self.url = _with_driver(sa.make_url(url))
        self.clock = clock
        self._busy_milliseconds = int(busy_timeout_seconds * 1000)
        if self.is_sqlite:
            _create_private(self.url.database)
        # A foreign error shows the statement's parameters unless told not to: a value must not reach a log that way.
        self._writing = sa.create_engine(self.url, hide_parameters=True, pool_pre_ping=not self.is_sqlite)
        self._reading = self._writing.execution_options(reading=True)
        sa.event.listen(self._writing, "connect", self._on_connect)
        sa.event.listen(self._writing, "begin", self._on_begin)

    @property
    def _file(self) -> str:
        """Where the state lies, if it is one file."""
        return (self.url.database or "") if self.is_sqlite else ""

    @property
    def is_sqlite(self) -> bool:
        """Whether the state lies in one file of the home folder."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A writer's turn: all of it is on the disk at the end, or none of it.

        Raises:
            StorageFull: no room; nothing was changed.
            ServiceUnavailable: the database did not answer or the turn did not come; nothing was changed.
            Conflict: two rows that must differ would not.
        """
        with self._session(self._writing) as session, session.begin():
            # The turn begins here, not at the first statement.
            session.connection()
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A steady view of the state, which cannot be written to."""
        with self._session(self._reading) as session, session.begin():
            yield session

    def migrate(self) -> None:
        """Bring the tables to the form this version of the software knows; does nothing where they have it."""
        with _refusals(self._file), self._writing.begin() as connection:
            migrate(connection)

    def is_migrated(self) -> bool:
        """Whether the tables have the form this version of the software knows."""
        with _refusals(self._file), self._reading.begin() as connection:
            return is_migrated(connection)

    def close(self) -> None:
        """Give all connections back."""
        self._writing.dispose()

    @contextmanager
    def _session(self, engine: sa.Engine) -> Iterator[Session]:
        with _refusals(self._file), Session(engine, expire_on_commit=False, info={"clock": self.clock}) as session:
            yield session

    # Any: the driver's own connection, of another type for each database.
    def _on_connect(self, connection: Any, _record: object) -> None:
        if not self.is_sqlite:
            return
        # The driver's own idea of when a transaction begins is switched off: _on_begin says it.
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout = {self._busy_milliseconds}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "trusted_schema = OFF",
        ):
            connection.execute(f"PRAGMA {pragma}")

    def _on_begin(self, connection: sa.Connection) -> None:
        reading = bool(connection.get_execution_options().get("reading"))
        if self.is_sqlite:
            connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if reading else 'OFF'}")
            connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
        elif reading:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        else:
            # READ COMMITTED on purpose: each statement sees what the writer before us committed.
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {self._busy_milliseconds}")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS_TURN})")


# Readers share a file of their own beside the database, which the first of them makes.
_NO_ROOM_TO_OPEN = (sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMOPEN, sqlite3.SQLITE_IOERR_SHMMAP)


def now(session: Session) -> datetime:
    """The time by the clock of the session's database."""
    clock: Clock = session.info["clock"]
    return clock()


@contextmanager
def _refusals(file: str) -> Iterator[None]:
    """Turn the database's refusals into ours. The foreign text is dropped: it may repeat a value."""
    try:
        yield
    except IntegrityError:
        raise Conflict("the same thing was stored already; nothing was changed.", mend="Read it again first.") from None
    except DBAPIError as refusal:
        raise _as_refusal(refusal, file=file) from None


def _as_refusal(refusal: DBAPIError, *, file: str) -> LinkageError:
    original = refusal.orig
    if isinstance(original, sqlite3.Error):
        # Extended codes carry the plain one in their low byte.
        extended = getattr(original, "sqlite_errorcode", 0)
        code = extended & 0xFF
        if code == sqlite3.SQLITE_IOERR and file_size_is_limited():
            # SQLite calls a full disk by its name, and a file that may not grow a fault of writing.
            return storage_full(file, by_limit=True)
        if extended in _NO_ROOM_TO_OPEN:
            return no_room_to_open(file)
        if code == sqlite3.SQLITE_FULL:
            return storage_full(file)
        busy = code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
    else:
        state = getattr(original, "sqlstate", None) or ""
        if state in {"53100", "53200"}:
            return storage_full()
        busy = state == "55P03"
    if busy:
        return ServiceUnavailable(
            "another writer holds the database; nothing was changed.", mend="Send the same request again."
        )
    return ServiceUnavailable(
        "the database does not answer; nothing was changed.",
        mend="Send the same request again; if it stays so, an operator should run `linkage-server doctor`.",
    )


def _with_driver(url: sa.URL) -> sa.URL:
    return url.set(drivername="postgresql+psycopg") if url.get_backend_name() == "postgresql" else url


def _create_private(path: str | None) -> None:
    """The database's file is made before SQLite does, so that nobody else ever could read it."""
    if path is None or path == ":memory:":
        raise ValueError("the state must lie in a file")
    os.close(os.open(Path(path), os.O_RDWR | os.O_CREAT, 0o600))
