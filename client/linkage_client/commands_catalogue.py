"""linkage catalogue registers | variables | codes | indicators | policies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from linkage.catalogue_entry import as_text
from linkage.catalogue_page import as_page
from linkage.errors import NotFound
from linkage_client.api import Linkage
from linkage_client.console import Shown
from linkage_client.options import AsJson, Home

app = typer.Typer(no_args_is_help=True, help="What can be asked for.")


@app.command()
def registers(home: Home = None, as_json: AsJson = False) -> None:
    """The registers, and the days they have data for."""
    with Linkage(home) as linkage:
        rows = linkage.registers()
    Shown(as_json=as_json).table("Registers", rows, ("name", "title_en", "first_day", "last_day", "snapshot"))


@app.command()
def variables(
    register: Annotated[str, typer.Option("--register", help="Only this register.")] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """The variables of the registers."""
    with Linkage(home) as linkage:
        rows = linkage.variables(register=register)
    _require(rows, asked=register, what="register of that name", mend="linkage catalogue registers")
    columns = ("register", "name", "type", "role", "code_system", "title_en")
    Shown(as_json=as_json).table("Variables", rows, columns)


@app.command()
def codes(
    code_system: Annotated[str, typer.Argument(help="The code system, such as atc.")],
    prefix: Annotated[str, typer.Option("--prefix", help="Only codes that begin so.")] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """The codes of a code system."""
    with Linkage(home) as linkage:
        rows = linkage.codes(code_system, prefix=prefix)
    mend = "linkage catalogue variables (codes are listed where the register holder keeps a list of them)"
    _require(rows, asked=code_system, what="list with such codes", mend=mend)
    Shown(as_json=as_json).table("Codes", rows, ("code", "title_en", "title_sv"))


@app.command()
def indicators(
    indicator_set: Annotated[str, typer.Option("--set", help='Only this set, "id" or "id@version".')] = "",
    indicator: Annotated[str, typer.Option("--id", help="This indicator with its whole definition.")] = "",
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with whole definitions and examples.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """The indicators and their sets; with --id or --html their definitions, codes, formula and a drawn example."""
    shown = Shown(as_json=as_json)
    mend = "linkage catalogue indicators"
    with Linkage(home) as linkage:
        for refused in linkage.refused_sets():
            stays = f" Still on offer: {', '.join(refused.stays)}." if refused.stays else ""
            shown.warn(f"The register holder's file {refused.file} cannot be used: {refused.message}{stays}")
        if indicator or html is not None:
            entries = linkage.definitions(set=indicator_set, id=indicator)
            _require(entries, asked=indicator or indicator_set, what="indicator or set of that name", mend=mend)
            if html is not None:
                html.write_text(as_page(entries, title="Indicators"), encoding="utf-8")
                shown.say(f"Wrote {html}.")
            else:
                shown.say("\n\n".join(as_text(entry) for entry in entries))
            shown.result(entries)
            return
        rows = linkage.indicators(set=indicator_set)
    _require(rows, asked=indicator_set, what="indicator set of that name", mend=mend)
    shown.table("Indicators", rows, ("set", "id", "kind", "needs_review", "title_en"))


@app.command()
def policies(home: Home = None, as_json: AsJson = False) -> None:
    """The disclosure policies."""
    with Linkage(home) as linkage:
        rows = linkage.policies()
    columns = ("id", "version", "minimum_cell", "minimum_population", "title_en")
    Shown(as_json=as_json).table("Disclosure policies", rows, columns)


def _require(rows: Sequence[object], *, asked: str, what: str, mend: str) -> None:
    """Say so when something was asked for by name and is not there: an empty list would look like an answer."""
    if asked and not rows:
        raise NotFound(f"there is no {what}.", mend=f"See: {mend}")
