"""Backup and restore of a home folder, without stopping the service.

The database is copied first and the files after it: every file it names was written before it was named, is never
changed, and is therefore in the archive. What was written meanwhile and is not named is swept away at the next start.
The keys are not in the archive: whoever finds it can link nothing.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tarfile
import tempfile
from pathlib import Path

from linkage.errors import Conflict, InputRefused, NotFound, StateConflict
from linkage_server.operations.home import FOLDERS, HomeFolder
from linkage_server.storage.database import Database
from linkage_server.storage.files import disk_refusals, file_size_is_limited, storage_full

_DATABASE = "database.sqlite"
# Lists of snapshots go before what they name.
_FILES_IN_ORDER = (
    "settings.toml",
    "store",
    "populations",
    "runs",
    "releases",
    "budgets",
    "definitions",
    "quarantine",
    "spool",
)


def make_backup(home: HomeFolder, *, database: Database, archive: Path) -> int:
    """Write a home folder to a tar archive; returns the number of files.

    Raises:
        Conflict: the archive exists.
        StateConflict: the state lies in PostgreSQL, which has a backup of its own.
        StorageFull: no room; no archive is left.
    """
    if not database.is_sqlite:
        raise StateConflict("the state lies in PostgreSQL.", mend="Back it up with pg_dump, and this folder with tar.")
    if archive.exists():
        raise Conflict(f"{archive} exists.", mend="Choose a new name; a backup is never overwritten.")
    partial = archive.with_name(f".{archive.name}.partial")
    try:
        with disk_refusals(archive), tempfile.TemporaryDirectory(dir=archive.parent) as folder:
            copy = Path(folder) / _DATABASE
            _copy_database(home.database_file, copy)
            with partial.open("xb") as file:
                partial.chmod(0o600)
                with tarfile.open(fileobj=file, mode="w") as tar:
                    tar.add(copy, _DATABASE)
                    # A home folder of an earlier version has no budgets until the first is spent.
                    for name in filter(lambda name: (home.root / name).exists(), _FILES_IN_ORDER):
                        tar.add(home.root / name, name, filter=_without_leftovers)
                    files = sum(member.isfile() for member in tar.getmembers())
                file.flush()
                os.fsync(file.fileno())
        partial.rename(archive)
    finally:
        partial.unlink(missing_ok=True)
    return files


def restore_backup(archive: Path, *, home: Path, keys: Path) -> None:
    """Make a home folder from an archive and a copy of the keys.

    Raises:
        NotFound: archive or keys are not there.
        Conflict: the home folder exists.
        InputRefused: the archive is not one that `make_backup` wrote.
    """
    if not archive.is_file() or not keys.is_dir():
        raise NotFound("the archive or the copy of the keys is not there.", mend="Check both paths.")
    if home.exists():
        raise Conflict(f"{home} exists.", mend="Restore to a new folder, then move it into place.")
    partial = home.with_name(f".{home.name}.partial")
    try:
        with disk_refusals(home):
            partial.mkdir(mode=0o700, parents=True)
            with tarfile.open(archive) as tar:
                tar.extractall(partial, filter="data")
            for name in FOLDERS:
                (partial / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copytree(keys, partial / "keys", dirs_exist_ok=True)
            for path in (partial / "keys", *(partial / "keys").iterdir()):
                path.chmod(0o700 if path.is_dir() else 0o600)
        partial.rename(home)
    except tarfile.TarError:
        raise InputRefused(f"{archive} is not a backup.", mend="Name a file that `backup` wrote.") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _copy_database(source: Path, target: Path) -> None:
    original, copy = sqlite3.connect(source), sqlite3.connect(target)
    try:
        original.backup(copy)
    except sqlite3.OperationalError as refusal:
        # What SQLite says of a full disk, or of a file that may not grow, is no OSError.
        if refusal.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise storage_full(target, by_limit=file_size_is_limited()) from None
        raise
    finally:
        copy.close()
        original.close()


def _without_leftovers(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    unfinished = any(part in member.name for part in ("/loading/", "/jobs/")) or member.name.endswith(
        (".partial", "/lock", "/publishing.lock")
    )
    return None if unfinished else member
