"""How much there is of what: counts for operators, never content."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from linkage_server.storage.database import Database
from linkage_server.storage.tables import OrderRow, RunRow, UploadRow


@dataclass(frozen=True, slots=True)
class ServiceLevels:
    """Counts of one moment."""

    orders_by_state: dict[str, int]
    uploads_open: int
    runs_active: int


def service_levels(database: Database) -> ServiceLevels:
    """Count orders, uploads and runs."""
    by_state = sa.select(OrderRow.state, sa.func.count()).group_by(OrderRow.state).order_by(OrderRow.state)
    uploads = sa.select(sa.func.count()).where(UploadRow.state.in_(("started", "complete", "opening")))
    runs = sa.select(sa.func.count()).where(RunRow.state == "running")
    with database.reading() as session:
        return ServiceLevels(
            orders_by_state=dict(session.execute(by_state).tuples().all()),
            uploads_open=session.scalars(uploads).one(),
            runs_active=session.scalars(runs).one(),
        )
