"""Runs tasks of the national-scale benchmark, prints their figures and keeps them.

    ./run bench scale [T2 T4 ...] [--rows 50e6] [--persons 100000] [--data DIR] [--write]

Every side answers in a process of its own, in turn, round after round; nothing is shown unless all answers are equal.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.scale import page
from benchmarks.scale.bench import Bench, Case, Task, tasks
from benchmarks.scale.data_set import cache_folder
from benchmarks.scale.given_rows import GivenRows
from benchmarks.scale.peers import PACKAGES
from linkage.errors import LinkageError
from linkage_server.benchmark import machine, page_cache
from linkage_server.benchmark.history import as_history, read_history, write_history
from linkage_server.benchmark.results import CaseResult
from linkage_server.benchmark.rounds import measure

HISTORY = Path(__file__).resolve().parent.parent / "history"


def main(arguments: Sequence[str]) -> int:
    """Run what the command line names; exit codes are those of both programs."""
    asked = _parser().parse_args(arguments)
    try:
        bench = Bench(
            rows=int(float(asked.rows)),
            persons=asked.persons,
            given=GivenRows(asked.data) if asked.data else None,
            cache=asked.cache,
            bandwidth=machine.bandwidth(),
            wanted_sides=asked.sides,
            temperatures=(False,) if asked.warm else (True,) if asked.cold else (False, True),
        )
        _run(bench, [tasks()[name] for name in asked.tasks or tasks()], asked)
    except LinkageError as refusal:
        sys.stderr.write(f"Refused: {refusal.message}\n{refusal.mend}\n")
        return refusal.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run bench scale", description=__doc__.partition("\n")[0])
    parser.add_argument("tasks", nargs="*", choices=[*tasks(), []], help="all if none is named")
    parser.add_argument("--rows", default="50e6", help="rows of the made-up register, such as 5e6; 50e6 if not given")
    parser.add_argument("--persons", type=int, default=100_000, help="asked about; 100,000 if not given")
    parser.add_argument("--data", type=Path, help="folder of Parquet files in place of made-up rows")
    parser.add_argument(
        "--sides", nargs="*", default=[], help="peers by the beginning of their names; all if not given"
    )
    parser.add_argument("--rounds", type=int, default=5, help="visits to each side; 5 if not given")
    parser.add_argument("--cache", type=Path, default=cache_folder(), help="folder where registers are kept")
    parser.add_argument("--warm", action="store_true", help="with a warm page cache only")
    parser.add_argument("--cold", action="store_true", help="with a dropped page cache only")
    parser.add_argument("--write", action="store_true", help="keep the figures in benchmarks/")
    return parser


def _run(bench: Bench, chosen: Sequence[Task], asked: argparse.Namespace) -> None:
    results: list[CaseResult] = []
    for task in chosen:
        for case in task.cases(bench):
            results.append(_measured(task, case, rounds=asked.rounds))
            print(f"\n{task.name}. {case.title}\n\n{page.section([results[-1]])}", flush=True)
    if not results:
        return
    facts = machine.facts(PACKAGES) | {
        "register": bench.data().source.words,
        "memory_read_bytes_per_second": round(bench.bandwidth.read),
        "memory_copied_bytes_per_second": round(bench.bandwidth.copied),
        "page_cache": page_cache.way_to_drop(),
    }
    history = as_history(results, machine=facts, commit=_commit(), made_at=datetime.now(UTC))
    print(page.machine_words(facts, bench.bandwidth))
    if asked.write:
        write_history(HISTORY, history)
        runs = [read_history(path) for path in sorted(HISTORY.glob("*.json"))]
        page.write_summary(runs)
        shown = page.with_other_temperature(results, runs)
        page.write(shown, facts, bench.bandwidth, command=_command(asked))


def _measured(task: Task, case: Case, *, rounds: int) -> CaseResult:
    def progress(side: str, number: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\033[K{task.name} round {number + 1} of {rounds}: {side}")

    found = measure(case.visits, rounds=rounds, progress=progress)
    progress("", rounds - 1)
    return CaseResult(task.name, case.title, case.parameters, case.cold, found, case.notes(found))


def _commit() -> str:
    told = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return told.stdout.strip()


def _command(asked: argparse.Namespace) -> str:
    parts = ["./run bench scale", *asked.tasks, f"--rows {asked.rows}", f"--persons {asked.persons}"]
    parts += [f"--rounds {asked.rounds}"]
    parts += ["--warm"] if asked.warm else ["--cold"] if asked.cold else []
    parts += [f"--sides {' '.join(shlex.quote(side) for side in asked.sides)}"] if asked.sides else []
    return " ".join(parts)
