"""What a laboratory command does with a home folder's secrets, written to the audit trail with its outcome."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager

from linkage.errors import LinkageError
from linkage_server.audit.trail import AuditTrail
from linkage_server.operations.home import HomeFolder
from linkage_server.settings import load_settings
from linkage_server.storage.database import Database


@contextmanager
def audited(home: HomeFolder, *, action: str, subject: str) -> Iterator[None]:
    """Write down who did what, and whether it was refused, when the block ends."""
    settings = load_settings(home.settings_file)
    outcome = "INTERNAL"
    database = Database(
        settings.database.url_for(home.database_file), busy_timeout_seconds=settings.database.busy_timeout_seconds
    )
    try:
        database.migrate()
        try:
            yield
            outcome = "OK"
        except LinkageError as refusal:
            outcome = refusal.reason
            raise
        finally:
            with database.transaction() as session:
                AuditTrail(database).record(
                    session, actor=getpass.getuser(), role="operator", action=action, subject=subject, outcome=outcome
                )
    finally:
        database.close()
