"""The orders service: files and decides orders; see `linkage_server.orders`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from linkage.errors import InputRefused
from linkage.order import OrderState
from linkage.wire.v1 import orders_pb2, orders_pb2_grpc
from linkage_server.api.gatekeeper import current_caller
from linkage_server.orders.approval import ApprovalDesk
from linkage_server.orders.order_book import OrderBook
from linkage_server.orders.order_view import OrderView
from linkage_server.orders.secrecy import SecrecyDecision

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Orders(orders_pb2_grpc.OrdersServiceServicer):
    """Translates between the wire, the order book and the approval desk.

    Args:
        book: where orders are filed.
        desk: where officers decide.
        approved: called when an order may run, to have it run soon.
    """

    book: OrderBook
    desk: ApprovalDesk
    approved: Callable[[], None]

    async def CreateOrder(self, request: orders_pb2.CreateOrderRequest, context: Context) -> orders_pb2.Order:  # noqa: N802
        """See orders.proto."""
        view = await asyncio.to_thread(
            self.book.file_order,
            current_caller(),
            document=request.document,
            request_id=request.request_id,
            validate_only=request.validate_only,
        )
        return order_message(view)

    async def GetOrder(self, request: orders_pb2.GetOrderRequest, context: Context) -> orders_pb2.Order:  # noqa: N802
        """See orders.proto."""
        return order_message(await asyncio.to_thread(self.book.get, current_caller(), request.name))

    async def ListOrders(  # noqa: N802
        self, request: orders_pb2.ListOrdersRequest, context: Context
    ) -> orders_pb2.ListOrdersResponse:
        """See orders.proto."""
        page = await asyncio.to_thread(
            self.book.list,
            current_caller(),
            page_size=request.page_size,
            page_token=request.page_token,
            state=_state_asked_for(request.state),
        )
        return orders_pb2.ListOrdersResponse(
            orders=[order_message(view) for view in page.orders], next_page_token=page.next_page_token
        )

    async def CancelOrder(self, request: orders_pb2.CancelOrderRequest, context: Context) -> orders_pb2.Order:  # noqa: N802
        """See orders.proto."""
        view = await asyncio.to_thread(
            self.book.cancel, current_caller(), request.name, etag=request.etag, request_id=request.request_id
        )
        return order_message(view)

    async def ApproveOrder(self, request: orders_pb2.ApproveOrderRequest, context: Context) -> orders_pb2.Order:  # noqa: N802
        """See orders.proto."""
        decision = SecrecyDecision(
            exception=request.decision.exception,
            no_harm=request.decision.no_harm,
            reasoning=request.decision.reasoning,
        )
        view = await asyncio.to_thread(
            self.desk.approve,
            current_caller(),
            request.name,
            etag=request.etag,
            request_id=request.request_id,
            decision=decision,
        )
        self.approved()
        return order_message(view)

    async def ReturnOrder(self, request: orders_pb2.ReturnOrderRequest, context: Context) -> orders_pb2.Order:  # noqa: N802
        """See orders.proto."""
        return await self._turn_down(self.desk.return_order, request)

    async def RejectOrder(self, request: orders_pb2.RejectOrderRequest, context: Context) -> orders_pb2.Order:  # noqa: N802
        """See orders.proto."""
        return await self._turn_down(self.desk.reject, request)

    async def _turn_down(
        self,
        decide: Callable[..., OrderView],
        request: orders_pb2.ReturnOrderRequest | orders_pb2.RejectOrderRequest,
    ) -> orders_pb2.Order:
        view = await asyncio.to_thread(
            decide,
            current_caller(),
            request.name,
            etag=request.etag,
            request_id=request.request_id,
            reason=request.reason,
        )
        return order_message(view)


def order_message(view: OrderView) -> orders_pb2.Order:
    """An order as it crosses the wire."""
    message = orders_pb2.Order(
        name=view.name,
        state=_state_message(view.state),
        etag=view.etag,
        document=view.document,
        title=view.title,
        purpose=view.purpose,
        created_at=_timestamp(view.created_at),
        updated_at=_timestamp(view.updated_at),
        reason=view.reason,
        waits_for=view.waits_for,
        approved_by_policy=view.approved_by_policy or "",
        steps=[
            orders_pb2.OrderStep(
                state=_state_message(step.state), at=_timestamp(step.at), by=step.by, reason=step.reason
            )
            for step in view.steps
        ],
    )
    if view.progress is not None:
        message.progress.CopyFrom(orders_pb2.RunProgress(**view.progress.model_dump()))
    return message


def _state_message(state: OrderState) -> orders_pb2.OrderState.ValueType:
    return orders_pb2.OrderState.Value(f"ORDER_STATE_{state.name}")


def _state_asked_for(state: orders_pb2.OrderState.ValueType) -> OrderState | None:
    if state == orders_pb2.ORDER_STATE_UNSPECIFIED:
        return None
    if state not in orders_pb2.OrderState.values():
        raise InputRefused("the state asked for is not known.", mend="Update the client.")
    return OrderState[orders_pb2.OrderState.Name(state).removeprefix("ORDER_STATE_")]


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
