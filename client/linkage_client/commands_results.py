"""linkage fetch, verify."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from linkage.errors import InputRefused, ReleaseNotVerified
from linkage_client.api import Linkage
from linkage_client.api import verify as verify_delivery
from linkage_client.certificate_check import CheckFailed, Earlier, NotAllProved, NotCheckedHere, check_release
from linkage_client.certificate_check.orders import CheckedOrder, check_order, is_order_evidence
from linkage_client.console import Shown
from linkage_client.options import AsJson, Home

Passed = TypeVar("Passed")


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
    folder: Annotated[
        Path, typer.Argument(help="The folder of a delivery, of a laboratory release, or of an order's evidence.")
    ],
    *,
    home: Home = None,
    as_json: AsJson = False,
    certificates: Annotated[
        bool,
        typer.Option(
            "--certificates", help="Check a laboratory release or an order's evidence, and the proof of each blank."
        ),
    ] = False,
    evidence: Annotated[
        Path | None,
        typer.Option(help="The evidence of the order, at the authority: check that FOLDER is what it proves."),
    ] = None,
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
    truth, hides every cell that a rule marks, and that no blank can be computed. The evidence of an order is such a
    release, and with --evidence a delivery is checked against it.
    """
    shown = Shown(as_json=as_json)
    files = (truth, layout, policy, contributions, earlier, moved, manufacturers, day, noise_key)
    laboratory = certificates and evidence is None and not is_order_evidence(folder)
    if any(files) and not laboratory:
        raise InputRefused(
            "files of a laboratory release are named, and --certificates is not, or FOLDER is no such release.",
            mend="Add --certificates, or leave them out to check a delivery or an order's evidence.",
        )
    if evidence is not None:
        verify_delivery(folder, home=home)
        _tell_order(shown, _checked(lambda: check_order(evidence, delivery=folder)))
        return
    if laboratory:
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
    if certificates:
        _tell_order(shown, _checked(lambda: check_order(folder)))
        return
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
    passed = _checked(lambda: check_release(folder, **given))
    shown.result({"verified": True, "checked": asdict(passed)})
    for name, blank in passed.blank.items():
        proof = ""
        if blank:
            moves = passed.moves[name]
            proof = f", each proved by some of {moves} moves" if moves else ", all as in the release before"
        shown.say(f"{name}: {passed.cells} cells, {passed.sensitive[name]} sensitive, {blank} blank{proof}.")


def _checked(check: Callable[[], Passed]) -> Passed:
    """What a check gives; its faults become refusals."""
    try:
        return check()
    except NotCheckedHere as fault:
        raise ReleaseNotVerified(
            f"{fault}.",
            mend="Nothing is said against this table, and nothing is proved: such tables are not checked here.",
        ) from None
    except NotAllProved as fault:
        raise ReleaseNotVerified(
            f"{fault}.",
            mend="Nothing is found at fault. Hide other cells or make the table coarser, and prove it again.",
        ) from None
    except CheckFailed as fault:
        raise ReleaseNotVerified(f"{fault}.", mend="Do not release this table.") from None


def _tell_order(shown: Shown, passed: CheckedOrder) -> None:
    """Say what was checked of an order, and what was not."""
    shown.result({"verified": True, "checked": asdict(passed)})
    shown.say(f"{passed.order}: {passed.lines} lines, {passed.lines_blank} kept back; each says what the cells give.")
    if passed.earlier:
        shown.say(
            f"Beside {len(passed.earlier)} earlier releases: {passed.lines_anew} lines are counted anew, others say "
            "what they said. No cell that two of them tell of, and no rest beside this one, differs by few people."
        )
    for kind, blank in passed.blank.items():
        if cells := passed.cells[kind]:
            shown.say(
                f"{kind}: {cells} cells, {passed.sensitive[kind]} sensitive, {blank} blank and {passed.rests[kind]} "
                f"small rests, each proved by some of {passed.moves[kind]} moves."
            )
    if passed.compared:
        shown.say(f"The delivery says the same, number for number: {', '.join(passed.compared)}.")
    for word in passed.not_checked:
        shown.say(f"not checked: {word}.")
