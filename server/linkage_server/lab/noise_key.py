"""The noise key for a laboratory table: read from a home folder, by its version, with an entry in the audit trail."""

from __future__ import annotations

import getpass
from pathlib import Path

from linkage.errors import InputRefused, LinkageError
from linkage_core.perturbation.cell_keys import NoiseKey
from linkage_server.audit.trail import AuditTrail
from linkage_server.keys.key_ring import KeyRing
from linkage_server.operations.home import HomeFolder
from linkage_server.settings import load_settings
from linkage_server.storage.database import Database


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
    settings = load_settings(folder.settings_file)
    outcome = "INTERNAL"
    database = Database(
        settings.database.url_for(folder.database_file), busy_timeout_seconds=settings.database.busy_timeout_seconds
    )
    try:
        database.migrate()
        try:
            key = KeyRing(folder.root / "keys").noise_key(version)
            outcome = "OK"
        except LinkageError as refusal:
            outcome = refusal.reason
            raise
        finally:
            with database.transaction() as session:
                AuditTrail(database).record(
                    session,
                    actor=getpass.getuser(),
                    role="operator",
                    action="keys.use_noise",
                    subject=f"keys/noise/{version}",
                    outcome=outcome,
                )
    finally:
        database.close()
    return key
