"""T4: proportion of 365 days covered, with carry-over, by hospital and sex."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.scale.bench import Bench, Case, Task

TITLE = "Proportion of 365 days covered, with carry-over, by hospital and sex"


def _cases(bench: Bench) -> Iterator[Case]:
    for cold in bench.temperatures:
        yield bench.linking_case("adherence", TITLE, persons=bench.persons, cold=cold)


TASK = Task("T4", TITLE, _cases)
