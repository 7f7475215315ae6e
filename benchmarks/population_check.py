"""Checking a population file of a million rows, of which every tenth is wrong: every bad row is listed.

The alternative loops over the rows with `csv` and the `personnummer` library, and only looks at numbers. Persons: see
`unborn`.
"""

from __future__ import annotations

import csv
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from personnummer import personnummer

from benchmarks import unborn
from linkage.population_file import PopulationLayout, check_population

TITLE = "Checking a population file of a million rows"
ROWS, WRONG_EVERY, ROUNDS = 1_000_000, 10, 3
LIMIT_SECONDS = 5.0


def run() -> list[dict[str, Any]]:
    """A clean file, and one with 100,000 faults of three kinds."""
    with tempfile.TemporaryDirectory() as name:
        clean, faulty = Path(name) / "clean.csv", Path(name) / "faulty.csv"
        population = unborn.draw_population(unborn.unborn_numbers(ROWS, seed=7), persons=ROWS, seed=8)
        unborn.write_population(clean, population)
        unborn.write_population(faulty, _with_faults(population))
        tasks: dict[str, Callable[[], int]] = {
            "linkage check, clean": lambda: _check(clean),
            "linkage check, 100,000 bad rows listed": lambda: _check(faulty),
            "csv and personnummer in a loop, numbers only": lambda: _loop(faulty),
        }
        assert _check(clean) == 0
        assert _check(faulty) == ROWS // WRONG_EVERY
        seconds: dict[str, list[float]] = {task: [] for task in tasks}
        for _ in range(ROUNDS):
            for task, ask in tasks.items():
                start = time.perf_counter()
                ask()
                seconds[task].append(time.perf_counter() - start)
    return [
        {
            "": task,
            "rows": ROWS,
            "seconds (median)": statistics.median(taken),
            "rows a second": ROWS / statistics.median(taken),
            "within 5 s": "" if "loop" in task else "yes" if max(taken) < LIMIT_SECONDS else "no",
        }
        for task, taken in seconds.items()
    ]


def _with_faults(population: pa.Table) -> pa.Table:
    """Every tenth row gets a wrong check digit, an index date that is none, or an empty number, in turn."""
    numbers = np.array(population["personnummer"].to_pylist(), "U12")
    dates = np.array(population["index_date"].cast(pa.string()).to_pylist(), "U10")
    wrong = np.arange(0, ROWS, WRONG_EVERY)
    check = wrong[::3]
    last = (np.array([int(number[-1]) for number in numbers[check]]) + 1) % 10
    numbers[check] = np.char.add(numbers[check].astype("U11"), last.astype("U1"))
    dates[wrong[1::3]] = "2099-02-30"
    numbers[wrong[2::3]] = ""
    return pa.table({"personnummer": numbers, "index_date": dates, "hospital": population["hospital"]})


def _check(path: Path) -> int:
    layout = PopulationLayout(
        index_date_required=True, strata=("hospital",), reference_date=unborn.REFERENCE_DATE, index_date_range=None
    )
    return len({problem.row for problem in check_population(path, layout=layout).problems})


def _loop(path: Path) -> int:
    with path.open(newline="") as file:
        return sum(not personnummer.valid(row["personnummer"]) for row in csv.DictReader(file))
