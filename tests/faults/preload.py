"""The library that stands between a process and its disk: how it is built, and how a process that has it steers it."""

from __future__ import annotations

import ctypes
import errno
import subprocess
import traceback
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

from linkage.errors import LinkageError

SOURCE = Path(__file__).with_suffix(".c")


class Mode(IntEnum):
    """What happens at the chosen call; in the order of `enum mode` in preload.c."""

    COUNT = 0
    KILL_BEFORE = 1
    KILL_AFTER = 2
    KILL_HALFWAY = 3
    FAIL_ONCE = 4
    FAIL_FROM = 5
    SHORT = 6


class Fault(NamedTuple):
    """One fault: at which call, of what kind, with which error. FAIL_FROM goes on, as a full disk does."""

    call: int = 0
    mode: Mode = Mode.COUNT
    error: int = errno.ENOSPC


class Call(NamedTuple):
    """A call that changed a file below the watched folder. `listed` is what a list held when it was put in place."""

    name: str
    path: str
    second: str
    result: int
    listed: str


def build(folder: Path) -> Path:
    """Compile the library into a folder."""
    library = folder / "faults.so"
    subprocess.run(
        ["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True
    )
    return library


class Preload:
    """The library, in a process that was started with it in LD_PRELOAD."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.faults_record.restype = ctypes.c_char_p

    def sync_in_name_only(self) -> None:
        """From here on nothing is synced, here and in forked processes; whoever is only killed needs it not."""
        self._library.faults_sync_in_name_only()

    def arm(self, folder: Path, fault: Fault) -> None:
        self._library.faults_arm(str(folder).encode(), ctypes.c_long(fault.call), int(fault.mode), fault.error)

    def disarm(self) -> list[Call]:
        """Stop watching; returns every call since `arm`."""
        self._library.faults_disarm()
        lines = self._library.faults_record().decode().splitlines()
        fields = (line.split("\t") for line in lines)
        return [Call(name, path, second, int(result), listed) for name, path, second, result, listed in fields]


def under_fault(folder: Path, fault: Fault, act: Callable[[], None]) -> dict[str, Any]:
    """Do something with a fault in it, in a process that has the library: its outcome, words, and calls to the disk."""
    preload = Preload()
    preload.arm(folder, fault)
    words = ""
    try:
        act()
        outcome = "done"
    except LinkageError as refusal:
        outcome, words = refusal.reason, refusal.message
    except Exception as foreign:
        # Not a refusal: the tests tell where it came from.
        outcome = "".join(traceback.format_exception(foreign)[-3:])
    return {"outcome": outcome, "words": words, "calls": preload.disarm()}
