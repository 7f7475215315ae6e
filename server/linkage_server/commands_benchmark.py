"""`linkage-server benchmark`: how fast this machine answers, on its own register or on made-up rows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from linkage.errors import InputRefused
from linkage_server.benchmark import history, machine, page_cache
from linkage_server.benchmark.operator_run import TASKS, OperatorRun, ShowVisit, of_home, of_made_up_rows
from linkage_server.benchmark.results import OURS, CaseResult
from linkage_server.command_line import AsJson, open_state, print_facts, print_json, print_table, refusals_as_exit_codes
from linkage_server.register_console import Home, write_down
from linkage_server.registers.store import RegisterStore
from linkage_server.software_version import software_version

MIB = 2**20


def benchmark(
    *,
    home: Home,
    tasks: Annotated[list[str] | None, typer.Argument(help="T2 to T5; all if none is named.")] = None,
    register: Annotated[str, typer.Option(help="A loaded register, read only; made-up rows if not given.")] = "",
    rows: Annotated[int, typer.Option(min=1_000, help="Made-up rows.")] = 5_000_000,
    persons: Annotated[int, typer.Option(min=10, help="Persons asked about; T5 asks about everybody.")] = 100_000,
    rounds: Annotated[int, typer.Option(min=1, help="Visits to each side.")] = 3,
    cold: Annotated[bool, typer.Option("--cold", help="Read from the disk: the page cache is dropped first.")] = False,
    alone: Annotated[bool, typer.Option("--alone", help="Leave the peers out, where they are installed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure how fast questions are answered here, and compare with the last run; answers are not shown."""
    with refusals_as_exit_codes(as_json=as_json):
        chosen = _known(tasks or list(TASKS))
        with _run(home, register, rows=rows, persons=persons, alone=alone) as run, _shown(hidden=as_json) as show:
            before = machine.bandwidth()
            results = run.measured(chosen, cold=cold, rounds=rounds, show=show)
        facts = machine.facts() | {
            "register": run.words,
            "software": software_version(),
            "memory_read_bytes_per_second": round(before.read),
            "memory_copied_bytes_per_second": round(before.copied),
            "page_cache": page_cache.way_to_drop() if cold else "warm",
        }
        kept = home / "benchmarks"
        told = history.as_history(results, machine=facts, commit=software_version(), made_at=datetime.now(UTC))
        changes = _since_last(kept, told)
        file = history.write_history(kept, told)
        if as_json:
            print_json(
                {
                    "machine": facts,
                    "cases": [_case(result) for result in results],
                    "since_last_run": changes,
                    "kept": str(file),
                }
            )
        else:
            _print(results, facts, changes, file)


def _known(tasks: list[str]) -> list[str]:
    names = [name.upper() for name in tasks]
    if unknown := [name for name in names if name not in TASKS]:
        raise InputRefused(f"there is no task {unknown[0]!r}.", mend=f"Name some of: {', '.join(TASKS)}.")
    return names


@contextmanager
def _run(home: Path, register: str, *, rows: int, persons: int, alone: bool) -> Iterator[OperatorRun]:
    """What is measured; reading a register is written into the audit trail before it begins."""
    if register:
        run = of_home(RegisterStore(home / "store"), register, persons=persons)
        with open_state(home) as opened:
            write_down(opened, "register.benchmark", subject=f"registers/{register}", outcome="OK")
        yield run
        return
    with tempfile.TemporaryDirectory(prefix="linkage-benchmark-") as folder:
        yield of_made_up_rows(Path(folder), rows=rows, persons=persons, alone=alone)


@contextmanager
def _shown(*, hidden: bool) -> Iterator[ShowVisit]:
    """What is measured just now, on standard error, where somebody watches."""
    terminal = Console(stderr=True)
    if hidden or not terminal.is_terminal:
        yield lambda words: None
        return
    with terminal.status("making the register") as status:
        yield status.update


def _since_last(kept: Path, told: dict[str, Any]) -> list[dict[str, Any]]:
    """Cases of this run beside those of the last; none where there was no run, or it had none of these cases."""
    files = sorted(kept.glob("*.json"))
    if not files:
        return []
    try:
        changes = history.compare(history.read_history(files[-1]), told)
    except InputRefused:
        return []
    return [
        {"case": one.case, "measure": one.measure, "change": round(one.change, 4), "regression": one.is_regression}
        for one in changes
    ]


def _case(result: CaseResult) -> dict[str, Any]:
    return {
        "task": result.task,
        "title": result.title,
        "parameters": dict(result.parameters),
        "cold": result.cold,
        "sides": {
            side: {
                "median_seconds": figures.median,
                "fastest_seconds": min(figures.seconds),
                "slowest_seconds": max(figures.seconds),
                "peak_bytes": figures.peak.own,
                "read_bytes": round(figures.read_bytes),
            }
            for side, figures in result.sides.items()
        },
    }


def _print(results: list[CaseResult], facts: dict[str, Any], changes: list[dict[str, Any]], file: Path) -> None:
    print_table(
        ("Task", "Side", "Seconds (median)", "Fastest", "Slowest", "Times Linkage", "Own memory MiB"),
        [
            (
                result.task,
                side,
                f"{figures.median:.3f}",
                f"{min(figures.seconds):.3f}",
                f"{max(figures.seconds):.3f}",
                "" if side == OURS else f"{result.ratio(side):.1f}",
                figures.peak.own // MIB,
            )
            for result in results
            for side, figures in result.sides.items()
        ],
    )
    for task in dict.fromkeys(result.task for result in results):
        typer.echo(f"{task}: {TASKS[task][1]}")
    print_facts(
        {
            "Machine": f"{facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB",
            "Load average": facts["load_average"],
            "Measured": facts["register"],
        }
    )
    if changes:
        print_table(
            ("Case", "Measure", "Since the last run", ""),
            [
                (one["case"], one["measure"], f"{one['change']:+.1%}", "slower" if one["regression"] else "")
                for one in changes
            ],
        )
    typer.echo(f"Kept in {file}.")
