"""The orders service: files and decides orders; see `linkage_server.orders`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from linkage.errors import InputRefused
from linkage.order import OrderState
from linkage.wire.v1 import orders_pb2, orders_pb2_grpc
from linkage_server.access.certificates import Caller
from linkage_server.api.gatekeeper import current_caller
from linkage_server.orders.approval import ApprovalDesk
from linkage_server.orders.explanation import ExplainedRegister, Explanation
from linkage_server.orders.order_book import OrderBook
from linkage_server.orders.order_view import OrderView
from linkage_server.orders.secrecy import SecrecyDecision

Context = grpc.aio.ServicerContext[Any, Any]


class Explains(Protocol):
    """Where orders are explained; see `linkage_server.runs.planner`."""

    def explain(self, caller: Caller, name: str, *, persons: int) -> Explanation:
        """Explain an order that the caller may know of."""

    def explain_document(self, document: str, *, persons: int) -> Explanation:
        """Explain an order file."""


@dataclass(frozen=True, slots=True)
class Orders(orders_pb2_grpc.OrdersServiceServicer):
    """Translates between the wire, the order book and the approval desk.

    Args:
        book: where orders are filed.
        desk: where officers decide.
        planner: where orders are explained.
        approved: called when an order may run, to have it run soon.
    """

    book: OrderBook
    desk: ApprovalDesk
    planner: Explains
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

    async def ExplainOrder(  # noqa: N802
        self, request: orders_pb2.ExplainOrderRequest, context: Context
    ) -> orders_pb2.ExplainOrderResponse:
        """See orders.proto."""
        if bool(request.name) == bool(request.document):
            raise InputRefused(
                "either an order's name or an order file is explained.", mend="Give one of name and document."
            )
        if request.document:
            explanation = await asyncio.to_thread(
                self.planner.explain_document, request.document, persons=request.persons
            )
        else:
            explanation = await asyncio.to_thread(
                self.planner.explain, current_caller(), request.name, persons=request.persons
            )
        return explanation_message(explanation)

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


def explanation_message(explanation: Explanation) -> orders_pb2.ExplainOrderResponse:
    """An explanation as it crosses the wire: deliveries are counted, their names stay with the holder."""
    return orders_pb2.ExplainOrderResponse(
        persons=explanation.persons,
        registers=[_register_message(register) for register in explanation.registers],
        blocks=explanation.blocks,
        threads=explanation.threads,
        memory_bytes=explanation.memory_bytes,
        memory_limit_bytes=explanation.memory_limit_bytes,
        stages=[
            orders_pb2.ExpectedStage(stage=stage, seconds=seconds) for stage, seconds in explanation.seconds.items()
        ],
        earlier_runs=explanation.earlier_runs,
        rule=explanation.rule,
    )


def _register_message(register: ExplainedRegister) -> orders_pb2.ExplainedRegister:
    return orders_pb2.ExplainedRegister(
        name=register.name,
        snapshot=register.snapshot,
        columns=register.columns,
        segments=[
            orders_pb2.ExplainedSegment(
                segment=one.segment,
                first_day=one.first_day.isoformat() if one.first_day else "",
                last_day=one.last_day.isoformat() if one.last_day else "",
                deliveries=len(one.deliveries),
                persons_asked=one.persons_asked,
                persons_held=one.persons_held,
                method=one.method,
                reason=one.reason,
                rows=one.rows,
                bytes=one.bytes,
            )
            for one in register.segments
        ],
        rows=register.rows,
        persons=register.persons,
        bytes=register.bytes,
        bytes_held=register.bytes_held,
    )


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
