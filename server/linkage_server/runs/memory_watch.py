"""The most memory the process held beside its mapped files while something ran."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_STATM = Path("/proc/self/statm")
LOOK_SECONDS = 0.02


def memory_in_use() -> int:
    """Bytes of this process that are no mapping of a file; 0 where the machine does not tell."""
    try:
        _, resident, shared, *_ = map(int, _STATM.read_text().split())
    except OSError:
        return 0
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")


class MemoryWatch:
    """Looks now and then while it is entered; runs beside each other are one process, and are seen together."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory-watch", daemon=True)
        self._at_start = self._most = 0

    @property
    def grown_bytes(self) -> int:
        """By how much the process grew at most since the watch began."""
        return max(self._most - self._at_start, 0)

    def __enter__(self) -> Self:
        self._at_start = self._most = memory_in_use()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        over = False
        while not over:
            over = self._over.wait(LOOK_SECONDS)
            self._most = max(self._most, memory_in_use())
