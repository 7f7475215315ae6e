"""T2: users, dispensings and DDD by ATC code and month."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.scale.bench import Bench, Case, Task

TITLE = "Users, dispensings and DDD by ATC code and month"


def _cases(bench: Bench) -> Iterator[Case]:
    for cold in bench.temperatures:
        yield bench.linking_case("volumes", TITLE, persons=bench.persons, cold=cold)


TASK = Task("T2", TITLE, _cases)
