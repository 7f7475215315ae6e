"""`linkage-server releases`: the release desk at the holder's own console."""

from __future__ import annotations

from typing import Annotated

import typer

from linkage_server.assembly import Service
from linkage_server.command_line import As, AsJson, Home, OpenHome, open_home, print_facts, print_json, print_table
from linkage_server.commands_review import LOOKING
from linkage_server.commands_versions import VERSIONS
from linkage_server.release.release_desk import AwaitsOfficer
from linkage_server.runs.enter_release import enter_release
from linkage_server.runs.reproduce import reproduce

Order = Annotated[str, typer.Argument(help="Name of the order, or only its last part.")]
Etag = Annotated[str, typer.Option("--etag", help="Decide only if the order is as it was when `review` gave this.")]

app = typer.Typer(no_args_is_help=True, help="Releases, for officers.")
for _name, _command in (LOOKING | VERSIONS).items():
    app.command(_name)(_command)


@app.command()
def review(
    order: Order,
    *,
    home: Home,
    table: Annotated[bool, typer.Option("--table", help="Print the table as it would leave, as CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a release would hold, and what is kept back for which reason."""
    with open_home(home, as_json=as_json) as opened:
        seen = _service(opened).release_desk.review(opened.officer(""), opened.order_name(order))
    if table:
        typer.echo(seen.preview_csv, nl=False)
        return
    if as_json:
        print_json(
            {
                "order": seen.order,
                "etag": seen.etag,
                "policy": seen.policy,
                "cells": seen.cells,
                "cells_suppressed": seen.cells_suppressed,
                "suppressed_by_reason": seen.suppressed_by_reason,
                "lines": seen.lines,
                "lines_suppressed": seen.lines_suppressed,
                "officers_needed": seen.officers_needed,
                "approved_by": seen.approved_by,
                "coarsened": seen.coarsened,
            }
        )
        return
    print_facts(
        {
            "order": seen.order,
            "policy": seen.policy,
            "cells": f"{seen.cells:,}, of which kept back {seen.cells_suppressed:,}",
            "lines": f"{seen.lines:,}, of which kept back {seen.lines_suppressed:,}",
            **({"made coarser": "; ".join(seen.coarsened)} if seen.coarsened else {}),
            **({"approved by": ", ".join(seen.approved_by) or "nobody yet"} if seen.officers_needed > 1 else {}),
            "etag": seen.etag,
        }
    )
    print_table(("kept back because", "cells"), sorted(seen.suppressed_by_reason.items()))


@app.command()
def release(
    order: Order,
    *,
    home: Home,
    reasoning: Annotated[str, typer.Option("--reasoning", help="Why nobody is harmed by what leaves.")],
    etag: Etag = "",
    name: As = "",
    as_json: AsJson = False,
) -> None:
    """Let the protected table go to its orderer."""
    with open_home(home, as_json=as_json) as opened:
        desk, officer, order_name = _service(opened).release_desk, opened.officer(name), opened.order_name(order)
        etag = etag or desk.review(officer, order_name).etag
        released = desk.approve(officer, order_name, etag=etag, reasoning=reasoning)
    if isinstance(released, AwaitsOfficer):
        if as_json:
            print_json({"order": released.order, "officers_still_needed": released.more})
        else:
            typer.echo(f"Your approval is written down. {released.more} other officer must approve it too.")
        return
    answer = {"release": released.name, "manifest_sha256": released.manifest_sha256}
    if as_json:
        print_json(answer)
    else:
        print_facts(answer)


@app.command()
def withhold(
    order: Order,
    *,
    home: Home,
    reason: Annotated[str, typer.Option("--reason", help="Why, in words; the orderer reads it.")],
    etag: Etag = "",
    name: As = "",
    as_json: AsJson = False,
) -> None:
    """Keep the protected table back for good."""
    with open_home(home, as_json=as_json) as opened:
        desk, officer, order_name = _service(opened).release_desk, opened.officer(name), opened.order_name(order)
        etag = etag or desk.review(officer, order_name).etag
        desk.withhold(officer, order_name, etag=etag, reason=reason)
    if as_json:
        print_json({"order": order_name, "state": "withheld"})
    else:
        typer.echo(f"{order_name} is withheld.")


@app.command("reproduce")
def reproduce_(order: Order, *, home: Home, as_json: AsJson = False) -> None:
    """Compute a released order again from its plan and compare every file, byte for byte."""
    with open_home(home, as_json=as_json) as opened:
        service = _service(opened)
        order_name = opened.order_name(order)
        released = service.release_desk.find(opened.officer(""), order_name)
        outcome = reproduce(service.run_desk, order_name, delivered=released.folder)
    if as_json:
        print_json(
            {
                "order": order_name,
                "files": outcome.files,
                "differing": outcome.differing,
                "erased_since": outcome.erased,
            }
        )
    else:
        typer.echo(f"{outcome.files} files computed again; {len(outcome.differing)} differ.")
        for path in outcome.differing:
            typer.echo(f"  {path}")
        if outcome.erased:
            typer.echo(f"Rows were erased since from what this order read, under: {', '.join(outcome.erased)}.")
            typer.echo("It reads what is left of them; differences are to be expected.")
    if outcome.differing and not outcome.erased:
        raise typer.Exit(6)


@app.command("enter")
def enter_(order: Order, *, home: Home, as_json: AsJson = False) -> None:
    """Compute a released order again and enter it into the release ledger, where an older version did not."""
    with open_home(home, as_json=as_json) as opened:
        order_name = opened.order_name(order)
        as_released = enter_release(_service(opened).run_desk, order_name)
    if as_json:
        print_json({"order": order_name, "as_released": as_released})
    elif as_released:
        typer.echo(f"{order_name} is in the release ledger.")
    else:
        typer.echo(f"{order_name} cannot be computed as it was released: tables too similar to it are refused.")


def _service(opened: OpenHome) -> Service:
    return Service(opened.folder, opened.settings)
