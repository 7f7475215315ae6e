"""Files that are either wholly there or not there at all, also after a power cut.

Each function syncs what it wrote and the folder that names it before it returns: only then may a caller acknowledge.
A full disk raises `StorageFull` and leaves what was there before.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from linkage.errors import Conflict, ServiceUnavailable, StorageFull

Writer = Callable[[BinaryIO], None]

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_atomically(path: Path, content: bytes | Writer, *, mode: int = 0o600) -> None:
    """Put a file in place in one step; a reader sees the old file or the new one, never a part.

    Args:
        path: where the file shall lie; its folder exists.
        content: the bytes, or a function that writes them to a binary file.
        mode: permissions of the new file.

    Raises:
        StorageFull: no room; the old file, if there was one, is untouched unless the words tell otherwise.
        ServiceUnavailable: the disk refused for another reason; the same holds.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}.partial")
    try:
        with disk_refusals(path):
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                if callable(content):
                    content(file)
                else:
                    file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        _make_name_last(path.parent)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def publish_folder(prepared: Path, final: Path) -> None:
    """Sync a prepared folder with all it holds and give it its final name in one step.

    Raises:
        Conflict: something lies there already; the prepared folder stays.
        StorageFull: no room to sync; nothing was published unless the words tell otherwise.
    """
    if final.exists():
        raise Conflict(f"a folder named {final.name!r} is already published.", mend="Publish under a new name.")
    with disk_refusals(final):
        for folder, _, files in os.walk(prepared, topdown=False):
            for name in files:
                _fsync_path(Path(folder, name))
            fsync_folder(Path(folder))
        prepared.rename(final)
    _make_name_last(final.parent)


def fsync_folder(folder: Path) -> None:
    """Sync a folder's list of names. Windows has no such call and needs none."""
    if os.name == "posix":
        _fsync_path(folder)


def disk_free_bytes(folder: Path) -> int:
    """Bytes that can still be written where the folder lies."""
    return shutil.disk_usage(folder).free


@contextlib.contextmanager
def disk_refusals(path: Path | None = None) -> Iterator[None]:
    """Turn the operating system's refusals into ours; the foreign text is dropped, it may name a path with a value.

    Args:
        path: what is written, if it may be told at the console.

    Raises:
        StorageFull: the disk or the quota is full.
        ServiceUnavailable: any other refusal of the disk.
    """
    try:
        yield
    except OSError as refusal:
        if refusal.errno in _NO_ROOM:
            raise storage_full(path, by_limit=refusal.errno == errno.EFBIG) from None
        name = errno.errorcode.get(refusal.errno or 0, "an unknown error")
        raise ServiceUnavailable(
            f"the disk refused to write ({name}); nothing was changed.",
            mend="An operator should run `linkage-server doctor`.",
        ) from None


def storage_full(path: Path | str | None = None, *, by_limit: bool = False) -> StorageFull:
    """The one refusal for a full disk, whoever met it.

    Args:
        path: where, if it may be told at the console.
        by_limit: not the disk is full: the limit on the size of one file is reached.
    """
    if by_limit:
        refusal = StorageFull(
            "the limit on the size of a file is reached; nothing was changed, and reading still works.",
            mend="Raise it (`ulimit -f unlimited`, or LimitFSIZE of the service), then send the same request again.",
        )
    else:
        refusal = StorageFull(
            "no room left on the disk; nothing was changed, and reading still works.",
            mend="Free some room on the disk of the home folder, then send the same request again.",
        )
    refusal.path = str(path or "")
    return refusal


def no_room_to_open(path: Path | str) -> StorageFull:
    """The refusal where even reading needs some room: the service does not run, and nobody has the database open."""
    refusal = StorageFull(
        "no room left on the disk, not even to open the database for reading; nothing was changed.",
        mend="Free some room on the disk of the home folder, then give the same command again.",
    )
    refusal.path = str(path)
    return refusal


def file_size_is_limited() -> bool:
    """Whether this process may only write files up to some size; there is no such limit on Windows."""
    if os.name != "posix":
        return False
    import resource  # there is none on Windows

    return resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY


def _make_name_last(folder: Path) -> None:
    """Sync a folder in which something has got its name; refused, it is there and nothing can be taken back."""
    try:
        fsync_folder(folder)
    except OSError as refusal:
        name = errno.errorcode.get(refusal.errno or 0, "an unknown error")
        kind = StorageFull if refusal.errno in _NO_ROOM else ServiceUnavailable
        raise kind(
            f"the disk refused to make a change last ({name}); it may have taken effect, and a power cut may undo it.",
            mend="Look whether it has, for a register with `linkage-server register snapshots`, and run "
            "`linkage-server doctor`, before doing it again.",
        ) from None


def _fsync_path(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
