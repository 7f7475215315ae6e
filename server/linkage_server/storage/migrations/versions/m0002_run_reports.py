"""What was expected of a run, and what it touched and took."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("expected", "report"):
        op.add_column("runs", sa.Column(name, sa.JSON(), nullable=True))
