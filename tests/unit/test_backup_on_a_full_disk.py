"""A backup for which there is no room is refused as such, and leaves nothing behind."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from linkage.errors import StorageFull
from linkage_server import backup
from tests.support.small_disk import files_of_at_most


def test_a_database_that_cannot_be_copied_for_want_of_room_is_no_bug(tmp_path: Path) -> None:
    """SQLite tells of a full disk by an error of its own."""
    source = tmp_path / "database.sqlite"
    with sqlite3.connect(source) as database:
        database.execute("create table filler (bytes blob)")
        database.execute("insert into filler values (zeroblob(2000000))")
    with files_of_at_most(100_000), pytest.raises(StorageFull):
        backup._copy_database(source, tmp_path / "copy.sqlite")
