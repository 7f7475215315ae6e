"""The budget of a population: one line for each release, appended and synced before anybody sees its numbers.

HOME/budgets/POPULATION/ledger.jsonl   first line: the budget; each further one: a release and what it cost
HOME/budgets/POPULATION/SHA256.npy     the numbers of a release, by the hash of what was asked

Numbers are stored first, then paid for, then given out. Killed before the line is whole, nothing was given out: the
numbers are drawn anew next time and the torn line is cut off. Killed after it, the same question finds its numbers.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from linkage.differential_privacy import DifferentialPrivacy
from linkage.errors import InputRefused, StateConflict
from linkage_core.disclosure.cell_system import Ints
from linkage_server.registers.register_lock import open_lock
from linkage_server.storage.files import disk_refusals, fsync_folder, write_atomically

BUDGETS = "budgets"
"""The folder of a home that holds all ledgers."""

_FILE = "ledger.jsonl"


@dataclass(frozen=True, slots=True)
class Release:
    """One line: the hash of what was asked, what it cost, and the hash of its numbers."""

    question: str
    loss: float
    numbers_sha256: str


class PrivacyLedger:
    """The ledger of one population, while nobody else writes to it; see `open_ledger`."""

    def __init__(self, folder: Path, rules: DifferentialPrivacy) -> None:
        self._folder, self._file = folder, folder / _FILE
        budget = {
            "population": rules.population,
            "unit": rules.unit,
            "budget_epsilon": rules.budget_epsilon,
            "budget_delta": rules.budget_delta,
        }
        lines = self._lines()
        if not lines:
            self._append(budget)
        elif lines[0] != budget:
            raise StateConflict(
                f"the budget of population {rules.population!r} was set when it was first released, and the policy has "
                "another.",
                mend="Use a policy with the budget of the ledger; what was released cannot be taken back.",
            )
        try:
            self.releases = [Release(**line) for line in lines[1:]]
        except TypeError:
            raise self._damaged() from None

    def find(self, question: str) -> Ints | None:
        """The numbers that were given out for a question, None if it was not asked yet.

        Raises:
            StateConflict: it was paid for, and its numbers are not what was stored.
        """
        known = next((one for one in self.releases if one.question == question), None)
        if known is None:
            return None
        path = self._numbers(question)
        content = path.read_bytes() if path.exists() else b""
        if hashlib.sha256(content).hexdigest() != known.numbers_sha256:
            raise StateConflict(
                f"the numbers of a release that was paid for are not as they were stored: {path.name}.",
                mend="Put the file back from a backup; fresh noise about the same question would tell more.",
            )
        numbers: Ints = np.load(io.BytesIO(content), allow_pickle=False)
        return numbers

    def pay(self, question: str, numbers: Ints, *, loss: float) -> None:
        """Store the numbers of a release and write down what it cost; only then may they be given out."""
        content = io.BytesIO()
        np.save(content, numbers, allow_pickle=False)
        write_atomically(self._numbers(question), content.getvalue())
        paid = Release(question, loss, hashlib.sha256(content.getvalue()).hexdigest())
        self._append({"question": paid.question, "loss": paid.loss, "numbers_sha256": paid.numbers_sha256})
        self.releases.append(paid)

    def _numbers(self, question: str) -> Path:
        return self._folder / f"{question}.npy"

    # Any: what JSON holds.
    def _lines(self) -> list[dict[str, Any]]:
        """Whole lines; what a killed process left of one is cut off, for its numbers were never given out."""
        with disk_refusals():
            content = self._file.read_bytes() if self._file.exists() else b""
            whole = content[: content.rfind(b"\n") + 1]
            if len(whole) < len(content):
                os.truncate(self._file, len(whole))
        try:
            return [json.loads(line) for line in whole.splitlines()]
        except ValueError:
            raise self._damaged() from None

    def _append(self, line: Mapping[str, object]) -> None:
        content = json.dumps(line, sort_keys=True).encode() + b"\n"
        with disk_refusals():
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                before = os.fstat(descriptor).st_size
                try:
                    written = os.write(descriptor, content)
                    if written < len(content):
                        os.write(descriptor, content[written:])
                    os.fsync(descriptor)
                except OSError:
                    os.ftruncate(descriptor, before)
                    raise
            finally:
                os.close(descriptor)
            fsync_folder(self._folder)

    def _damaged(self) -> InputRefused:
        return InputRefused(
            f"{self._file}: not a ledger of budgets.", mend="Put it back from a backup; never start a new one."
        )


@contextmanager
def open_ledger(home: Path, rules: DifferentialPrivacy) -> Iterator[PrivacyLedger]:
    """The ledger of the policy's population, locked; made where there is none.

    Raises:
        StateConflict: its budget is another.
        InputRefused: the file is damaged.
        StorageFull, ServiceUnavailable: the disk refuses.
    """
    folder = home / BUDGETS / rules.population
    with disk_refusals():
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        fsync_folder(folder.parent)
    with open_lock(folder / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield PrivacyLedger(folder, rules)
