"""`linkage-server policies`: exceptions that an officer makes from a policy's rules."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from linkage.disclosure_policy import canonical_sha256
from linkage.errors import InputRefused
from linkage.policy_exceptions import ExceptedRule
from linkage_server.command_line import As, AsJson, Home, open_home, print_facts, print_json
from linkage_server.orders.signed_exceptions import sign_exception

app = typer.Typer(no_args_is_help=True, help="Disclosure policies, for officers.")


@app.callback()
def _policies() -> None:
    """Disclosure policies, for officers."""


@app.command("except")
def except_(
    policy: Annotated[Path, typer.Argument(metavar="POLICY.toml", help="The policy as it is.")],
    *,
    home: Home,
    rule: Annotated[str, typer.Option("--rule", help=f"One of {', '.join(get_args(ExceptedRule))}.")],
    reason: Annotated[str, typer.Option("--reason", help="Why nobody is harmed.")],
    version: Annotated[str, typer.Option("--version", help="Version of the policy with the exception.")],
    cell: Annotated[
        list[str] | None,
        typer.Option("--cell", help="indicator=ID or stratum=level; repeat it. The rule is lifted everywhere without."),
    ] = None,
    name: As = "",
    as_json: AsJson = False,
) -> None:
    """Sign an exception: a new version of the policy, and an entry in the audit trail."""
    with open_home(home, as_json=as_json) as opened:
        if rule not in get_args(ExceptedRule):
            raise InputRefused(
                "there are no exceptions from that rule.", mend=f"Use one of: {', '.join(get_args(ExceptedRule))}."
            )
        new, path = sign_exception(
            policy,
            rule=cast("ExceptedRule", rule),
            cell=_cell(cell or []),
            reason=reason,
            version=version,
            officer=opened.officer(name),
            at=datetime.now(UTC),
            folder=opened.folder.definitions / "policies",
            trail=opened.trail,
        )
    facts = {"policy": new.name, "sha256": canonical_sha256(new), "file": str(path)}
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)


def _cell(written: list[str]) -> dict[str, str]:
    parts = [one.partition("=") for one in written]
    if any(not name or not equals or not level for name, equals, level in parts):
        raise InputRefused("--cell is not written as stratum=level.", mend="Such as --cell region=01.")
    return {name: level for name, _, level in parts}
