"""Measures sides in turn: in each round each side has a process of its own, so that a busy moment meets every side."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from linkage.errors import LinkageError
from linkage_server.benchmark.visit import Told, Visit

Progress = Callable[[str, int], None]
"""Told the side and the number of the round before each visit."""

_SAMPLE_SECONDS = 0.005


class SideFailed(LinkageError):
    """A side of a benchmark ended without an answer, or answered otherwise than the first."""

    status = "FAILED_PRECONDITION"


@dataclass(frozen=True, slots=True)
class Peak:
    """Most memory held while questions were asked, in bytes.

    Args:
        own: anonymous and shared memory: what the process needs beside mapped files.
        whole: with the pages of mapped files.
    """

    own: int = 0
    whole: int = 0

    def with_sample(self, own: int, whole: int) -> Peak:
        """The larger of each."""
        return Peak(max(self.own, own), max(self.whole, whole))


@dataclass
class Measured:
    """One side's figures.

    Args:
        rounds: seconds of each question, by round.
        peak: of all rounds.
        read_bytes: from the disk, a question; the median of the rounds.
        cells: of the answer.
    """

    rounds: list[list[float]] = field(default_factory=list)
    peak: Peak = field(default_factory=Peak)
    reads: list[float] = field(default_factory=list)
    cells: int = 0

    @property
    def seconds(self) -> list[float]:
        """Of every question."""
        return [taken for one in self.rounds for taken in one]

    @property
    def median(self) -> float:
        """Of every question, in seconds."""
        return statistics.median(self.seconds)

    @property
    def of_rounds(self) -> list[float]:
        """Median of each round, for pairs with another side's rounds."""
        return [statistics.median(one) for one in self.rounds]

    @property
    def read_bytes(self) -> float:
        """From the disk, a question."""
        return statistics.median(self.reads)


def paired_ratios(side: Measured, ours: Measured) -> list[float]:
    """How many times as long as ours the side took, round by round."""
    return [theirs / our for theirs, our in zip(side.of_rounds, ours.of_rounds, strict=True)]


def measure(
    visits: Mapping[str, Visit], *, rounds: int, progress: Progress = lambda side, number: None
) -> dict[str, Measured]:
    """Visit every side in every round, and compare their answers before any figure is given out.

    Args:
        visits: by the name of the side; the first is ours.
        rounds: how often each side is visited.
        progress: told before each visit.

    Raises:
        SideFailed: a side ended without an answer, or answered otherwise than the first.
    """
    found = {side: Measured() for side in visits}
    first: Told | None = None
    for number in range(rounds):
        for side, visit in visits.items():
            progress(side, number)
            told, peak = _visited(side, visit)
            first = first or told
            if told.answer_sha256 != first.answer_sha256:
                raise SideFailed(f"{side} answers otherwise than {next(iter(visits))}; no figure is given.")
            one = found[side]
            one.rounds.append(told.seconds)
            one.reads.append(told.read_bytes / len(told.seconds))
            one.peak = one.peak.with_sample(peak.own, peak.whole)
            one.cells = told.cells
    return found


def _visited(side: str, visit: Visit) -> tuple[Told, Peak]:
    process = subprocess.Popen(
        [sys.executable, "-m", "linkage_server.benchmark.visit"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(asdict(visit)).encode())
        process.stdin.close()
        ready = process.stdout.readline()
        peak = _watched(process) if ready else Peak()
        last = process.stdout.read()
    finally:
        process.stdout.close()
        if process.wait() != 0:
            raise SideFailed(f"{side} ended without an answer.", mend="Its own words stand above.")
    return Told(**json.loads(last)), peak


def _watched(process: subprocess.Popen[bytes]) -> Peak:
    """Sample the process's memory from here until it tells what it measured, so that it is not disturbed."""
    assert process.stdout is not None
    status, peak = Path(f"/proc/{process.pid}/status"), Peak()
    with contextlib.suppress(OSError):
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")  # the peak of preparing is nobody's concern
    while True:
        with contextlib.suppress(OSError):
            held = dict(re.findall(r"^(Rss\w+|VmHWM):\s+(\d+) kB", status.read_text(), re.MULTILINE))
            if held:
                own = int(held["RssAnon"]) + int(held["RssShmem"])
                peak = peak.with_sample(own * 1024, int(held["VmHWM"]) * 1024)
        if select.select([process.stdout], [], [], _SAMPLE_SECONDS)[0]:
            return peak
