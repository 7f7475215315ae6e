"""linkage fetch, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from linkage_client.api import Linkage
from linkage_client.api import verify as verify_delivery
from linkage_client.console import Shown
from linkage_client.options import AsJson, Home


def fetch(
    order: Annotated[str, typer.Argument(help="The order.")],
    to: Annotated[Path, typer.Option("--to", help="A new folder for the delivery.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Fetch an order's delivery and check it. If it was cut off, the same command goes on from there."""
    shown = Shown(as_json=as_json)
    with Linkage(home) as linkage, shown.progress() as progress:
        delivery = linkage.fetch(order, to, progress=progress)
    shown.result({"folder": delivery.folder, "release": delivery.release, "files": delivery.files, "verified": True})
    shown.say(f"{len(delivery.files)} files in {delivery.folder}, signature and hashes checked:")
    for name in delivery.files:
        shown.say(f"  {name}")


def verify(
    folder: Annotated[Path, typer.Argument(help="The folder of a delivery.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Check a delivery's signature and the hash of every file; needs no network."""
    manifest = verify_delivery(folder, home=home)
    shown = Shown(as_json=as_json)
    shown.result({"verified": True, "manifest": manifest})
    shown.say(f"{folder} is what the release desk signed: {len(manifest.files)} files, each as it was.")
