"""What the commands of `linkage-server register` share: options, audit entries, tables and a progress bar."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as ProgressBar
from rich.table import Table

from linkage.errors import DeliveryRejected, LinkageError
from linkage.register_catalogue import RegisterDefinition, load_registers
from linkage_server.command_line import OpenHome, open_state
from linkage_server.operations.home import HomeFolder
from linkage_server.registers.progress import Progress, ShowProgress


def home_folder(home: Path) -> Path:
    """The folder, if it is a home folder that nobody else can look into; `HomeFolder.open` refuses others."""
    return HomeFolder.open(home).root


Home = Annotated[
    Path,
    typer.Option(
        "--home", help="Home folder of the server.", envvar="LINKAGE_SERVER_HOME", callback=home_folder, is_eager=True
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Name = Annotated[str, typer.Argument(help="Name of the register.")]


@contextmanager
def audited(home: Path, action: str, register: str, *, subject: str = "") -> Iterator[OpenHome]:
    """Write into the audit trail who changed a register and how it ended; begins nothing without a trail.

    Args:
        home: the home folder.
        action: what is done, such as "register.load".
        register: what it is done to; "-" for all.
        subject: what the entry is about, where it is not the register.
    """
    with open_state(home) as opened:
        outcome = "INTERNAL"
        try:
            yield opened
            outcome = "OK"
        except LinkageError as refusal:
            outcome = refusal.reason
            raise
        finally:
            write_down(opened, action, subject=subject or f"registers/{register}", outcome=outcome)


def write_down(opened: OpenHome, action: str, *, subject: str, outcome: str) -> None:
    """Add an entry by the operator at this console to the audit trail."""
    operator = opened.operator("")
    with opened.database.transaction() as session:
        opened.trail.record(
            session, actor=operator.actor, role=operator.role, action=action, subject=subject, outcome=outcome
        )


def definition_of(home: Path, name: str) -> RegisterDefinition:
    """The definition of a register; raises `DeliveryRejected` where there is none of that name."""
    registers = load_registers(home / "definitions" / "registers")
    if name not in registers:
        raise DeliveryRejected(
            f"there is no register of that name; known are {', '.join(sorted(registers))}.",
            mend="Check the spelling, or put the register's definition into definitions/registers of the home folder.",
        )
    return registers[name]


def print_rows(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """A table for people, or the rows as JSON."""
    if as_json:
        typer.echo(json.dumps(rows, default=_plain, ensure_ascii=False, indent=1))
        return
    if not rows:
        typer.echo("Nothing to show or to do.")
        return
    table = Table(*(str(column).replace("_", " ").capitalize() for column in rows[0]))
    for row in rows:
        table.add_row(*(_cell(name, value) for name, value in row.items()))
    console().print(table)


def console() -> Console:
    """Standard output; wide enough for its tables where it is a file or a pipe."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=160)


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)[:12] if name in ("snapshot", "version") else str(value)


def _plain(value: object) -> str:
    assert isinstance(value, date), "only dates need a text form"
    return value.isoformat()


@contextmanager
def progress_bar(*, hidden: bool) -> Iterator[ShowProgress | None]:
    """A bar on standard error with stage, rows and time left; none where nobody watches."""
    terminal = Console(stderr=True)
    if hidden or not terminal.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[left]}"))
    with ProgressBar(*columns, console=terminal, transient=True) as bar:
        task = bar.add_task("checking", total=1.0, left="")

        def show(progress: Progress) -> None:
            left = "" if progress.seconds_left is None else f"about {progress.seconds_left:.0f} s left"
            bar.update(
                task, completed=progress.share, left=left, description=f"{progress.stage}  {progress.rows:,} rows"
            )

        yield show
