"""A trial: an operation on a fresh store, a fault in it, and what the next process finds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.faults.preload import Call, Fault, Mode

ROOT = Path(__file__).resolve().parents[2]
EVERYTHING = os.environ.get("LINKAGE_FAULTS") == "all"
KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Undisturbed:
    """How an operation goes when nothing happens.

    Attributes:
        base: folder of the store it begins with.
        calls: what it does to the disk, in order.
        before, after: snapshot and rows that are served.
        files_before, files_after: every file of the swept store.
    """

    operation: str
    base: Path
    calls: Sequence[Call]
    before: dict[str, Any]
    after: dict[str, Any]
    files_before: dict[str, str]
    files_after: dict[str, str]


class Laboratory:
    """Starts the fork server and asks it for trials. Stores lie in a folder that is emptied after each."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.folder = folder
        paths = os.pathsep.join(str(ROOT / part) for part in ("", "core", "server"))
        environment = os.environ | {"LD_PRELOAD": str(library), "PYTHONPATH": paths, "PYTHONFAULTHANDLER": "1"}
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.fork_server"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._undisturbed: dict[str, Undisturbed] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(timeout=60)
        self._server.stdout.close()

    def ask(self, task: str, **request: Any) -> dict[str, Any]:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps({"task": task} | request, default=str) + "\n")
        self._server.stdin.flush()
        answer: dict[str, Any] = json.loads(self._server.stdout.readline())
        return answer

    def undisturbed(self, operation: str) -> Undisturbed:
        """Make an operation's store once, and see how it goes when nothing happens."""
        if operation not in self._undisturbed:
            base = self.folder / f"base-{len(self._undisturbed)}"
            base.mkdir()
            assert self.ask("prepare", operation=operation, folder=base)["status"] == 0
            before = self.ask("inspect", operation=operation, folder=base, sweep=True, again=False)
            with self.disturbed(operation, base, Fault()) as (ended, folder):
                assert ended["outcome"] == "done"
                after = self.ask("inspect", operation=operation, folder=folder, sweep=True, again=False)
            self._undisturbed[operation] = Undisturbed(
                operation=operation,
                base=base,
                calls=[Call(*call) for call in ended["calls"]],
                before=before["found"],
                after=after["found"],
                files_before=before["swept"],
                files_after=after["swept"],
            )
        return self._undisturbed[operation]

    def disturbed(self, operation: str, base: Path, fault: Fault) -> _Disturbed:
        """The operation with a fault in it: how it ended, and the folder of the store it left."""
        return _Disturbed(self, operation, base, fault)


class _Disturbed:
    def __init__(self, laboratory: Laboratory, operation: str, base: Path, fault: Fault) -> None:
        self._folder = laboratory.folder / "trial"
        self.ended = laboratory.ask("disturb", operation=operation, base=base, folder=self._folder, fault=fault)

    def __enter__(self) -> tuple[dict[str, Any], Path]:
        return self.ended, self._folder

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def points(calls: Sequence[Call], *, most: int) -> Iterator[tuple[int, Call]]:
    """Calls with their numbers from one on: all of them where they are few or everything is asked, else evenly chosen.

    Chosen are always the last ones, and every call that gives something its name in the register: there the store
    changes from one state to the next.
    """
    step = 1 if EVERYTHING else max(1, -(-len(calls) // most))
    for number, call in enumerate(calls, 1):
        # A call that changed nothing, such as making a folder that is there, is no other moment than the next.
        changed = call.result >= 0
        if EVERYTHING or (changed and (number % step == 0 or is_in_place(call) or number > len(calls) - 5)):
            yield number, call


def is_in_place(call: Call) -> bool:
    """Whether something got its name among what the register serves, rather than in a job's folder."""
    return call.name == "rename" and "/jobs/" not in call.second


def faults_of_a_kill(number: int, call: Call) -> list[Fault]:
    """Ways to be killed at a call. Killed after one is killed before the next: nothing lies between on the disk."""
    modes = [Mode.KILL_BEFORE]
    if call.name in {"write", "writev", "pwrite"}:
        modes.append(Mode.KILL_HALFWAY)
    if EVERYTHING or is_in_place(call):
        modes.append(Mode.KILL_AFTER)
    return [Fault(number, mode) for mode in modes]


def is_old_or_new(found: dict[str, Any], expected: Undisturbed) -> bool:
    """Whether the snapshot from before or from after the operation is served, with its rows."""
    snapshot, rows = found["snapshot"], found["rows"]
    old = (expected.before["snapshot"], expected.before["rows"])
    # Persons are hidden in the old snapshot before they are gone from its successor.
    is_known = snapshot in (expected.before["snapshot"], expected.after["snapshot"])
    return (snapshot, rows) == old or (is_known and rows == expected.after["rows"])


def without_lists(files: dict[str, str]) -> dict[str, str]:
    """Files that sweeping has to judge; what a job has done so far stays, for whoever resumes it."""
    return {
        path: content for path, content in files.items() if "/jobs/" not in path and not path.endswith("/erasures.json")
    }
