"""T8: populations of a hundred persons to everybody, one register."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.scale import t4_adherence
from benchmarks.scale.bench import Bench, Case, Task

TITLE = "Populations of a hundred persons to everybody: " + t4_adherence.TITLE.lower()
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)


def _cases(bench: Bench) -> Iterator[Case]:
    data = bench.data()
    everybody = sum(segment.persons for segment in data.register.manifest().segments)
    for persons in [*(size for size in SIZES if size < everybody), None]:
        yield Case(
            title=t4_adherence.TITLE,
            parameters={"rows": data.register.manifest().rows, "persons": persons or everybody},
            cold=False,
            visits=data.visits("adherence", persons=persons, sides=bench.sorted_sides, cold=False),
        )


TASK = Task("T8", TITLE, _cases)
