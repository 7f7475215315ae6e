"""Brings a database forward to the form the code knows. There is no way back: a backup is the way back."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from linkage.errors import ServiceUnavailable

_FOLDER = Path(__file__).parent / "migrations"


def migrate(connection: sa.Connection) -> None:
    """Apply the missing migrations inside the connection's transaction: all of them or none.

    Raises:
        ServiceUnavailable: the database was written by a newer version of the software.
    """
    script = ScriptDirectory.from_config(_config(None))
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in {revision.revision for revision in script.walk_revisions()}:
        raise ServiceUnavailable(
            f"the database has form {current!r}, which this version of the software does not know.",
            mend="Start the newer version that wrote it, or restore a backup made by this one.",
        )
    if current != script.get_current_head():
        command.upgrade(_config(connection), "head")


def is_migrated(connection: sa.Connection) -> bool:
    """Whether every migration has been applied."""
    script = ScriptDirectory.from_config(_config(None))
    return MigrationContext.configure(connection).get_current_revision() == script.get_current_head()


def _config(connection: sa.Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
