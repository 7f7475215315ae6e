"""The states of an order, and who may move it from where to where.

`MOVES` is the whole rule: a move that is not in the table does not exist. The diagram in
docs/manual/order-states.md is drawn from it.
"""

from __future__ import annotations

import re
from enum import StrEnum
from types import MappingProxyType

from linkage.errors import NotFound


class OrderState(StrEnum):
    """Where an order stands. The wire's ORDER_STATE_... has the same names in capitals."""

    AWAITING_POPULATION = "awaiting_population"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    RUNNING = "running"
    AWAITING_RELEASE = "awaiting_release"
    RELEASED = "released"
    RETURNED = "returned"
    REJECTED = "rejected"
    WITHHELD = "withheld"
    CANCELLED = "cancelled"
    FAILED = "failed"


_S = OrderState
_ORDERER = frozenset({"orderer"})
_OFFICER = frozenset({"officer"})
_SERVICE = frozenset({"service"})
_DECIDERS = frozenset({"officer", "policy"})

# (from, to) -> roles that may make the move. "policy" is a written policy that decides in an officer's stead,
# "service" is the server itself. An order that was handed back is mended by filing a new one: what an officer
# decided on must not change afterwards.
MOVES: MappingProxyType[tuple[OrderState, OrderState], frozenset[str]] = MappingProxyType(
    {
        (_S.AWAITING_POPULATION, _S.AWAITING_APPROVAL): _SERVICE,
        (_S.AWAITING_POPULATION, _S.RETURNED): _OFFICER,
        (_S.AWAITING_POPULATION, _S.REJECTED): _OFFICER,
        (_S.AWAITING_POPULATION, _S.CANCELLED): _ORDERER,
        (_S.AWAITING_APPROVAL, _S.APPROVED): _DECIDERS,
        (_S.AWAITING_APPROVAL, _S.RETURNED): _OFFICER,
        (_S.AWAITING_APPROVAL, _S.REJECTED): _OFFICER,
        (_S.AWAITING_APPROVAL, _S.CANCELLED): _ORDERER,
        (_S.APPROVED, _S.RUNNING): _SERVICE,
        (_S.APPROVED, _S.CANCELLED): _ORDERER,
        (_S.RUNNING, _S.APPROVED): _SERVICE,  # interrupted; starts again
        (_S.RUNNING, _S.AWAITING_RELEASE): _SERVICE,
        (_S.RUNNING, _S.FAILED): _SERVICE,
        (_S.RUNNING, _S.CANCELLED): _ORDERER,
        (_S.AWAITING_RELEASE, _S.RELEASED): _DECIDERS,
        (_S.AWAITING_RELEASE, _S.WITHHELD): _OFFICER,
        (_S.AWAITING_RELEASE, _S.CANCELLED): _ORDERER,
    }
)

_WAITS_FOR = {
    _S.AWAITING_POPULATION: "orderer",
    _S.AWAITING_APPROVAL: "officer",
    _S.APPROVED: "service",
    _S.RUNNING: "service",
    _S.AWAITING_RELEASE: "officer",
    _S.RETURNED: "orderer",
}

_ORDER_NAME = re.compile(r"organisations/([a-z0-9][a-z0-9-]{0,62})/orders/([a-z0-9][a-z0-9-]{0,62})")


def waits_for(state: OrderState) -> str:
    """Who has to act next: "orderer", "officer", "service", or "" where nobody has."""
    return _WAITS_FOR.get(state, "")


def is_closed(state: OrderState) -> bool:
    """Whether no move leads on from a state."""
    return all(start != state for start, _ in MOVES)


def order_name(organisation: str, order: str) -> str:
    """Resource name of an order."""
    return f"organisations/{organisation}/orders/{order}"


def parse_order_name(name: str) -> tuple[str, str]:
    """Split a resource name into organisation and order.

    Raises:
        NotFound: the name is not one of an order. An order that is not there gets the same answer.
    """
    if match := _ORDER_NAME.fullmatch(name):
        return match[1], match[2]
    raise NotFound("there is no order of that name.", mend="List your orders to see their names.")
