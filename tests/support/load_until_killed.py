"""Loads a second delivery again and again, killed one step of the file system later each time.

    python -m tests.support.load_until_killed FOLDER [load | compact | rehash]

FOLDER/base holds the store to start from. The store of attempt k lies in FOLDER/k afterwards; the last attempt ran to
its end. Each attempt is a process of its own, killed with SIGKILL by itself when the k-th file is opened, made, renamed
or removed: no timing is involved, so every run kills at the same points.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from datetime import date
from pathlib import Path
from typing import Any

from linkage_server.registers.store import RegisterStore
from tests.support.partitions import person
from tests.support.register_loads import Line, load

STEPS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"}
FIRST: list[Line] = [(person(number % 5), {"day": date(2024, 1, 1 + number % 9), "atc": "A"}) for number in range(40)]
SECOND: list[Line] = [(person(number % 6), {"day": date(2024, 1, 1 + number % 7), "atc": "B"}) for number in range(40)]


def act(store: RegisterStore, what: str) -> None:
    """The write that is interrupted; memory is so small that every batch spills."""
    if what == "load":
        load(store, SECOND, name="second", lines_at_once=20)
    elif what == "compact":
        store.compact("lmed")
    else:
        store.rehash("lmed", pepper_version=2, map_ids=lambda ids: ids)


def attempt(folder: Path, what: str, *, steps: int) -> int:
    """Exit status of one attempt that is killed at its `steps`-th step; 0 if it ended before."""
    child = os.fork()
    if child == 0:
        left = steps

        def count(event: str, arguments: Any) -> None:
            nonlocal left
            if event in STEPS and str(folder) in str(arguments[0]):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        act(RegisterStore(folder, memory_bytes=1), what)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    folder, what = Path(sys.argv[1]), sys.argv[2]
    steps = 1
    while True:
        copy = folder / str(steps)
        shutil.copytree(folder / "base", copy)
        status = attempt(copy, what, steps=steps)
        if status != -signal.SIGKILL:
            raise SystemExit(status)
        steps += 1


if __name__ == "__main__":
    main()
