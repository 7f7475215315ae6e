"""What the harness measures: a side, which is asked the same question again and again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from linkage_server.benchmark.questions import Answer


class Side(Protocol):
    """One way to answer one question, prepared so that only the answering is timed."""

    def ask(self) -> Any:
        """Do the work; everything in here is timed."""
        ...

    def answer(self, result: Any) -> Answer:
        """What was answered, as numbers by cell, to be compared with the other sides; not timed."""
        ...

    def forget(self) -> None:
        """Let go of everything read from files, before the page cache is dropped."""
        ...

    def files(self) -> list[Path]:
        """Files that the work reads."""
        ...
