"""`linkage-server audit`: what was done, by whom, and whether the record still holds together."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Annotated

import typer

from linkage.errors import InputRefused
from linkage_server.audit.trail import AuditHead
from linkage_server.command_line import AsJson, Home, day_and_time, open_home, print_facts, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="The audit trail.")


@app.command()
def show(
    home: Home,
    last: Annotated[int, typer.Option("--last", min=1, max=100_000, help="How many of the newest entries.")] = 50,
    subject: Annotated[str, typer.Option("--subject", help="Only entries about this resource.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show the newest entries, oldest first."""
    with open_home(home, as_json=as_json) as service:
        entries = service.trail.newest(limit=last, subject=subject or None)
        if as_json:
            print_json([asdict(entry) | {"at": entry.at.isoformat()} for entry in entries])
            return
        rows = [(e.seq, day_and_time(e.at), e.actor, e.role, e.action, e.subject, e.outcome) for e in entries]
        print_table(("entry", "at", "who", "role", "what", "about", "outcome"), rows)


@app.command()
def verify(
    home: Home,
    known: Annotated[str, typer.Option("--known", help="A head noted down earlier, as this command printed it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Read the whole chain; names the first entry that does not fit."""
    with open_home(home, as_json=as_json) as service:
        head = service.trail.verify(known=_read_head(known) if known else None)
        if as_json:
            print_json({"entries": head.entries, "hash": head.hash, "head": str(head)})
        else:
            print_facts({"entries": head.entries, "head": str(head)})
            typer.echo("The trail holds together. Note the head down outside this system and give it with --known.")


def _read_head(text: str) -> AuditHead:
    if match := re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text.strip()):
        return AuditHead(entries=int(match[1]), hash=match[2])
    raise InputRefused("--known is not a head.", mend="Copy the line that `audit verify` printed.")
