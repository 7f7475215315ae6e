"""Keeps the registers in order beside the service, in a process of its own that gives way to every order.

A process rather than a thread: its priority is the lowest there is, its memory is its own, and it can be ended at any
moment, for what it does goes on where it stopped.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from linkage_server.operations import logs

START_SECONDS = 60.0
STOP_SECONDS = 5.0
Spawn = Callable[[], "subprocess.Popen[bytes]"]


@dataclass(slots=True)
class Upkeep:
    """The worker of one service.

    Args:
        spawn: starts the process; see `maintaining`.
        every_seconds: how long from one end to the next start; 0 is never.
    """

    spawn: Spawn
    every_seconds: float
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, a little after the service has."""
        if not self.every_seconds:
            return
        self._thread = threading.Thread(target=self._work, name="upkeep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the process that is under way, and start no other."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(2 * STOP_SECONDS)

    def run_once(self) -> int:
        """Start the process and wait until it ends, or until the service stops; returns its exit code."""
        started = time.monotonic()
        with self.spawn() as process:
            while process.poll() is None:
                if self._stopping.wait(0.2):
                    process.terminate()
                    try:
                        process.wait(STOP_SECONDS)
                    except subprocess.TimeoutExpired:
                        process.kill()
        outcome = "OK" if process.returncode == 0 else f"EXIT_{process.returncode}"
        logs.log_event("store_maintained", outcome=outcome, seconds=round(time.monotonic() - started, 1))
        return process.returncode

    def _work(self) -> None:
        wait = min(START_SECONDS, self.every_seconds)
        while not self._stopping.wait(wait):
            try:
                self.run_once()
            except Exception as bug:  # a worker outlives a bug; the log has its place
                logs.internal_error(bug, error_id="upkeep", method="upkeep")
            wait = self.every_seconds


def maintaining(home: Path) -> Spawn:
    """How `register maintain` is started for a home folder."""
    command = [sys.executable, "-m", "linkage_server", "register", "maintain", "--low-priority", "--home", str(home)]

    def spawn() -> subprocess.Popen[bytes]:
        quiet = subprocess.DEVNULL
        return subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)  # noqa: S603  our own interpreter and our own words

    return spawn
