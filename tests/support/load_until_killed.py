"""Loads a second delivery again and again, killed one step of the file system later each time.

    python -m tests.support.load_until_killed FOLDER [load | compact | rehash]

FOLDER/base holds the store to start from. The store of attempt k lies in FOLDER/k afterwards; the last attempt ran to
its end. Each attempt is a process of its own, killed with SIGKILL by itself when the k-th file is opened, made, renamed
or removed: no timing is involved, so every run kills at the same points. Steps that find the files as the step before
found them, as most that read, are left out.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sys
from collections.abc import Callable
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


def at_each_step(folder: Path, do: Callable[[], None]) -> None:
    """From now on, do something whenever this process opens, makes, renames or removes a file of a folder."""
    busy = False

    def step(event: str, arguments: Any) -> None:
        nonlocal busy
        if not busy and event in STEPS and str(folder) in str(arguments[0]):
            busy = True
            do()
            busy = False

    sys.addaudithook(step)


def attempt(folder: Path, what: str, do: Callable[[], None]) -> int:
    """Exit status of a process of its own that writes, and does something at each step."""
    child = os.fork()
    if child == 0:
        at_each_step(folder, do)
        act(RegisterStore(folder, memory_bytes=1), what)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def steps_that_differ(folder: Path, what: str) -> list[int]:
    """Numbers of the steps, from 1, that find other files than the step before; kills at the others leave the same."""
    noted = folder.with_name("steps")
    count, before = 0, b""

    def note() -> None:
        nonlocal count, before
        count += 1
        found = state(folder)
        if found != before:
            with noted.open("a") as file:
                file.write(f"{count}\n")
        before = found

    status = attempt(folder, what, note)
    if status:
        raise SystemExit(status)
    steps = [int(line) for line in noted.read_text().splitlines()]
    noted.unlink()
    return steps


def state(folder: Path) -> bytes:
    """A hash of the names and contents of all files."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        found.update(f"{path.relative_to(folder)} {path.is_dir()} {len(content)} ".encode() + content)
    return found.digest()


def kill_at(step: int) -> Callable[[], None]:
    """Kill this process when it is called for the `step`-th time."""
    left = step

    def count() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return count


def main() -> None:
    folder, what = Path(sys.argv[1]), sys.argv[2]
    trial = folder / "0"
    shutil.copytree(folder / "base", trial)
    steps = steps_that_differ(trial, what)
    shutil.rmtree(trial)
    for step in steps:
        copy = folder / str(step)
        shutil.copytree(folder / "base", copy)
        status = attempt(copy, what, kill_at(step))
        if status != -signal.SIGKILL:
            raise SystemExit(f"was not killed at step {step}: {status}")
    whole = folder / str(steps[-1] + 1)
    shutil.copytree(folder / "base", whole)
    raise SystemExit(attempt(whole, what, lambda: None))


if __name__ == "__main__":
    main()
