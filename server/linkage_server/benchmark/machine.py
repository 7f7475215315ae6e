"""The machine that figures belong to: what it is, how busy it is, and how fast its memory is just now."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt

_ROUNDS = 5
OURS = ("pyarrow", "numpy")


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """Bytes a second, the best of a few rounds, on two threads.

    Args:
        read: summing numbers that lie in memory.
        copied: memcpy; each byte is read once and written once.
    """

    read: float
    copied: float

    @property
    def words(self) -> str:
        """For people."""
        return f"memory read at {self.read / 1e9:.1f} GB/s and copied at {self.copied / 1e9:.1f} GB/s by two threads"


def bandwidth(*, mebibytes: int = 512, threads: int = 2) -> Bandwidth:
    """Measure, in a fraction of a second and twice `mebibytes`."""
    numbers = np.ones(mebibytes << 17, np.int64)
    target = np.zeros_like(numbers)  # written once, so that no page is new while copying
    parts = list(zip(np.array_split(numbers, threads), np.array_split(target, threads), strict=True))
    with ThreadPoolExecutor(threads) as pool:
        read = _fastest(lambda: list(pool.map(lambda part: part[0].sum(), parts)))
        copied = _fastest(lambda: list(pool.map(_copy, parts)))
    return Bandwidth(read=numbers.nbytes / read, copied=numbers.nbytes / copied)


def _copy(part: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]) -> None:
    np.copyto(part[1], part[0])


def _fastest(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def facts(packages: Sequence[str] = OURS) -> dict[str, object]:
    """What the machine is, as plain values; `packages` are told with their versions."""
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {
        "processor": model.group(1).strip() if model else platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
        "versions": {name: metadata.version(name) for name in packages},
    }
