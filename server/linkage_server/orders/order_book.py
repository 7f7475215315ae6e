"""The order book: files orders, shows them to those who may see them, and takes them back."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from linkage.errors import InputRefused, QuotaExceeded
from linkage.order import OrderState, waits_for
from linkage.order_states import order_name
from linkage_server.access.certificates import Caller
from linkage_server.access.permits import Role
from linkage_server.audit.trail import AuditTrail
from linkage_server.orders.check_order import CheckedOrder, check_order
from linkage_server.orders.offer import Offer
from linkage_server.orders.order_view import OrderView, find_order, view_order
from linkage_server.orders.page_tokens import make_page_token, read_page_token
from linkage_server.orders.request_ids import answer_once, earlier_answer, require_request_id
from linkage_server.orders.swedish_day import swedish_day
from linkage_server.orders.used_sets import remember_used
from linkage_server.storage.database import Database, now
from linkage_server.storage.order_states import move_order, new_etag
from linkage_server.storage.tables import OrderRow, OrderStepRow

DEFAULT_PAGE = 20
LARGEST_PAGE = 100
# No digits and no vowels: a name is never taken for an identity number, nor for a word.
_LETTERS = "bcdfghjkmnpqrstvwxz"
# Somebody still has to act, and it is not the orderer who was handed the order back.
_UNFINISHED = [state.value for state in OrderState if waits_for(state) and state is not OrderState.RETURNED]


@dataclass(frozen=True, slots=True)
class OrderPage:
    """A page of orders, newest first."""

    orders: tuple[OrderView, ...]
    # "" on the last page.
    next_page_token: str


@dataclass(frozen=True, slots=True)
class OrderBook:
    """The desk where orders are filed.

    Args:
        database: the service's state.
        trail: where each step is recorded.
        offer: what can be ordered at this moment.
        page_key: secret that binds page tokens to their question.
        open_orders_limit: how many unfinished orders one organisation may have.
    """

    database: Database
    trail: AuditTrail
    offer: Callable[[], Offer]
    page_key: bytes
    open_orders_limit: int = 50

    def file_order(self, caller: Caller, *, document: str, request_id: str, validate_only: bool = False) -> OrderView:
        """File an order; with `validate_only` nothing is stored, and it fails exactly if the real call would.

        Raises:
            OrderFaults: with every fault of the document.
            QuotaExceeded: the organisation has too many unfinished orders.
            Conflict: the request id was used for another request.
            Stale: a set that the order names changed while it was checked.
        """
        require_request_id(request_id)
        body: dict[str, object] = {"document": document}
        with self.database.reading() as session:
            earlier = earlier_answer(session, caller, method="CreateOrder", request_id=request_id, body=body)
            if earlier is not None:
                return earlier
            # Checked outside the writer's turn: a long document makes nobody wait.
            offer = self.offer()
            checked = check_order(document, offer=offer, ordered_on=swedish_day(now(session)))
            self._require_room(session, caller)
            if validate_only:
                return _preview(caller, document, checked, at=now(session))
        with self.database.transaction() as session:
            return answer_once(
                session,
                caller,
                method="CreateOrder",
                request_id=request_id,
                body=body,
                act=lambda: self._store(session, caller, document, checked, set_files=offer.set_files),
            )

    def get(self, caller: Caller, name: str) -> OrderView:
        """One order.

        Raises:
            NotFound: there is none, or it is another organisation's.
        """
        with self.database.reading() as session:
            return view_order(session, find_order(session, caller, name))

    def list(
        self, caller: Caller, *, page_size: int = 0, page_token: str = "", state: OrderState | None = None
    ) -> OrderPage:
        """Orders, newest first: an orderer's own, an officer's all.

        Raises:
            InputRefused: a negative page size, or a token of another question.
        """
        if page_size < 0:
            raise InputRefused("page_size is negative.", mend=f"Ask for 1 to {LARGEST_PAGE} orders, or 0.")
        size = min(page_size or DEFAULT_PAGE, LARGEST_PAGE)
        question = (caller.organisation, caller.role, state or "")
        query = sa.select(OrderRow).order_by(OrderRow.created_at.desc(), OrderRow.order_id.desc()).limit(size + 1)
        if caller.role != Role.OFFICER:
            query = query.where(OrderRow.organisation == caller.organisation)
        if state is not None:
            query = query.where(OrderRow.state == state.value)
        if page_token:
            created, order_id = read_page_token(self.page_key, page_token, question=question)
            moment = datetime.fromisoformat(created)
            same_moment = sa.and_(OrderRow.created_at == moment, OrderRow.order_id < order_id)
            query = query.where(sa.or_(OrderRow.created_at < moment, same_moment))
        with self.database.reading() as session:
            rows = list(session.scalars(query))
            orders = tuple(view_order(session, row) for row in rows[:size])
        if len(rows) <= size:
            return OrderPage(orders, "")
        last = rows[size - 1]
        cursor = (last.created_at.isoformat(), last.order_id)
        return OrderPage(orders, make_page_token(self.page_key, question=question, cursor=cursor))

    def cancel(self, caller: Caller, name: str, *, etag: str, request_id: str) -> OrderView:
        """Withdraw an order before its release.

        Raises:
            NotFound: not the caller's order.
            StateConflict: it is released or closed.
            Stale: it changed since the caller read it (an empty etag skips this check).
        """
        require_request_id(request_id)

        with self.database.transaction() as session:

            def act() -> OrderView:
                order = find_order(session, caller, name)
                move_order(
                    session,
                    order_id=order.order_id,
                    to=OrderState.CANCELLED,
                    by="orderer",
                    reason="Withdrawn by the orderer.",
                    expected_etag=etag or None,
                )
                self._record(session, caller, action="order.cancel", subject=name)
                return view_order(session, order)

            body: dict[str, object] = {"name": name, "etag": etag}
            return answer_once(session, caller, method="CancelOrder", request_id=request_id, body=body, act=act)

    def _store(
        self, session: Session, caller: Caller, document: str, checked: CheckedOrder, *, set_files: Mapping[str, str]
    ) -> OrderView:
        # Counted again in the writer's turn: two requests at once must not both get the last place.
        self._require_room(session, caller)
        for choice, definition in zip(checked.document.indicators, checked.sets, strict=True):
            if choice.inline is None:
                remember_used(session, definition, files=set_files)
        moment, order_id = now(session), _new_order_id()
        order = OrderRow(
            order_id=order_id,
            organisation=caller.organisation,
            document=document,
            document_sha256=checked.document.canonical_sha256(),
            title=checked.document.title,
            purpose=checked.document.purpose,
            state=_first_state(checked).value,
            etag=new_etag(),
            reason="",
            policy=checked.policy.name,
            policy_sha256=checked.policy_sha256,
            created_at=moment,
            updated_at=moment,
        )
        session.add(order)
        session.flush()
        session.add(OrderStepRow(order_id=order_id, state=order.state, at=moment, by="orderer", reason=""))
        session.flush()
        self._record(session, caller, action="order.file", subject=order_name(caller.organisation, order_id))
        return view_order(session, order)

    def _require_room(self, session: Session, caller: Caller) -> None:
        query = sa.select(sa.func.count()).where(
            OrderRow.organisation == caller.organisation, OrderRow.state.in_(_UNFINISHED)
        )
        if session.scalars(query).one() >= self.open_orders_limit:
            raise QuotaExceeded(
                f"the organisation has {self.open_orders_limit} unfinished orders already.",
                mend="Cancel one that is not needed, or wait until one is finished.",
            )

    def _record(self, session: Session, caller: Caller, *, action: str, subject: str) -> None:
        self.trail.record(session, actor=caller.actor, role=caller.role, action=action, subject=subject, outcome="OK")


def _preview(caller: Caller, document: str, checked: CheckedOrder, *, at: datetime) -> OrderView:
    return OrderView(
        name="",
        organisation=caller.organisation,
        state=_first_state(checked),
        etag="",
        document=document,
        title=checked.document.title,
        purpose=checked.document.purpose,
        policy=checked.policy.name,
        reason="",
        approved_by_policy=None,
        created_at=at,
        updated_at=at,
        progress=None,
        steps=(),
    )


def _first_state(checked: CheckedOrder) -> OrderState:
    """Nobody sends the population that registers define: such an order waits for its officer at once."""
    defined = checked.document.population.is_defined
    return OrderState.AWAITING_APPROVAL if defined else OrderState.AWAITING_POPULATION


def _new_order_id() -> str:
    """Three groups of four letters: 51 bits, and easy to read aloud."""
    letters = [secrets.choice(_LETTERS) for _ in range(12)]
    return "-".join("".join(letters[place : place + 4]) for place in (0, 4, 8))
