"""One load at a time for a register: a lock of the operating system, which a killed process cannot leave behind."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from linkage.errors import StateConflict


@contextlib.contextmanager
def register_lock(folder: Path) -> Iterator[None]:
    """Hold the register's write lock; readers need none.

    Raises:
        StateConflict: somebody else is loading, compacting or re-hashing this register.
    """
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateConflict(
                f"register {folder.name!r} is being written by another process.",
                mend="Wait until that load has finished, then start yours again.",
            ) from None
        yield
