"""`linkage-server orders explain`: what a run of an order is expected to read and take, and what it did take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from linkage.errors import NotFound
from linkage_server.assembly import Service
from linkage_server.command_line import AsJson, Home, open_home, print_facts, print_json, print_table
from linkage_server.orders.explanation import ExplainedRegister, Explanation
from linkage_server.runs.run_report import RunReport

_MOST_PERSONS = 100_000_000
_LEAST_SECONDS = 0.001


def explain(
    order: Annotated[str, typer.Argument(help="Name of the order, its last part, or an order file (.toml).")],
    *,
    home: Home,
    persons: Annotated[
        int, typer.Option("--persons", min=0, max=_MOST_PERSONS, help="Explain for so many, not for its population.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Tell what a run of an order would read and take. Nothing is linked, and the server need not be running."""
    with open_home(home, as_json=as_json) as opened:
        planner = Service(opened.folder, opened.settings).planner
        if order.endswith(".toml"):
            explanation = planner.explain_document(_read(Path(order)), persons=persons)
        else:
            explanation = planner.explain(opened.officer(""), opened.order_name(order), persons=persons)
        if as_json:
            print_json(explanation.model_dump(mode="json"))
            return
        _print(explanation)


def print_run(expected: Explanation | None, report: RunReport | None) -> None:
    """What was expected of a run beside what it touched and took; nothing for an order that was not run."""
    if expected is not None or report is not None:
        typer.echo("")
        print_table(("run", "expected", "measured"), list(_compared(expected, report)))


def _compared(expected: Explanation | None, report: RunReport | None) -> Iterator[tuple[str, str, str]]:
    before = dict(_expected(expected)) if expected is not None else {}
    after = dict(_measured(report)) if report is not None else {}
    for what in before | after:
        yield what, before.get(what, "-"), after.get(what, "-")


def _expected(told: Explanation) -> Iterator[tuple[str, str]]:
    yield "blocks of persons", f"{told.blocks:,}"
    yield "memory beside the mapped registers", amount(told.memory_bytes)
    for one in told.registers:
        yield f"{one.name}: segments", f"{len(one.segments):,}"
        yield f"{one.name}: bytes", amount(one.bytes)
        yield f"{one.name}: rows", f"{one.rows:,}"
        yield f"{one.name}: persons", f"{one.persons:,}"
    for stage, seconds in told.seconds.items():
        yield stage, f"{rough_seconds(seconds)} s"


def _measured(report: RunReport) -> Iterator[tuple[str, str]]:
    yield "blocks of persons", f"{report.blocks:,}"
    yield "memory beside the mapped registers", amount(report.memory_bytes)
    for one in report.registers:
        yield f"{one.name}: segments", f"{one.segments:,}"
        yield f"{one.name}: bytes", amount(one.bytes)
        yield f"{one.name}: rows", one.rows if one.rows.startswith("<") else f"{int(one.rows):,}"
        yield f"{one.name}: persons", one.persons if one.persons.startswith("<") else f"{int(one.persons):,}"
    for stage, seconds in report.seconds.items():
        yield stage, f"{rough_seconds(seconds)} s"
    yield "all cores together", f"{rough_seconds(report.core_seconds)} s"


def rough_seconds(seconds: float) -> str:
    """Seconds to two figures, never as a power of ten."""
    return f"{float(f'{seconds:.2g}'):,.12g}" if seconds >= _LEAST_SECONDS else f"below {_LEAST_SECONDS}"


def amount(count: float) -> str:
    """Bytes for people."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{float(f'{count:.3g}'):,.12g} {unit}"
        count /= 1024
    raise AssertionError


def _print(told: Explanation) -> None:
    split = "split for want of memory" if told.split else "not split for want of memory"
    print_facts(
        {
            "persons": f"{told.persons:,}",
            "blocks of persons": f"{told.blocks:,}, {told.threads} at once; {split}",
            "memory": f"{amount(told.memory_bytes)} of {amount(told.memory_limit_bytes)}, beside the mapped registers",
            "time": f"{rough_seconds(sum(told.seconds.values()))} s ({_by_stage(told)})",
            "calibrated by": f"earlier runs on this machine: {told.earlier_runs}",
        }
    )
    for register in told.registers:
        _print_register(register)
    typer.echo(f"\n{told.rule}")


def _by_stage(told: Explanation) -> str:
    return ", ".join(f"{stage} {rough_seconds(seconds)}" for stage, seconds in told.seconds.items())


def _print_register(register: ExplainedRegister) -> None:
    typer.echo(f"\n{register.name}, snapshot {register.snapshot[:12]}")
    print_facts(
        {
            "columns": ", ".join(register.columns),
            "rows": f"at most {register.rows:,} of {register.persons:,} persons",
            "bytes": f"at most {amount(register.bytes)} of {amount(register.bytes_held)}",
        }
    )
    rows: Sequence[Sequence[object]] = [
        (
            one.segment,
            f"{one.first_day or '-'} to {one.last_day or '-'}",
            ", ".join(one.deliveries),
            one.method,
            f"{one.persons_asked:,} of {one.persons_held:,}",
            f"{one.rows:,}",
            amount(one.bytes),
        )
        for one in register.segments
    ]
    print_table(("segment", "days", "deliveries", "lookup", "persons asked", "rows", "bytes"), rows)
    for reason in dict.fromkeys(f"{one.method}: {one.reason}" for one in register.segments):
        typer.echo(f"{reason}.")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise NotFound(f"{path} cannot be read as an order file.", mend="Check the path.") from None
