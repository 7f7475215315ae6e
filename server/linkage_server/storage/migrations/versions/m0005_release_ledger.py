"""The release ledger: entries of tables, and the files that number persons."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from linkage_server.storage.base import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ledger_entries",
        sa.Column("order_id", sa.String(length=255), nullable=False),
        sa.Column("layout_sha256", sa.String(length=255), nullable=False),
        sa.Column("file", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=255), nullable=False),
        sa.Column("table_sha256", sa.String(length=255), nullable=False),
        sa.Column("earlier", sa.JSON(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("fk_ledger_entries_order_id_orders")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_ledger_entries")),
    )
    op.create_index(op.f("ix_ledger_entries_layout_sha256"), "ledger_entries", ["layout_sha256"], unique=False)
    op.create_table(
        "person_numbers",
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("persons", sa.BigInteger(), nullable=False),
        sa.Column("file", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=255), nullable=False),
        sa.Column("pepper_version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("first", "pepper_version", name=op.f("pk_person_numbers")),
    )
