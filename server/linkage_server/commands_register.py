"""`linkage-server register ...`: what an operator does with register deliveries."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as ProgressBar
from rich.table import Table

from linkage.code_lists import load_code_lists
from linkage.errors import DeliveryRejected, LinkageError, NotFound
from linkage.register_catalogue import RegisterDefinition, load_registers
from linkage_server.command_line import OpenHome
from linkage_server.keys.key_ring import KeyRing
from linkage_server.operations.home import HomeFolder
from linkage_server.registers.follow_peppers import follow_peppers
from linkage_server.registers.history import NumberHistoryStore
from linkage_server.registers.ingest import IngestSettings, load_delivery
from linkage_server.registers.number_changes import read_number_changes
from linkage_server.registers.progress import Progress, ShowProgress
from linkage_server.registers.quality_print import print_report
from linkage_server.registers.quality_report import QualityReport, ReportFolder
from linkage_server.registers.store import RegisterStore
from linkage_server.settings import load_settings
from linkage_server.storage.database import Database

register_app = typer.Typer(help="Load registers and see what they hold.", no_args_is_help=True)


def _home_folder(home: Path) -> Path:
    """The folder, if it is a home folder that nobody else can look into; `HomeFolder.open` refuses others."""
    return HomeFolder.open(home).root


Home = Annotated[
    Path,
    typer.Option(
        "--home", help="Home folder of the server.", envvar="LINKAGE_SERVER_HOME", callback=_home_folder, is_eager=True
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Name = Annotated[str, typer.Argument(help="Name of the register.")]


@register_app.command("load")
def load(
    *,
    name: Name,
    files: Annotated[list[Path], typer.Argument(help="CSV (also .gz), Parquet, Arrow or SAS7BDAT: one delivery.")],
    home: Home,
    replace: Annotated[
        bool, typer.Option("--replace", help="The files are the whole register, not an addition.")
    ] = False,
    reference_date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day the delivery was made; today if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Load a delivery as a new snapshot and print its quality report."""
    definition = _definition(home, name)
    today = datetime.now(UTC).date()
    settings = IngestSettings(
        store=RegisterStore(home / "store"),
        quarantine_folder=home / "quarantine",
        peppers=KeyRing(home / "keys").peppers(),
        today=today,
        reference_date=reference_date.date() if reference_date else today,
        lists={system: codes.as_arrow() for system, codes in load_code_lists(home / "definitions" / "codes").items()},
        threads=os.cpu_count() or 1,
    )
    with _audited(home, "register.load", name), _progress_bar(hidden=as_json) as show:
        report = load_delivery(definition, files, settings=settings, replace=replace, show=show)
    _show_report(report, as_json=as_json)


@register_app.command("list")
def list_registers(home: Home, as_json: AsJson = False) -> None:
    """List the registers with what they hold."""
    store = RegisterStore(home / "store")
    loaded = set(store.registers())
    rows: list[dict[str, Any]] = []
    for name, definition in sorted(load_registers(home / "definitions" / "registers").items()):
        manifest = store.current(name) if name in loaded else None
        rows.append(
            {
                "register": name,
                "title": definition.title.en,
                "variables": len(definition.variables),
                "rows": manifest.rows if manifest else 0,
                "deliveries": len(manifest.deliveries) if manifest else 0,
                "last_day": manifest.last_day if manifest else None,
                "snapshot": manifest.snapshot_id if manifest else None,
            }
        )
    _print_rows(rows, as_json=as_json)


@register_app.command("report")
def report(
    name: Name,
    home: Home,
    delivery: Annotated[str, typer.Option(help="First characters of a delivery's id; the latest if not given.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print the stored quality report of a delivery, also of a refused one."""
    _definition(home, name)
    found = [one for one in ReportFolder(home / "store", name).all() if one.content_sha256.startswith(delivery)]
    if not found:
        raise NotFound(f"register {name!r} has no such report.", mend="Load a delivery, or check the delivery's id.")
    _show_report(found[-1], as_json=as_json)


@register_app.command("snapshots")
def snapshots(name: Name, home: Home, as_json: AsJson = False) -> None:
    """List the snapshots that orders can be pinned to, oldest first; the last one is served."""
    _definition(home, name)
    store = RegisterStore(home / "store")
    rows = []
    for line in store.snapshots(name):
        manifest = store.snapshot(name, line.snapshot_id)
        rows.append(
            {
                "snapshot": line.snapshot_id,
                "published_at": line.published_at.isoformat(timespec="seconds"),
                "rows": manifest.rows,
                "deliveries": len(manifest.deliveries),
                "segments": len(manifest.segments),
                "last_day": manifest.last_day,
            }
        )
    _print_rows(rows, as_json=as_json)


@register_app.command("compact")
def compact(name: Name, home: Home, as_json: AsJson = False) -> None:
    """Merge the segments of all deliveries, so that orders read fewer files; no row changes."""
    _definition(home, name)
    with _audited(home, "register.compact", name):
        manifest = RegisterStore(home / "store").compact(name)
    _print_rows(
        [
            {
                "register": name,
                "snapshot": manifest.snapshot_id,
                "segments": len(manifest.segments),
                "rows": manifest.rows,
            }
        ],
        as_json=as_json,
    )


@register_app.command("rehash")
def rehash(
    home: Home,
    new_pepper: Annotated[bool, typer.Option("--new-pepper", help="Add a new pepper to the key ring first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Move all registers and the number history to the newest pepper; can be stopped and run again."""
    ring = KeyRing(home / "keys")
    store = RegisterStore(home / "store")
    with _audited(home, "register.new_pepper" if new_pepper else "register.rehash", "-"):
        if new_pepper:
            ring.rotate_pepper()
        peppers = ring.peppers()
        moved = follow_peppers(store, NumberHistoryStore(home / "store" / "number-history"), peppers=peppers)
    _print_rows(
        [
            {"register": name, "pepper version": peppers[-1].version, "versions moved": moved.get(name, 0)}
            for name in store.registers()
        ],
        as_json=as_json,
    )


@register_app.command("history")
def history(
    file: Annotated[Path, typer.Argument(help="Columns old and new: identity numbers that changed.")],
    home: Home,
    reference_date: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    as_json: AsJson = False,
) -> None:
    """Learn which identity numbers became which; only hashes are stored."""
    peppers = KeyRing(home / "keys").peppers()
    day = reference_date.date() if reference_date else datetime.now(UTC).date()
    folder = home / "store" / "number-history"
    with _audited(home, "register.history", "-"):
        changes = read_number_changes(file, peppers=peppers, reference_date=day)
        version = NumberHistoryStore(folder).add(changes.old, changes.new, pepper_version=peppers[-1].version)
    _print_rows([{"read": len(changes.old), "changes": version.changes, "version": version.version}], as_json=as_json)


@contextmanager
def _audited(home: Path, action: str, register: str) -> Iterator[None]:
    """Write into the audit trail who changed a register and how it ended; begins nothing without a trail."""
    folder = HomeFolder.open(home)
    settings = load_settings(folder.settings_file)
    database = Database(
        settings.database.url_for(folder.database_file), busy_timeout_seconds=settings.database.busy_timeout_seconds
    )
    try:
        database.migrate()
        opened = OpenHome(folder=folder, settings=settings, database=database)
        operator, outcome = opened.operator(""), "INTERNAL"
        try:
            yield
            outcome = "OK"
        except LinkageError as refusal:
            outcome = refusal.reason
            raise
        finally:
            with database.transaction() as session:
                opened.trail.record(
                    session,
                    actor=operator.actor,
                    role=operator.role,
                    action=action,
                    subject=f"registers/{register}",
                    outcome=outcome,
                )
    finally:
        database.close()


def _definition(home: Path, name: str) -> RegisterDefinition:
    registers = load_registers(home / "definitions" / "registers")
    if name not in registers:
        raise DeliveryRejected(
            f"there is no register of that name; known are {', '.join(sorted(registers))}.",
            mend="Check the spelling, or put the register's definition into definitions/registers of the home folder.",
        )
    return registers[name]


def _show_report(report: QualityReport, *, as_json: bool) -> None:
    if as_json:
        typer.echo(report.model_dump_json(indent=1))
    else:
        print_report(report, _console())


def _print_rows(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows, default=_plain, ensure_ascii=False, indent=1))
        return
    if not rows:
        typer.echo("Nothing yet.")
        return
    table = Table(*(str(column).replace("_", " ").capitalize() for column in rows[0]))
    for row in rows:
        table.add_row(*(_cell(name, value) for name, value in row.items()))
    _console().print(table)


def _console() -> Console:
    """Standard output; wide enough for its tables where it is a file or a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


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
def _progress_bar(*, hidden: bool) -> Iterator[ShowProgress | None]:
    """A bar on standard error with stage, rows and time left; none where nobody watches."""
    console = Console(stderr=True)
    if hidden or not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[left]}"))
    with ProgressBar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("checking", total=1.0, left="")

        def show(progress: Progress) -> None:
            left = "" if progress.seconds_left is None else f"about {progress.seconds_left:.0f} s left"
            bar.update(
                task, completed=progress.share, left=left, description=f"{progress.stage}  {progress.rows:,} rows"
            )

        yield show
