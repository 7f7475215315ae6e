"""Versions of protected tables, the counts they are made from, and approvals of two officers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from linkage_server.storage.base import UtcDateTime
from linkage_server.storage.migrations.append_only import forbid_changes

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "run_counts",
        sa.Column("order_id", sa.String(length=255), nullable=False),
        sa.Column("file", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=255), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("fk_run_counts_order_id_orders")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_run_counts")),
    )
    op.create_table(
        "table_versions",
        sa.Column("order_id", sa.String(length=255), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("file", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=255), nullable=False),
        sa.Column("recipe", sa.JSON(), nullable=False),
        sa.Column("officer", sa.String(length=255), nullable=False),
        sa.Column("reasoning", sa.Text(), nullable=False),
        sa.Column("cells", sa.BigInteger(), nullable=False),
        sa.Column("cells_suppressed", sa.BigInteger(), nullable=False),
        sa.Column("suppressed_by_reason", sa.JSON(), nullable=False),
        sa.Column("description", sa.JSON(), nullable=False),
        sa.Column("measures", sa.JSON(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("fk_table_versions_order_id_orders")),
        sa.PrimaryKeyConstraint("order_id", "version", name=op.f("pk_table_versions")),
    )
    op.create_table(
        "release_approvals",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("order_id", sa.String(length=255), nullable=False),
        sa.Column("table_sha256", sa.String(length=255), nullable=False),
        sa.Column("officer", sa.String(length=255), nullable=False),
        sa.Column("person", sa.String(length=255), nullable=False),
        sa.Column("reasoning", sa.Text(), nullable=False),
        sa.Column("approved_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("fk_release_approvals_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release_approvals")),
        sa.UniqueConstraint(
            "order_id", "table_sha256", "person", name=op.f("uq_release_approvals_order_id_table_sha256_person")
        ),
    )
    op.create_index(op.f("ix_release_approvals_order_id"), "release_approvals", ["order_id"], unique=False)
    for table in ("table_versions", "release_approvals"):
        forbid_changes(op.get_bind(), table)
