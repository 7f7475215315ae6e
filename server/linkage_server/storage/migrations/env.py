"""Alembic's way in: the connection comes from `migrate`, and with it the transaction."""

from alembic import context

import linkage_server.storage.tables  # noqa: F401  fills the metadata
from linkage_server.storage.base import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()
