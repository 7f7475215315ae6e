"""`linkage-server made-up FOLDER`: the demo's registers, population and order as files, to go the whole way by hand."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from linkage.errors import Conflict, ServiceUnavailable
from linkage_server.command_line import AsJson, print_json, refusals_as_exit_codes
from linkage_server.demo.made_up_registers import DELIVERED_ON, make_registers
from linkage_server.demo.tour import ORDER
from linkage_server.storage.files import disk_refusals


def made_up(
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    *,
    dispensings: Annotated[int, typer.Option("--dispensings", min=50_000, help="Size of the drug register.")] = 100_000,
    as_json: AsJson = False,
) -> None:
    """Write made-up register files, a population and an order for a trial by hand; official test numbers only."""
    with refusals_as_exit_codes(as_json=as_json), _new_folder(folder):
        made = make_registers(folder, dispensings=dispensings)
        order = Path(shutil.copyfile(ORDER, folder / "order.toml"))
    if as_json:
        deliveries = [{"register": name, "files": [str(file) for file in files]} for name, files in made.deliveries]
        others = {"number_history": str(made.number_history), "population": str(made.population), "order": str(order)}
        print_json({"deliveries": deliveries, "reference_date": DELIVERED_ON.isoformat(), **others})
        return
    typer.echo(f"Made {folder}: {made.dispensings:,} dispensings, and a population of {made.persons:,} persons.")
    typer.echo("Load it, in this order, into a home folder (--home, or LINKAGE_SERVER_HOME):")
    on = f"--reference-date {DELIVERED_ON}"
    typer.echo(f"  linkage-server register history {shlex.quote(str(made.number_history))} {on}")
    for name, files in made.deliveries:
        typer.echo(f"  linkage-server register load {name} {shlex.join(map(str, files))} {on}")
    typer.echo(f"The quality register orders with {order} and {made.population}.")


@contextmanager
def _new_folder(folder: Path) -> Iterator[None]:
    """A folder that is filled wholly, or not there: a half of it would load without a word."""
    if folder.exists():
        raise Conflict(f"{folder} exists.", mend="Name a folder that is not there yet.")
    try:
        folder.mkdir(parents=True)
    except OSError as refusal:
        reason = os.strerror(refusal.errno or 0)
        raise ServiceUnavailable(f"{folder} cannot be made: {reason}.", mend="Name another folder.") from None
    try:
        with disk_refusals(folder):
            yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
