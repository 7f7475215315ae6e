"""`linkage-server register manufacturers`: the tables that company secrecy is decided by."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from linkage.errors import InputRefused
from linkage_server.register_console import AsJson, Home, audited, print_rows
from linkage_server.registers.manufacturers import MANUFACTURERS, ManufacturerStore


def manufacturers(
    home: Home,
    file: Annotated[
        Path | None, typer.Argument(help="CSV in NPL's layout; the tables served are listed without.")
    ] = None,
    month: Annotated[str, typer.Option(help="The month that the file must be of, such as 2026-10.")] = "",
    as_json: AsJson = False,
) -> None:
    """Load the manufacturers of a month, or list the tables that are served."""
    store = ManufacturerStore(home / MANUFACTURERS)
    if file is None:
        rows = [{"month": one, "sha256": sha256} for one, sha256 in store.served().items()]
        print_rows([*rows], as_json=as_json)
        return
    if not month:
        raise InputRefused("no month was given.", mend="Say which with --month, such as --month 2026-10.")
    with audited(home, "register.manufacturers", "-", subject=f"manufacturers/{month[:7]}"):
        table = store.load(file, month=month)
    codes = {"codes": len(table.codes), "codes_of_one_company": sum(len(one) == 1 for one in table.companies.values())}
    print_rows([{"month": table.month, "sha256": table.sha256, **codes}], as_json=as_json)
