"""How many orders, uploads and runs there are: numbers for the operator, without names."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from linkage.order import OrderState
from linkage_server.storage.tables import OrderRow, UploadRow

_OPEN_UPLOADS = ("started", "complete", "opening")


@dataclass(frozen=True, slots=True)
class ServiceNumbers:
    """What the service has in hand."""

    # Every state is there, also with none.
    orders_by_state: dict[str, int]
    uploads_open: int
    runs_active: int


def count_service(session: Session) -> ServiceNumbers:
    """Count what the service has in hand."""
    counted = sa.select(OrderRow.state, sa.func.count()).group_by(OrderRow.state)
    by_state = {state: count for state, count in session.execute(counted)}  # noqa: C416  dict() loses the types
    uploads = sa.select(sa.func.count()).where(UploadRow.state.in_(_OPEN_UPLOADS))
    return ServiceNumbers(
        orders_by_state={state.value: by_state.get(state.value, 0) for state in OrderState},
        uploads_open=session.scalars(uploads).one(),
        runs_active=by_state.get(OrderState.RUNNING.value, 0),
    )
