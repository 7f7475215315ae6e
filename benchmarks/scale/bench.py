"""What every task of the suite is given, and the register of tasks. A further task is a module with `TASK`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.scale.data_set import DataSet, Source, sides_installed
from linkage_server.benchmark.machine import Bandwidth
from linkage_server.benchmark.made_up_rows import MadeUpRows
from linkage_server.benchmark.rounds import Measured
from linkage_server.benchmark.visit import Visit

TASKS = (
    "t1_identity",
    "t2_volumes",
    "t3_initiation",
    "t4_adherence",
    "t5_nation",
    "t6_load",
    "t7_growing_register",
    "t8_population_sizes",
    "t9_small_beside_big",
    "t10_served_small_beside_big",
)


@dataclass(frozen=True, slots=True)
class Case:
    """One measurement of a task.

    Args:
        title: for people.
        parameters: what it is a point of.
        cold: the page cache is dropped before each question.
        visits: by side; ours, called `Linkage`, first.
        notes: words about what was measured, such as the bytes that must be touched; given the sides' figures.
    """

    title: str
    parameters: Mapping[str, int | str]
    cold: bool
    visits: Mapping[str, Visit]
    notes: Callable[[Mapping[str, Measured]], tuple[str, ...]] = lambda sides: ()


@dataclass
class Bench:
    """What the command line asked for.

    Args:
        rows: of the register that most tasks use.
        persons: of the population that most tasks ask about.
        given: rows from somebody's folder in place of made-up ones.
        cache: where sets of rows are kept.
        bandwidth: of the machine's memory, measured in this run.
        wanted_sides: words that peers' names begin with; all if there are none.
        temperatures: False for warm, True for cold.
    """

    rows: int
    persons: int
    given: Source | None
    cache: Path
    bandwidth: Bandwidth
    wanted_sides: list[str] = field(default_factory=list)
    temperatures: tuple[bool, ...] = (False, True)
    _data_sets: dict[int, DataSet] = field(default_factory=dict)

    @property
    def sides(self) -> list[str]:
        """Peers that take part."""
        return sides_installed(self.wanted_sides)

    @property
    def sorted_sides(self) -> list[str]:
        """One form of each peer, for tasks that measure many points."""
        return [side for side in self.sides if side.endswith(", sorted")]

    def data(self, rows: int | None = None) -> DataSet:
        """The register of so many rows, of the usual number where None."""
        rows = rows or self.rows
        if rows not in self._data_sets:
            self._data_sets[rows] = DataSet(self.given or MadeUpRows(rows), self.cache)
        return self._data_sets[rows]

    def linking_case(self, question: str, title: str, *, persons: int | None, cold: bool) -> Case:
        """A question about the usual register, to every side."""
        data = self.data()
        manifest = data.register.manifest()
        everybody = sum(segment.persons for segment in manifest.segments)
        return Case(
            title=title,
            parameters={"rows": manifest.rows, "persons": min(persons or everybody, everybody)},
            cold=cold,
            visits=data.visits(question, persons=persons, sides=self.sides, cold=cold),
        )


@dataclass(frozen=True, slots=True)
class Task:
    """A benchmark of the suite.

    Args:
        name: such as T4.
        title: for people.
        cases: gives the measurements, one after the other; what one needs is made when it is reached.
    """

    name: str
    title: str
    cases: Callable[[Bench], Iterator[Case]]


def tasks() -> dict[str, Task]:
    """Every task by its name, in order."""
    modules = (importlib.import_module(f"benchmarks.scale.{name}") for name in TASKS)
    found: list[Task] = [module.TASK for module in modules]
    return {task.name: task for task in found}
