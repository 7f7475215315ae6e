"""One register in every side's form, made when first asked for and kept in a folder named by its content."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from benchmarks.scale import peers
from benchmarks.scale.peer_files import PeerFiles, write_peer_files, write_population
from linkage_server.benchmark.asked_persons import draw_persons, first_year
from linkage_server.benchmark.benchmark_store import StoredRegister, stored_register
from linkage_server.benchmark.made_up_rows import Rows
from linkage_server.benchmark.results import OURS
from linkage_server.benchmark.visit import Visit


class Source(Protocol):
    """Where rows come from: made up, or given."""

    @property
    def key(self) -> str:
        """Names the rows."""
        ...

    @property
    def words(self) -> str:
        """For people."""
        ...

    def batches(self) -> Rows:
        """Ids and rows."""
        ...


def cache_folder() -> Path:
    """`LINKAGE_BENCHMARK_CACHE`, or a folder of the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("LINKAGE_BENCHMARK_CACHE") or cache / "linkage-benchmark")


class DataSet:
    """Rows and populations for all sides.

    Args:
        source: the rows.
        folder: where sets of rows are kept.
    """

    def __init__(self, source: Source, folder: Path) -> None:
        self.source = source
        self._folder = folder / source.key
        self._folder.mkdir(parents=True, exist_ok=True)

    @cached_property
    def register(self) -> StoredRegister:
        """Ours."""
        return stored_register(self._folder, self.source.batches)

    @cached_property
    def peer_files(self) -> PeerFiles:
        """The peers'."""
        return write_peer_files(self._folder, self.source.batches)

    @cached_property
    def first_year(self) -> int:
        """Of the two years that are asked about."""
        return first_year(self.register.manifest().last_day)

    def visits(self, question: str, *, persons: int | None, sides: list[str], cold: bool) -> Mapping[str, Visit]:
        """A question to each side, ours first; `persons` None asks about everybody."""
        ours: dict[str, Any] = {
            "store": str(self.register.folder),
            "register": self.register.register,
            "question": question,
            "persons": persons,
        }
        found = {OURS: Visit("linkage_server.benchmark.our_side:OurSide", ours, cold=cold)}
        for side in sides:
            arguments = {
                "side": side,
                "folder": str(self.peer_files.folder),
                "question": question,
                "persons": self._population(persons),
                "first_year": self.first_year,
            }
            found[side] = Visit("benchmarks.scale.peers:opened", arguments, cold=cold)
        return found

    def _population(self, persons: int | None) -> str:
        name = "all" if persons is None else str(persons)
        if not self.peer_files.population(name).exists():
            write_population(self.peer_files, name, draw_persons(self.register, persons=persons))
        return name


def sides_installed(wanted: list[str]) -> list[str]:
    """Peers of `wanted` (words that begin their names; all if there are none) whose packages are there."""
    return [
        side
        for side in peers.SIDES
        if peers.installed(side) and (not wanted or any(side.lower().startswith(word.lower()) for word in wanted))
    ]
