"""Measures what the planner's rule counts and prints its constants: `python -m benchmarks.run_costs`.

Orders of several kinds and sizes are run in process over a made-up register, each on one thread and each several times;
of each stage the least processor time counts, so that other work on the machine matters little. Then come the rule's
expectation beside it, and the constants that `linkage_server.runs.expected_time` would need.

What reading, computing and counting cost is fitted to orders that look at every row, as the rule counts them; orders
about some codes are shown, and are not fitted to.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from benchmarks.order_home import OrderHome
from benchmarks.tables import as_markdown
from linkage_server.benchmark.made_up_rows import REGISTER, MadeUpRows
from linkage_server.benchmark.questions import Question
from linkage_server.runs.describe import describe
from linkage_server.runs.expected_time import COMPUTING, RunSize, seconds_by_stage
from linkage_server.runs.linkage_run import STAGES, run_linkage
from linkage_server.runs.plan import RunPlan
from linkage_server.storage.tables import RunRow

PERSONS: tuple[int | None, ...] = (2_000, 20_000, None)
LONGEST_ROUNDS_SECONDS = 5.0
ABOUT_CODES = ("adherence",)
USERS = '[[indicator]]\nid = "users"\nkind = "users"\nreversals = "drop_negative"'
VOLUMES = '[[indicator]]\nid = "dispensings"\nkind = "dispensings"', '[[indicator]]\nid = "ddd"\nkind = "ddd"'
STARTED = '[[indicator]]\nid = "started"\nkind = "initiation"\ncodes = "all"\nreversals = "drop_negative"'
COVERED = (
    '[[indicator]]\nid = "covered"\nkind = "proportion_of_days_covered"\ncodes = "all"\nsupply = "ddd"\n'
    'carry_over = "pooled"\nstock_cap_days = "none"'
)
ALL_CODES = f"[codes.all]\natc_include = {list('ABCDGHJLMNPRSV')}"
SUPPLY = '[supply.ddd]\nsteps = ["ddd:1"]\ncap_days = 3650\nreversals = "drop_negative"'
YEAR_FROM_INDEX = "observe = { from = 0, to = 365 }"


@dataclass(frozen=True, slots=True)
class Measured:
    """One order: what the rule knows of it, and the least processor seconds of each stage."""

    question: str
    size: RunSize
    seconds: dict[str, float]


def main() -> None:
    """Run the orders, print what they took and the constants."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", default="3e6", help="rows of the register; 3e6 if not given")
    parser.add_argument("--rounds", type=int, default=7, help="runs of each order at most; 7 if not given")
    asked = parser.parse_args()
    rows = MadeUpRows(int(float(asked.rows)))
    with tempfile.TemporaryDirectory() as folder:
        home = OrderHome(Path(folder) / "home", rows, threads=1)
        measured = list(_measured(home, rounds=asked.rounds))
    print(f"{rows.words}; processor seconds of each stage, and in brackets the rule's expectation over them\n")
    print(as_markdown([_shown(one) for one in measured]))
    for name, value in fitted(measured).items():
        print(f"{name} = {value:.1e}")


def fitted(measured: list[Measured]) -> dict[str, float]:
    """The constants: medians of what a stage took for each of its units, and for computing a fit of relative errors."""
    stages = _by_stage(measured)
    block, gather, follow, count = _fitted_computing([one for one in measured if one.question not in ABOUT_CODES])
    return {
        "READ_PERSON": statistics.median(seconds / size.persons for size, seconds in stages[STAGES[0]]),
        "OPEN_COLUMN": statistics.median(seconds / size.columns for size, seconds in stages[STAGES[1]]),
        "COMPUTE_BLOCK": block,
        "GATHER_ROW_AND_COLUMN": gather,
        "FOLLOW_ROW_AND_STOCK": follow,
        "COUNT_PERSON_AND_VALUE": count,
        "PROTECT_VALUE_AND_TABLE": statistics.median(
            seconds / (size.values * size.tables) for size, seconds in stages["protecting"]
        ),
        "DESCRIBE": statistics.median(seconds for _, seconds in stages["describing"]),
    }


def _by_stage(measured: list[Measured]) -> dict[str, list[tuple[RunSize, float]]]:
    found = defaultdict(list)
    for one in measured:
        for stage, seconds in one.seconds.items():
            found[stage].append((one.size, seconds))
    return found


def _fitted_computing(measured: list[Measured]) -> tuple[float, float, float, float]:
    """Costs of a block, a row and column, a row and stock, a person and counted value; none below nothing."""
    units = np.array([_units(one.size) for one in measured])
    taken = np.array([one.seconds[COMPUTING] - one.size.probe_seconds for one in measured])
    costs, _ = nnls(units / taken[:, None], np.ones(len(taken)))
    block, gather, follow, count = costs.tolist()
    return block, gather, follow, count


def _units(run: RunSize) -> tuple[float, ...]:
    """What computing is counted in."""
    return run.blocks, run.rows * run.columns, run.rows * run.stocks, run.persons * run.values * run.tables


def _measured(home: OrderHome, *, rounds: int) -> Iterator[Measured]:
    for name, question in _questions(home).items():
        for persons in PERSONS:
            order_id = home.file_order(question, persons=persons).rpartition("/")[2]
            assert home.service.run_desk.run(order_id), "the run failed; its reason is in the home folder's database"
            with home.service.database.reading() as session:
                run = session.get_one(RunRow, order_id)
                plan, asked = RunPlan.from_json(run.plan), run.expected["persons"] if run.expected else 0
            size = home.service.planner.size(plan, persons=asked)
            taken, since = [_ran(home, order_id, plan)], time.monotonic()
            while len(taken) < rounds and time.monotonic() - since < LONGEST_ROUNDS_SECONDS:
                taken.append(_ran(home, order_id, plan))
            yield Measured(name, size, {stage: min(one[stage] for one in taken) for stage in STAGES})
            if sys.stderr.isatty():
                sys.stderr.write(f"\r\033[K{name}, {size.persons:,} persons")


def _ran(home: OrderHome, order_id: str, plan: RunPlan) -> dict[str, float]:
    """Processor seconds of each stage of a run that was done before."""
    desk, began = home.service.run_desk, {}

    def begin(stage: str) -> None:
        began[stage] = time.process_time()

    answer = run_linkage(plan, desk.sources(plan), report=begin)
    begin("describing")
    desk.release_desk.take_in(order_id, answer.table, describe(plan, match_rate_band=answer.match_rate_band))
    ends = [*list(began.values())[1:], time.process_time()]
    return {stage: end - start for (stage, start), end in zip(began.items(), ends, strict=True)}


def _questions(home: OrderHome) -> dict[str, Question]:
    """Orders about every row, with few and many columns, indicators, values and tables; then some about codes."""
    empty = home.question("adherence")

    def asked(name: str, indicators: tuple[str, ...], period: str, *by: tuple[str, ...]) -> Question:
        parts = [f'{one}\nregister = "{REGISTER}"\n{period}' for one in indicators]
        header = '[set]\nid = "costs"\nversion = "1.0.0"\n[exits]\ndeath = false'
        return replace(empty, name=name, indicator_set="\n\n".join([header, ALL_CODES, SUPPLY, *parts]), by=by)

    year = home.first_year
    months, years = (
        f'calendar = {{ from = {year}-01-01, until = {year + 2}-01-01, step = "{step}" }}' for step in ("month", "year")
    )
    everything = (USERS, *VOLUMES)
    eight = tuple(USERS.replace('"users"\n', f'"users-{number}"\n', 1) for number in range(8))
    about_rows = [
        asked("users", (USERS,), YEAR_FROM_INDEX),
        asked("users, three tables", (USERS,), YEAR_FROM_INDEX, ("county",), ("hospital", "sex")),
        asked("volumes", everything, YEAR_FROM_INDEX, ("county",)),
        asked("users by month", (USERS,), months),
        asked("coverage", (COVERED,), YEAR_FROM_INDEX),
        asked("started", (STARTED,), "window = { from = 0, to = [30, 90, 365] }"),
        asked("coverage and users", (USERS, COVERED), YEAR_FROM_INDEX),
        asked("eight of users", eight, YEAR_FROM_INDEX),
        asked("volumes by year", everything, years, ("sex",)),
    ]
    return {one.name: one for one in [*about_rows, *map(home.question, ABOUT_CODES)]}


def _shown(one: Measured) -> dict[str, Any]:
    expected = seconds_by_stage(one.size)
    sizes = f"{one.size.persons:,} persons, {one.size.values} values, {one.size.tables} tables"
    row: dict[str, Any] = {"order": f"{one.question}, {sizes}"}
    return row | {stage: f"{one.seconds[stage]:.2g} ({expected[stage] / one.seconds[stage]:.2g})" for stage in STAGES}


if __name__ == "__main__":
    main()
