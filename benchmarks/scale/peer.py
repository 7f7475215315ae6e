"""What the peers' sides share: what they are asked, and how they answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from benchmarks.scale.peer_answers import answer_of
from benchmarks.scale.peer_files import PeerFiles
from linkage_server.benchmark.questions import Answer

THREADS = 2


@dataclass(frozen=True, slots=True)
class Asked:
    """What a peer is asked.

    Args:
        files: the rows.
        form: `sorted` or `unsorted`.
        question: its name.
        persons: name of the population's file.
        first_year: of the two calendar years.
    """

    files: PeerFiles
    form: str
    question: str
    persons: str
    first_year: int

    @property
    def parquet(self) -> Path:
        """The rows as Parquet."""
        return self.files.parquet(self.form)

    @property
    def population(self) -> Path:
        """The population as Parquet."""
        return self.files.population(self.persons)


class Peer(ABC):
    """One peer with one form of the rows, ready to be asked; the population is in its memory already."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked

    @abstractmethod
    def ask(self) -> list[pa.Table]:
        """The answer's tables: what is timed."""

    def answer(self, result: list[pa.Table]) -> Answer:
        """The tables' cells, outside the measured time."""
        return answer_of(self.asked.question, result)

    def forget(self) -> None:  # noqa: B027 - most peers keep nothing
        """Let go of everything read from the files, before the page cache is dropped."""

    def files(self) -> list[Path]:
        """Files that a question may read."""
        return [self.asked.parquet]
