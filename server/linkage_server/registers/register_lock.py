"""One load at a time for a register: locks of the operating system, which a killed process cannot leave behind.

REGISTER/lock            for as long as a register is being written, which may take hours; refused when it is taken
REGISTER/publishing.lock for the moment of publishing, or of an erasure taking effect; waited for
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from linkage.errors import StateConflict
from linkage_server.storage.files import disk_refusals


@contextlib.contextmanager
def register_lock(folder: Path) -> Iterator[None]:
    """Hold the register's write lock; readers need none.

    Raises:
        StateConflict: somebody else is loading, compacting or re-hashing this register.
    """
    with open_lock(folder / "lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateConflict(
                f"register {folder.name!r} is being written by another process.",
                mend="Wait until that load has finished, then start yours again.",
            ) from None
        yield


@contextlib.contextmanager
def publishing_lock(folder: Path) -> Iterator[None]:
    """Let nobody else publish meanwhile: an erasure must see every segment there is, and no more appear beside it."""
    with open_lock(folder / "publishing.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def open_lock(path: Path) -> TextIO:
    """A file to be locked, made where there is none.

    Raises:
        StorageFull, ServiceUnavailable: the disk refuses.
    """
    with disk_refusals():
        return path.open("a")
