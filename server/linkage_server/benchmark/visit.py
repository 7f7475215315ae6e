"""One side in a process of its own: prepared, asked once to warm up, then asked and timed.

`python -m linkage_server.benchmark.visit` reads what to do as JSON from the standard input and answers with one JSON
document a line: `{"ready": true}` before the first question, then what was measured.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from linkage_server.benchmark import page_cache
from linkage_server.benchmark.questions import Answer
from linkage_server.benchmark.side import Side


@dataclass(frozen=True, slots=True)
class Visit:
    """What a side's process does.

    Args:
        side: `module:name` of what makes the side.
        arguments: handed to it.
        cold: drop the page cache before the question and ask once; otherwise ask until `seconds` are over.
        seconds: time for questions after the first.
        most: questions at most.
        answer_file: where the answer is written, so that a disagreement can be looked into; empty for nowhere.
    """

    side: str
    arguments: dict[str, Any]
    cold: bool = False
    seconds: float = 2.0
    most: int = 7
    answer_file: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What a side's process tells.

    Args:
        seconds: of each timed question.
        answer_sha256: of the cells in order; equal for all sides.
        cells: other than 0.
        read_bytes: from the disk during the timed questions.
    """

    seconds: list[float]
    answer_sha256: str
    cells: int
    read_bytes: int


def carry_out(visit: Visit, *, ready: Callable[[], None]) -> Told:
    """Prepare the side, tell that it is ready, and ask."""
    module, _, name = visit.side.partition(":")
    side: Side = getattr(importlib.import_module(module), name)(**visit.arguments)
    ready()
    answer = side.answer(side.ask())  # the first question loads code and fills caches
    if visit.answer_file:
        Path(visit.answer_file).write_text(json.dumps(answer))
    if visit.cold:
        side.forget()
        page_cache.drop(side.files(), way=page_cache.way_to_drop())
    seconds: list[float] = []
    before = _read_bytes()
    while not seconds or (not visit.cold and len(seconds) < visit.most and sum(seconds) < visit.seconds):
        started = time.perf_counter()
        result = side.ask()
        seconds.append(time.perf_counter() - started)
        del result
    return Told(seconds, sha256_of(answer), len(answer), _read_bytes() - before)


def sha256_of(answer: Answer) -> str:
    """The same for equal answers, whatever the order of their cells."""
    lines = "\n".join(f"{cell}={number}" for cell, number in sorted(answer.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _read_bytes() -> int:
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("read_bytes:"):
            return int(line.split()[1])
    return 0


def _tell(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Read what to do, do it, tell."""
    told = carry_out(Visit(**json.load(sys.stdin)), ready=lambda: _tell({"ready": True}))
    _tell(asdict(told))


if __name__ == "__main__":
    main()
