"""Options that every command has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[
    Path | None,
    typer.Option("--home", help="The client's home folder.", envvar="LINKAGE_HOME", show_default="~/.linkage"),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
