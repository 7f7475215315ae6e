"""The tables that wait for release, by measured risk, the oldest first where it is equal.

    risk = per cent of the printed cells that are sensitive by themselves
         + 5 for each table that the recipients have already of persons it tells of too
         + 2 for each step that the margin is below 8

The margin is how far above the threshold a reader must hold the most exposed sensitive count possible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from linkage.order_states import OrderState, order_name
from linkage_server.release.context import ReleaseContext
from linkage_server.release.table_versions import versions_of
from linkage_server.storage.database import Database
from linkage_server.storage.tables import OrderRow, ProtectedTableRow

POINTS_PER_TABLE, POINTS_PER_STEP, WIDEST_MARGIN = 5, 2, 8


@dataclass(frozen=True, slots=True)
class WaitingTable:
    """One table that waits.

    Args:
        waits_since: when its run took it in.
        risk: as above; None where the table was taken in before it was measured, which stands first.
        sensitive_per_cent: of the printed cells.
        earlier_tables: of overlapping persons.
        margin: 0 to 8, None without a sensitive count.
        version: the chosen one.
        officers_needed: so many must approve.
    """

    order: str
    title: str
    waits_since: datetime
    risk: int | None
    sensitive_per_cent: int | None
    earlier_tables: int
    margin: int | None
    version: int
    officers_needed: int


def queue(database: Database, *, earlier_tables: Callable[[str], int]) -> list[WaitingTable]:
    """All tables that wait, the riskiest first.

    Args:
        database: the service's state.
        earlier_tables: of an order's id.
    """
    with database.reading() as session:
        rows = session.execute(
            sa.select(OrderRow, ProtectedTableRow)
            .join(ProtectedTableRow, ProtectedTableRow.order_id == OrderRow.order_id)
            .where(OrderRow.state == OrderState.AWAITING_RELEASE.value)
        ).all()
        versions = {order.order_id: versions_of(session, order.order_id) for order, _ in rows}
    found = []
    for order, held in rows:
        own = versions[order.order_id]
        chosen = next((one for one in own if one.chosen), None)
        measures = chosen.measures if chosen else None
        tables = earlier_tables(order.order_id)
        share = _per_cent(measures["sensitive"], measures["cells"]) if measures else None
        margin = measures["margin"] if measures else None
        found.append(
            WaitingTable(
                order=order_name(order.organisation, order.order_id),
                title=order.title,
                waits_since=own[0].created_at if own else held.created_at,
                risk=None if share is None else risk_of(share, tables, margin),
                sensitive_per_cent=share,
                earlier_tables=tables,
                margin=margin,
                version=chosen.version if chosen else 1,
                officers_needed=ReleaseContext.model_validate(held.description).officers_to_release,
            )
        )
    return sorted(found, key=_rank)


def risk_of(sensitive_per_cent: int, earlier_tables: int, margin: int | None) -> int:
    """The measure that the queue is ranked by."""
    steps = WIDEST_MARGIN - (WIDEST_MARGIN if margin is None else margin)
    return sensitive_per_cent + POINTS_PER_TABLE * earlier_tables + POINTS_PER_STEP * steps


def _per_cent(part: int, whole: int) -> int:
    """Rounded up: a table with one sensitive cell is not one with none."""
    return -(-100 * part // whole) if whole else 0


def _rank(one: WaitingTable) -> tuple[bool, int, datetime, str]:
    return one.risk is not None, -(one.risk or 0), one.waits_since, one.order
