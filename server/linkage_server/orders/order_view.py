"""An order as its readers see it; also the form in which an answer is kept for a repeated request."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from linkage.errors import NotFound
from linkage.order import OrderState, waits_for
from linkage.order_states import order_name, parse_order_name
from linkage_server.access.certificates import Caller
from linkage_server.access.permits import Role
from linkage_server.storage.order_states import order_of
from linkage_server.storage.tables import OrderRow, OrderStepRow, RunRow


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class StepView(_View):
    """One step of an order."""

    state: OrderState
    at: datetime
    by: str
    reason: str


class ProgressView(_View):
    """How far a run has come."""

    stage: str
    stages_done: int
    stages_total: int


class OrderView(_View):
    """One order with its steps, oldest first."""

    # "" for an order that was only validated.
    name: str
    organisation: str
    state: OrderState
    etag: str
    document: str
    title: str
    purpose: str
    policy: str
    reason: str
    approved_by_policy: str | None
    created_at: datetime
    updated_at: datetime
    progress: ProgressView | None
    steps: tuple[StepView, ...]

    @property
    def waits_for(self) -> str:
        """Who has to act next."""
        return waits_for(self.state)


def view_order(session: Session, row: OrderRow) -> OrderView:
    """The order as it stands in this transaction."""
    steps = session.scalars(
        sa.select(OrderStepRow).where(OrderStepRow.order_id == row.order_id).order_by(OrderStepRow.id)
    )
    run = session.get(RunRow, row.order_id)
    return OrderView(
        name=order_name(row.organisation, row.order_id),
        organisation=row.organisation,
        state=OrderState(row.state),
        etag=row.etag,
        document=row.document,
        title=row.title,
        purpose=row.purpose,
        policy=row.policy,
        reason=row.reason,
        approved_by_policy=row.approved_by_policy,
        created_at=row.created_at,
        updated_at=row.updated_at,
        progress=ProgressView(stage=run.stage, stages_done=run.stages_done, stages_total=run.stages_total)
        if run
        else None,
        steps=tuple(StepView(state=OrderState(s.state), at=s.at, by=s.by, reason=s.reason) for s in steps),
    )


def find_order(session: Session, caller: Caller, name: str) -> OrderRow:
    """The order of that name, if the caller may know of it.

    Raises:
        NotFound: there is none, or it is another organisation's; nobody can tell which.
    """
    organisation, order_id = parse_order_name(name)
    row = None
    if caller.role == Role.OFFICER or caller.organisation == organisation:
        row = order_of(session, organisation, order_id)
    if row is None:
        raise NotFound("there is no order of that name.", mend="List your orders to see their names.")
    return row
