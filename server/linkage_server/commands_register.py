"""`linkage-server register ...`: what an operator does with register deliveries."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from linkage.code_lists import load_code_lists
from linkage.errors import NotFound
from linkage.register_catalogue import load_registers
from linkage_server import commands_manufacturers, commands_store
from linkage_server.keys.key_ring import KeyRing
from linkage_server.lab.inhabitants_file import inhabitants_table
from linkage_server.register_console import (
    AsJson,
    Home,
    Name,
    audited,
    console,
    definition_of,
    print_rows,
    progress_bar,
)
from linkage_server.registers.history import NumberHistoryStore
from linkage_server.registers.ingest import IngestSettings, load_delivery
from linkage_server.registers.inhabitants import InhabitantsStore
from linkage_server.registers.number_changes import read_number_changes
from linkage_server.registers.progress import LoadCost
from linkage_server.registers.quality_print import print_report
from linkage_server.registers.quality_report import QualityReport, ReportFolder
from linkage_server.registers.store import RegisterStore
from linkage_server.settings import LEAST_MEMORY, memory_in_bytes

register_app = typer.Typer(help="Load registers and see what they hold.", no_args_is_help=True)
register_app.command("snapshots")(commands_store.snapshots)
register_app.command("compact")(commands_store.compact)
register_app.command("rehash")(commands_store.rehash)
register_app.command("erase")(commands_store.erase)
register_app.command("maintain")(commands_store.maintain)
register_app.command("manufacturers")(commands_manufacturers.manufacturers)


def _memory(written: str) -> str:
    if memory_in_bytes(written) < LEAST_MEMORY:
        raise typer.BadParameter('at least 256MiB, written as in "512MiB" or "4GiB"')
    return written


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
    memory: Annotated[
        str,
        typer.Option(
            help='What sorting may hold, such as "4GiB"; it spills to disk beyond. Reading and checking take about '
            "half a GiB besides where rows have many columns.",
            callback=_memory,
        ),
    ] = "1GiB",
    as_json: AsJson = False,
) -> None:
    """Load a delivery as a new snapshot and print its quality report; as JSON with what the load took."""
    definition = definition_of(home, name)
    today = datetime.now(UTC).date()
    cost = LoadCost()
    settings = IngestSettings(
        store=RegisterStore(home / "store", memory_bytes=memory_in_bytes(memory)),
        quarantine_folder=home / "quarantine",
        peppers=KeyRing(home / "keys").peppers(),
        today=today,
        reference_date=reference_date.date() if reference_date else today,
        lists={system: codes.as_arrow() for system, codes in load_code_lists(home / "definitions" / "codes").items()},
        threads=os.cpu_count() or 1,
    )
    with audited(home, "register.load", name), progress_bar(hidden=as_json) as show:
        report = load_delivery(definition, files, settings=settings, replace=replace, show=show, cost=cost)
    if as_json:
        typer.echo(json.dumps(report.model_dump(mode="json") | {"load": asdict(cost)}, ensure_ascii=False, indent=1))
    else:
        _show_report(report, as_json=False)


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
    print_rows(rows, as_json=as_json)


@register_app.command("report")
def report(
    name: Name,
    home: Home,
    delivery: Annotated[str, typer.Option(help="First characters of a delivery's id; the latest if not given.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print the stored quality report of a delivery, also of a refused one."""
    definition_of(home, name)
    found = [one for one in ReportFolder(home / "store", name).all() if one.content_sha256.startswith(delivery)]
    if not found:
        raise NotFound(f"register {name!r} has no such report.", mend="Load a delivery, or check the delivery's id.")
    _show_report(found[-1], as_json=as_json)


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
    with audited(home, "register.history", "-"):
        changes = read_number_changes(file, peppers=peppers, reference_date=day)
        version = NumberHistoryStore(folder).add(changes.old, changes.new, pepper_version=peppers[-1].version)
    print_rows([{"read": len(changes.old), "changes": version.changes, "version": version.version}], as_json=as_json)


@register_app.command("inhabitants")
def inhabitants(
    file: Annotated[Path, typer.Argument(help="Mean population by year, quarter or month; sex, age_group, strata.")],
    home: Home,
    as_json: AsJson = False,
) -> None:
    """Load the table of inhabitants that orders have rates by; orders that ran keep the version they ran with."""
    with audited(home, "register.inhabitants", "-"):
        served = InhabitantsStore(home / "store" / "inhabitants").add(inhabitants_table(file))
    facts = {"from": served.first_day, "until": served.last_day, "strata": ", ".join(served.strata)}
    print_rows([{**facts, "version": served.version}], as_json=as_json)


def _show_report(report: QualityReport, *, as_json: bool) -> None:
    if as_json:
        typer.echo(report.model_dump_json(indent=1))
    else:
        print_report(report, console())
