"""A full disk and a limit on the size of files are told apart, and with the path at the console alone."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
import typer
from typer.testing import CliRunner

from linkage.errors import StorageFull
from linkage.wire.refusals import to_status
from linkage_server import commands_service
from linkage_server.__main__ import app
from linkage_server.command_line import refusals_as_exit_codes
from linkage_server.storage.database import Database
from linkage_server.storage.files import no_room_to_open, storage_full, write_atomically
from tests.support.small_disk import files_of_at_most


def test_a_database_that_may_not_grow_says_so(tmp_path: Path) -> None:
    """SQLite tells of it as a fault of reading and writing, which sounds as if it were gone."""
    file = tmp_path / "database.sqlite"
    database = Database(f"sqlite:///{file}", busy_timeout_seconds=1)
    try:
        with files_of_at_most(16_384), pytest.raises(StorageFull, match="limit on the size of a file") as refused:
            database.migrate()
        assert refused.value.path == str(file)
        database.migrate()
        assert database.is_migrated()
    finally:
        database.close()


def test_a_file_that_may_not_grow_says_so_and_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    write_atomically(file, b"before")
    with files_of_at_most(1_000), pytest.raises(StorageFull, match="limit on the size of a file") as refused:
        write_atomically(file, b"x" * 5_000)
    assert refused.value.path == str(file)
    assert file.read_bytes() == b"before"
    assert [one.name for one in tmp_path.iterdir()] == ["manifest.json"]


def test_where_even_reading_needs_room_nobody_is_told_that_it_works(tmp_path: Path) -> None:
    """The first who opens the database makes the file that its readers share."""
    file = tmp_path / "database.sqlite"
    database = Database(f"sqlite:///{file}", busy_timeout_seconds=1)
    no_room = sqlite3.OperationalError("disk I/O error")
    no_room.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    try:
        with pytest.raises(StorageFull, match="not even to open the database") as refused, database.reading():
            raise sa.exc.OperationalError("", {}, no_room)
        assert refused.value.path == str(file)
        assert "reading still works" not in refused.value.message
    finally:
        database.close()


def test_the_doctor_answers_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise no_room_to_open("/srv/holder/database.sqlite")

    monkeypatch.setattr(commands_service, "open_state", refuse)
    done = CliRunner().invoke(app, ["doctor", "--home", str(tmp_path), "--json"])
    assert done.exit_code == 7
    (finding,) = json.loads(done.stdout)
    assert (finding["check"], finding["well"]) == ("disk", False)
    assert "/srv/holder/database.sqlite" in finding["words"]


def test_the_path_is_told_at_the_console_and_never_travels(capsys: pytest.CaptureFixture[str]) -> None:
    refusal = storage_full(Path("/srv/holder/store"))
    with pytest.raises(typer.Exit) as ended, refusals_as_exit_codes():
        raise refusal
    assert ended.value.exit_code == 7
    told = capsys.readouterr().err.splitlines()
    assert told[:2] == [
        "Refused: no room left on the disk; nothing was changed, and reading still works.",
        "Where: /srv/holder/store",
    ]
    with pytest.raises(typer.Exit), refusals_as_exit_codes(as_json=True):
        raise refusal
    assert json.loads(capsys.readouterr().out)["error"]["facts"] == {"path": "/srv/holder/store"}
    assert b"/srv/holder" not in to_status(refusal, error_id="x").SerializeToString()
