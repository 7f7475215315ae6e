"""How a load shares out the memory it was given."""

from __future__ import annotations

import os
import re
import resource
import sys
from contextlib import suppress
from pathlib import Path

LARGEST_RUN_BYTES = 32 << 20
RUNS_AT_WORK = 32
"""Room for runs being made: for each thread what goes in, copies of it, what comes out, and what allocators keep."""


class MemoryPlan:
    """What of the memory is for rows that are held, and how large a run is.

    The process itself has its share already, with its libraries and what it did before.

    Args:
        memory_bytes: the process may hold this much, about. However little is given, a quarter of it is for rows.

    Attributes:
        run_bytes: delivered bytes that make a run.
        held: bytes of runs that were kept in memory.
    """

    def __init__(self, memory_bytes: int) -> None:
        room = max(memory_bytes - resident_bytes(), memory_bytes // 4)
        self.run_bytes = max(1, min(room // (2 * RUNS_AT_WORK), LARGEST_RUN_BYTES))
        self._most_held = room - RUNS_AT_WORK * self.run_bytes
        self.held = 0

    def hold(self, size: int) -> bool:
        """Whether a run of `size` bytes may stay in memory; counts it if so."""
        if self.held + size > self._most_held:
            return False
        self.held += size
        return True


def peak_resident_bytes() -> int:
    """The most memory this process ever held."""
    # Linux lets a new program begin with the peak of the process that started it in ru_maxrss, but not in VmHWM.
    with suppress(OSError):
        if found := re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE):
            return int(found[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def resident_bytes() -> int:
    """Memory of this process now; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
