"""linkage fetch, verify."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from linkage.errors import InputRefused, ReleaseNotVerified
from linkage_client.api import Linkage
from linkage_client.api import verify as verify_delivery
from linkage_client.certificate_check import CheckFailed, Earlier, NotCheckedHere, check_release
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
    folder: Annotated[Path, typer.Argument(help="The folder of a delivery, or of a laboratory release.")],
    *,
    home: Home = None,
    as_json: AsJson = False,
    certificates: Annotated[
        bool,
        typer.Option("--certificates", help="Check a laboratory release and the proof of each blank, with the truth."),
    ] = False,
    truth: Annotated[Path | None, typer.Option(help="With --certificates: the leaf cells that were protected.")] = None,
    layout: Annotated[Path | None, typer.Option(help="With --certificates: the layout of the table (JSON).")] = None,
    policy: Annotated[Path | None, typer.Option(help="With --certificates: the disclosure policy (TOML).")] = None,
    contributions: Annotated[
        Path | None, typer.Option(help="With --certificates, for sums: the contributors of each leaf cell.")
    ] = None,
    earlier: Annotated[
        list[Path], typer.Option(help="With --certificates: folder of an earlier release, oldest first; repeat.")
    ] = [],  # noqa: B006
    moved: Annotated[
        list[Path],
        typer.Option(help="With --earlier: who moved since the release before, for each but the first; repeat."),
    ] = [],  # noqa: B006
    manufacturers: Annotated[
        Path | None, typer.Option(help="With --certificates, for company secrecy: the products of the month (CSV).")
    ] = None,
    day: Annotated[
        str, typer.Option(help="With --manufacturers: the day that consents had to cover, such as 2026-10-31.")
    ] = "",
    noise_key: Annotated[
        Path | None, typer.Option(help="With --certificates, for noise: the file of the key that the policy names.")
    ] = None,
) -> None:
    """Check a delivery's signature and the hash of every file; needs no network.

    With --certificates, for an auditor who holds the truth: check that a laboratory release prints nothing but the
    truth, hides every cell that a rule marks, and that no blank can be computed.
    """
    shown = Shown(as_json=as_json)
    files = (truth, layout, policy, contributions, earlier, moved, manufacturers, day, noise_key)
    if certificates:
        if truth is None or layout is None or policy is None:
            raise InputRefused("--certificates needs --truth, --layout and --policy.", mend="Name all three.")
        _verify_certificates(
            shown,
            folder,
            truth=truth,
            layout=layout,
            policy=policy,
            contributions=contributions,
            earlier=Earlier(earlier, moved) if earlier or moved else None,
            manufacturers=manufacturers,
            day=_day(day),
            noise_key=noise_key,
        )
        return
    if any(files):
        raise InputRefused(
            "files of a laboratory release are named, and --certificates is not.",
            mend="Add --certificates, or leave them out to check a delivery.",
        )
    manifest = verify_delivery(folder, home=home)
    shown.result({"verified": True, "manifest": manifest})
    shown.say(f"{folder} is what the release desk signed: {len(manifest.files)} files, each as it was.")


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written) if written else datetime.now(UTC).date()
    except ValueError:
        raise InputRefused(f"--day: {written!r} is no day.", mend="Write it as 2026-10-31.") from None


def _verify_certificates(shown: Shown, folder: Path, **given: Any) -> None:
    """Check a laboratory release; arguments as of `check_release`."""
    try:
        passed = check_release(folder, **given)
    except NotCheckedHere as fault:
        raise ReleaseNotVerified(
            f"{fault}.",
            mend="Nothing is said against this table, and nothing is proved: such tables are not checked here.",
        ) from None
    except CheckFailed as fault:
        raise ReleaseNotVerified(f"{fault}.", mend="Do not release this table.") from None
    shown.result({"verified": True, "checked": asdict(passed)})
    for name, blank in passed.blank.items():
        proof = ""
        if blank:
            moves = passed.moves[name]
            proof = f", each proved by some of {moves} moves" if moves else ", all as in the release before"
        shown.say(f"{name}: {passed.cells} cells, {passed.sensitive[name]} sensitive, {blank} blank{proof}.")
