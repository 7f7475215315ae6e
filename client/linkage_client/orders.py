"""Orders as the orderer sees them, and what can be done with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from linkage.errors import NotFound
from linkage.order_states import OrderState, order_name
from linkage.request_id import new_request_id
from linkage.wire.v1 import orders_pb2
from linkage_client.connection import CALL_SECONDS, Connection

WATCH_SECONDS = 2.0
_PAGE = 100


@dataclass(frozen=True, slots=True)
class OrderStep:
    """One step of an order."""

    state: OrderState
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Order:
    """An order and where it stands.

    Args:
        name: resource name.
        state: where it stands.
        waits_for: who has to act next: "orderer", "officer", "service", or "" where nobody has.
        reason: why it stands there, in words.
        stage, stages_done, stages_total: progress of a run; "" and 0 where there is none.
        approved_by_policy: the written policy that approved it, if one did.
        etag: changes with every change of the order.
    """

    name: str
    title: str
    purpose: str
    state: OrderState
    waits_for: str
    reason: str
    stage: str
    stages_done: int
    stages_total: int
    approved_by_policy: str
    etag: str
    created_at: datetime
    updated_at: datetime
    steps: tuple[OrderStep, ...]

    @property
    def finished(self) -> bool:
        """Whether nothing will happen any more, or only the orderer can make it happen."""
        return self.waits_for in ("", "orderer")


async def create_order(
    connection: Connection, document: str, *, request_id: str | None = None, validate_only: bool = False
) -> Order:
    """File an order, or have it checked only."""
    request = orders_pb2.CreateOrderRequest(
        document=document, request_id=request_id or new_request_id(), validate_only=validate_only
    )
    return _order(await connection.call(connection.orders.CreateOrder(request, timeout=CALL_SECONDS)))


async def get_order(connection: Connection, order: str) -> Order:
    """The order as it stands now."""
    request = orders_pb2.GetOrderRequest(name=full_name(connection, order))
    return _order(await connection.call(connection.orders.GetOrder(request, timeout=CALL_SECONDS)))


async def list_orders(connection: Connection) -> AsyncIterator[Order]:
    """All orders of the organisation, newest first."""
    token = ""
    while True:
        request = orders_pb2.ListOrdersRequest(page_size=_PAGE, page_token=token)
        page = await connection.call(connection.orders.ListOrders(request, timeout=CALL_SECONDS))
        for order in page.orders:
            yield _order(order)
        token = page.next_page_token
        if not token:
            return


async def cancel_order(connection: Connection, order: str) -> Order:
    """Withdraw an order as it stands now."""
    seen = await get_order(connection, order)
    request = orders_pb2.CancelOrderRequest(name=seen.name, etag=seen.etag, request_id=new_request_id())
    return _order(await connection.call(connection.orders.CancelOrder(request, timeout=CALL_SECONDS)))


async def watch_order(connection: Connection, order: str, *, seconds: float = WATCH_SECONDS) -> AsyncIterator[Order]:
    """The order now and after every change, until only the orderer can move it or nobody."""
    last: Order | None = None
    while True:
        now = await get_order(connection, order)
        if now != last:
            yield now
        if now.finished:
            return
        last = now
        await asyncio.sleep(seconds)


def full_name(connection: Connection, order: str) -> str:
    """The resource name of an order that is given by it or by its last part.

    Raises:
        NotFound: it is neither.
    """
    if "/" not in order:
        order = order_name(connection.organisation, order)
    if not order.startswith("organisations/"):
        raise NotFound("there is no order of that name.", mend="List your orders with: linkage status")
    return order


def _order(message: orders_pb2.Order) -> Order:
    return Order(
        name=message.name,
        title=message.title,
        purpose=message.purpose,
        state=_state(message.state),
        waits_for=message.waits_for,
        reason=message.reason,
        stage=message.progress.stage,
        stages_done=message.progress.stages_done,
        stages_total=message.progress.stages_total,
        approved_by_policy=message.approved_by_policy,
        etag=message.etag,
        created_at=moment(message.created_at),
        updated_at=moment(message.updated_at),
        steps=tuple(OrderStep(_state(step.state), moment(step.at), step.by, step.reason) for step in message.steps),
    )


def _state(state: orders_pb2.OrderState.ValueType) -> OrderState:
    return OrderState(orders_pb2.OrderState.Name(state).removeprefix("ORDER_STATE_").lower())


def moment(timestamp: Timestamp) -> datetime:
    """A timestamp of the wire as a moment in UTC."""
    return timestamp.ToDatetime(tzinfo=UTC)
