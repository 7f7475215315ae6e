"""The state machine of an order, each cell of it, on both databases."""

from __future__ import annotations

from itertools import product

import pytest

from linkage.errors import NotFound, NotPermitted, Stale, StateConflict
from linkage.order import MOVES, OrderState, waits_for
from linkage.wire.v1 import orders_pb2
from linkage_server.storage.database import Database, now
from linkage_server.storage.order_states import move_order, new_etag
from linkage_server.storage.tables import OrderRow, OrderStepRow, OrganisationRow

ROLES = ("orderer", "officer", "operator", "policy", "service")
START = OrderState.AWAITING_POPULATION
CLOSED = {"released", "rejected", "withheld", "cancelled", "failed"}


def put_orders(database: Database, states: list[OrderState]) -> None:
    with database.transaction() as session:
        session.add(OrganisationRow(organisation="swedeheart", title="Swedeheart", created_at=now(session)))
        session.flush()
        for state in states:
            session.add(
                OrderRow(
                    order_id=f"order-{state}",
                    organisation="swedeheart",
                    document="",
                    document_sha256="",
                    title="t",
                    purpose="statistics",
                    state=state.value,
                    etag=new_etag(),
                    policy="standard@1.0.0",
                    policy_sha256="",
                    created_at=now(session),
                    updated_at=now(session),
                )
            )


def test_every_move_is_allowed_exactly_where_the_table_says_so(database: Database) -> None:
    put_orders(database, list(OrderState))
    made = 0
    for state, to, role in product(OrderState, OrderState, ROLES):
        expected = MOVES.get((state, to))
        with database.transaction() as session:
            before = session.get_one(OrderRow, f"order-{state}")
            etag = before.etag
            if expected is None:
                with pytest.raises(StateConflict):
                    move_order(session, order_id=f"order-{state}", to=to, by=role, reason="r", expected_etag=None)
            elif role not in expected:
                with pytest.raises(NotPermitted):
                    move_order(session, order_id=f"order-{state}", to=to, by=role, reason="r", expected_etag=None)
            else:
                after = move_order(session, order_id=f"order-{state}", to=to, by=role, reason="r", expected_etag=etag)
                assert (after.state, after.reason) == (to, "r")
                assert after.etag != etag
                made += 1
                session.rollback()
                continue
            assert session.get_one(OrderRow, f"order-{state}").etag == etag
    assert made == sum(len(roles) for roles in MOVES.values())


def test_each_move_writes_a_step_and_a_new_etag(database: Database) -> None:
    put_orders(database, [START])
    with database.transaction() as session:
        to = OrderState.AWAITING_APPROVAL
        move_order(session, order_id=f"order-{START}", to=to, by="service", reason="Accepted.", expected_etag=None)
    with database.reading() as session:
        (step,) = session.query(OrderStepRow).all()
        assert (step.state, step.by, step.reason) == ("awaiting_approval", "service", "Accepted.")


def test_who_would_move_a_closed_order_learns_that_nothing_is_left_to_do(database: Database) -> None:
    put_orders(database, [OrderState.RETURNED, OrderState.RUNNING])
    for state, mend in ((OrderState.RETURNED, "It is closed"), (OrderState.RUNNING, "Look at the order")):
        with database.transaction() as session, pytest.raises(StateConflict) as refused:
            move_order(
                session, order_id=f"order-{state}", to=OrderState.RELEASED, by="officer", reason="", expected_etag=None
            )
        assert refused.value.mend.startswith(mend)


def test_a_stale_reader_cannot_move_an_order(database: Database) -> None:
    put_orders(database, [START])
    with database.transaction() as session, pytest.raises(Stale):
        move_order(
            session, order_id=f"order-{START}", to=OrderState.CANCELLED, by="orderer", reason="", expected_etag="old"
        )


def test_an_order_that_is_not_there_cannot_move(database: Database) -> None:
    with database.transaction() as session, pytest.raises(NotFound):
        move_order(session, order_id="none", to=OrderState.CANCELLED, by="orderer", reason="", expected_etag=None)


def test_the_wire_knows_the_same_states() -> None:
    on_the_wire = {name.removeprefix("ORDER_STATE_").lower() for name in orders_pb2.OrderState.keys()}  # noqa: SIM118  no dict
    assert on_the_wire - {"unspecified"} == {state.value for state in OrderState}


def test_every_state_can_be_reached_and_only_closed_ones_have_no_way_on() -> None:
    reached = {START}
    while more := {to for state, to in MOVES if state in reached} - reached:
        reached |= more
    assert reached == set(OrderState)
    leading_on = {state for state, _ in MOVES}
    assert {state.value for state in OrderState} - {state.value for state in leading_on} == CLOSED | {"returned"}


def test_nothing_is_released_or_run_without_a_decider() -> None:
    for (_, to), roles in MOVES.items():
        if to in {OrderState.RELEASED, OrderState.APPROVED} and (_, to) != (OrderState.RUNNING, OrderState.APPROVED):
            assert roles == {"officer", "policy"}


def test_somebody_has_to_act_in_every_open_state() -> None:
    assert {state.value for state in OrderState if not waits_for(state)} == CLOSED
