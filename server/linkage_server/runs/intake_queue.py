"""What waits at the door: uploads to be opened, and orders that a written policy may approve."""

from __future__ import annotations

import sqlalchemy as sa

from linkage.order_states import OrderState, order_name
from linkage_server.storage.database import Database
from linkage_server.storage.tables import OrderRow, UploadRow


def pending_uploads(database: Database, *, limit: int) -> list[tuple[str, str, str]]:
    """Order id, organisation and resource name of uploads that wait to be opened, oldest first."""
    query = (
        sa.select(OrderRow.order_id, OrderRow.organisation, UploadRow.upload_id)
        .join(UploadRow, UploadRow.order_id == OrderRow.order_id)
        .where(UploadRow.state.in_(("complete", "opening")))
        .order_by(UploadRow.updated_at, UploadRow.id)
        .limit(limit)
    )
    with database.reading() as session:
        return [
            (order_id, organisation, f"{order_name(organisation, order_id)}/uploads/{upload_id}")
            for order_id, organisation, upload_id in session.execute(query)
        ]


def orders_awaiting_approval(database: Database) -> list[str]:
    """Ids of orders whose population was accepted and that wait for an officer or a written policy."""
    query = sa.select(OrderRow.order_id).where(OrderRow.state == OrderState.AWAITING_APPROVAL.value)
    with database.reading() as session:
        return list(session.scalars(query))
