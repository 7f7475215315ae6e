"""T7: the same number of persons asked about while the register grows from 10 to 200 million rows."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.scale import t2_volumes, t3_initiation, t4_adherence
from benchmarks.scale.bench import Bench, Case, Task

TITLE = "A register that grows, the same number of persons"
SHARES = (0.2, 1, 2, 4)
"""Of the usual register: 10, 50, 100 and 200 million rows where it has 50."""

QUESTIONS = {"volumes": t2_volumes.TITLE, "initiation": t3_initiation.TITLE, "adherence": t4_adherence.TITLE}


def _cases(bench: Bench) -> Iterator[Case]:
    if bench.given is not None:
        return  # given rows do not grow
    for share in SHARES:
        data = bench.data(round(share * bench.rows))
        for question, title in QUESTIONS.items():
            yield Case(
                title=title,
                parameters={"question": question, "rows": data.register.manifest().rows, "persons": bench.persons},
                cold=False,
                visits=data.visits(question, persons=bench.persons, sides=bench.sorted_sides, cold=False),
            )


TASK = Task("T7", TITLE, _cases)
