"""`linkage-server keys list | new-noise`: which keys there are, and a new noise key on purpose."""

from __future__ import annotations

from typing import Annotated

import typer

from linkage.errors import InputRefused
from linkage.free_text import refuse_identity_number
from linkage_server.command_line import AsJson, refusals_as_exit_codes
from linkage_server.keys.key_ring import KeyRing
from linkage_server.register_console import Home, audited, print_rows

_LONGEST_REASON = 100

app = typer.Typer(no_args_is_help=True, help="Versions of the keys that change numbers; no key is ever shown.")


@app.command("list")
def list_keys(home: Home, *, as_json: AsJson = False) -> None:
    """List the noise keys; a policy names the version that its noise comes from."""
    with refusals_as_exit_codes(as_json=as_json):
        ring = KeyRing(home / "keys")
        print_rows([{"noise_key": version} for version in ring.noise_key_versions()], as_json=as_json)


@app.command("new-noise")
def new_noise(
    home: Home,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit trail.")],
    as_json: AsJson = False,
) -> None:
    """Add a noise key. Fresh noise about the same persons tells more than the old alone: only where that is meant.

    Nothing uses it until a policy names its version.
    """
    with refusals_as_exit_codes(as_json=as_json):
        refuse_identity_number(reason, what="--reason")
        if not reason.strip() or len(reason) > _LONGEST_REASON or not reason.isprintable():
            raise InputRefused("--reason tells nothing.", mend=f"Write up to {_LONGEST_REASON} characters.")
        with audited(home, "keys.new_noise", "-", subject=f"keys/noise/{reason}"):
            key = KeyRing(home / "keys").add_noise_key()
        print_rows([{"noise_key": key.version, "pepper_version": key.pepper_version}], as_json=as_json)
