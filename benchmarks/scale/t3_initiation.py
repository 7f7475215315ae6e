"""T3: initiation of eight groups within 30, 90 and 365 days, by hospital and sex."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.scale.bench import Bench, Case, Task

TITLE = "Initiation of eight groups within 30, 90 and 365 days, by hospital and sex"


def _cases(bench: Bench) -> Iterator[Case]:
    for cold in bench.temperatures:
        yield bench.linking_case("initiation", TITLE, persons=bench.persons, cold=cold)


TASK = Task("T3", TITLE, _cases)
