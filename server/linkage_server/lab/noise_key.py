"""The noise key for a laboratory table: read from a home folder, by its version, with an entry in the audit trail."""

from __future__ import annotations

from pathlib import Path

from linkage.errors import InputRefused
from linkage_core.perturbation.cell_keys import NoiseKey
from linkage_server.keys.key_ring import KeyRing
from linkage_server.lab.audited import audited
from linkage_server.operations.home import HomeFolder


def noise_key_of(home: Path | None, *, version: int) -> NoiseKey:
    """The key that a policy names.

    Raises:
        InputRefused: no home folder was named, or its key is damaged.
        NotFound: it has no such key.
        StateConflict: the key was made for another pepper.
    """
    if home is None:
        raise InputRefused(
            f"the policy adds noise by noise key {version}, and no home folder was named.",
            mend="Name it with --home; the key never leaves it.",
        )
    folder = HomeFolder.open(home)
    with audited(folder, action="keys.use_noise", subject=f"keys/noise/{version}"):
        return KeyRing(folder.root / "keys").noise_key(version)
