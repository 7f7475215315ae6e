"""`linkage-server lab catalogue`: the definitions of a set as people read them, with worked examples."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from linkage.catalogue_entry import as_text
from linkage.catalogue_page import as_page
from linkage.errors import InputRefused
from linkage.indicator_definition import load_indicator_set, shipped_sets
from linkage.register_catalogue import shipped_registers
from linkage_server.examples.entries import entries_of


def catalogue_command(
    set_file: Annotated[
        str, typer.Argument(metavar="SET.toml", help="The indicator set, or a shipped one's ID@VERSION.")
    ],
    *,
    only: Annotated[list[str], typer.Option(metavar="ID", help="Only this indicator of the set; repeat.")] = [],  # noqa: B006
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page instead of printing.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the entries as JSON.")] = False,
) -> None:
    """Show definitions in Swedish and English with codes, formula and a worked example that was evaluated and drawn."""
    definition = shipped_sets().get(set_file) or load_indicator_set(Path(set_file))
    if unknown := set(only) - {indicator.id for indicator in definition.indicators}:
        raise InputRefused(f"The set has no indicator {sorted(unknown)[0]!r}.", mend="Mend --only.")
    entries = entries_of(definition, registers=shipped_registers(), only=only)
    if html is not None:
        html.write_text(as_page(entries, title=definition.header.title.en or definition.name), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps([asdict(entry) for entry in entries], ensure_ascii=False, indent=2))
    elif html is not None:
        typer.echo(f"wrote {html}")
    else:
        typer.echo("\n\n".join(as_text(entry) for entry in entries))
