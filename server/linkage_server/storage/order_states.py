"""The only way an order changes its state: checked against the table of moves, and written down as a step."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from sqlalchemy.orm import Session

from linkage.errors import NotFound, NotPermitted, Stale, StateConflict
from linkage.order import MOVES, OrderState
from linkage.order_states import is_closed
from linkage_server.storage.database import now
from linkage_server.storage.tables import OrderRow, OrderStepRow


def new_etag() -> str:
    """A mark that changes with every change of an order."""
    return secrets.token_hex(8)


def order_of(session: Session, organisation: str, order_id: str) -> OrderRow | None:
    """An organisation's order, or None; another's is not loaded: who asks could tell by the time that it is there."""
    query = sa.select(OrderRow).where(OrderRow.order_id == order_id, OrderRow.organisation == organisation)
    return session.scalar(query)


def move_order(
    session: Session, *, order_id: str, to: OrderState, by: str, reason: str, expected_etag: str | None
) -> OrderRow:
    """Move an order to another state inside the caller's transaction.

    Args:
        session: a writer's session; the caller records the audit entry in the same transaction.
        order_id: the order.
        to: the state it shall have.
        by: role that makes the move: "orderer", "officer", "policy" or "service".
        reason: why, in words free of personal data; shown to the orderer.
        expected_etag: the mark the mover last saw; None where the service moves what it holds itself.

    Raises:
        NotFound: no such order.
        Stale: somebody changed the order since it was read.
        StateConflict: the order's state does not lead there.
        NotPermitted: it does, but not by this role.
    """
    order = _unchanged(session, order_id, expected_etag)
    state = OrderState(order.state)
    movers = MOVES.get((state, to))
    if movers is None:
        raise StateConflict(
            f"an order that is {state} cannot become {to}.",
            mend="It is closed, and nothing is left to do with it: what is still wanted is filed as a new order."
            if is_closed(state)
            else "Look at the order: its state says who has to act next.",
            facts={"state": state.value, "to": to.value},
        )
    if by not in movers:
        raise NotPermitted(f"an order becomes {to} by {' or '.join(sorted(movers))} only.")
    moment = now(session)
    order.state, order.reason, order.etag, order.updated_at = to.value, reason, new_etag(), moment
    session.add(OrderStepRow(order_id=order_id, state=to.value, at=moment, by=by, reason=reason))
    session.flush()
    return order


def keep_state(session: Session, *, order_id: str, state: OrderState, expected_etag: str, changed: bool) -> OrderRow:
    """Act on an order without moving it, inside the caller's transaction.

    Args:
        session, order_id, expected_etag: as in `move_order`.
        state: that the order must have.
        changed: what somebody decided on is no longer what it was, so that they have to read it again.

    Raises:
        NotFound: no such order.
        Stale: somebody changed the order since it was read.
        StateConflict: it has another state.
    """
    order = _unchanged(session, order_id, expected_etag)
    if order.state != state:
        raise StateConflict(f"the order is {order.state}, not {state}.", mend="Look at the order's state.")
    if changed:
        order.etag = new_etag()
        session.flush()
    return order


def _unchanged(session: Session, order_id: str, expected_etag: str | None) -> OrderRow:
    order = session.get(OrderRow, order_id, with_for_update=True)
    if order is None:
        raise NotFound("there is no order of that name.", mend="List the orders to see their names.")
    if expected_etag is not None and not secrets.compare_digest(expected_etag.encode(), order.etag.encode()):
        raise Stale("the order has changed since it was read.", mend="Read it again, then decide on what it says now.")
    return order
