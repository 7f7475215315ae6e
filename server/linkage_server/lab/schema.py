"""`linkage-server lab schema`: the JSON Schema of indicator sets, for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from linkage.definition_schema import schema_text


def schema_command(
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there instead of printing it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write the JSON Schema of indicator sets: name it on a set's first line, as #:schema FILE."""
    if out is None:
        typer.echo(schema_text(), nl=False)
        return
    out.write_text(schema_text(), encoding="utf-8")
    typer.echo(json.dumps({"written": [str(out)]}) if as_json else f"wrote {out}")
