"""An order book and an officer's desk over a small offer, for tests on any database."""

from __future__ import annotations

from dataclasses import dataclass, replace

from linkage.disclosure_policy import shipped_policies
from linkage.indicator_definition import load_indicator_set
from linkage.order import OrderState
from linkage.register_catalogue import shipped_registers
from linkage.request_id import new_request_id
from linkage_server.access.certificates import Caller
from linkage_server.audit.trail import AuditTrail
from linkage_server.orders.approval import ApprovalDesk
from linkage_server.orders.offer import Offer
from linkage_server.orders.order_book import OrderBook
from linkage_server.orders.order_view import OrderView
from linkage_server.storage.database import Database, now
from linkage_server.storage.order_states import move_order
from linkage_server.storage.tables import OrganisationRow, PopulationRow
from tests.support.orders import ORDER, SMALL_SET

ORDERER = Caller(organisation="swedeheart", role="orderer", certificate_serial="a1")
STRANGER = Caller(organisation="another", role="orderer", certificate_serial="b2")
OFFICER = Caller(organisation="holder", role="officer", certificate_serial="c3", name="officer-one")


def small_offer() -> Offer:
    definition = load_indicator_set(SMALL_SET)
    policies = shipped_policies()
    standard = policies["standard@1.0.0"]
    weak = standard.model_copy(update={"id": "weak", "minimum_cell": 3, "minimum_contributors": 3})
    strict = standard.model_copy(update={"id": "strict", "minimum_cell": 20, "minimum_contributors": 20})
    return Offer(
        registers=shipped_registers(),
        sets={definition.name: definition},
        policies=policies | {weak.name: weak, strict.name: strict},
        preapprovals=(),
        standard_policy="standard@1.0.0",
        minimum_policy="standard@1.0.0",
    )


@dataclass(slots=True)
class Desks:
    """The rooms of one test, with an offer that the test may change."""

    database: Database
    offer: Offer
    open_orders_limit: int = 50

    @property
    def trail(self) -> AuditTrail:
        return AuditTrail(self.database)

    @property
    def book(self) -> OrderBook:
        return OrderBook(
            database=self.database,
            trail=self.trail,
            offer=lambda: self.offer,
            page_key=b"k" * 32,
            open_orders_limit=self.open_orders_limit,
        )

    @property
    def approval(self) -> ApprovalDesk:
        return ApprovalDesk(database=self.database, trail=self.trail, offer=lambda: self.offer)

    def file(self, document: str = ORDER, *, caller: Caller = ORDERER) -> OrderView:
        return self.book.file_order(caller, document=document, request_id=new_id())

    def file_waiting_for_approval(self, document: str = ORDER, *, linkable: int = 5000) -> OrderView:
        """An order whose population was accepted, as intake does it."""
        order = self.file(document)
        order_id = order.name.rpartition("/")[2]
        with self.database.transaction() as session:
            moment = now(session)
            session.add(
                PopulationRow(
                    order_id=order_id,
                    upload_id=new_id(),
                    file="populations/x",
                    sha256="",
                    rows=linkable,
                    linkable=linkable,
                    not_linkable={},
                    strata={"hospital": 3},
                    reference_date=moment.date(),
                    has_index_date=True,
                    pepper_version=1,
                    manifest_sha256="",
                    accepted_at=moment,
                )
            )
            move_order(
                session,
                order_id=order_id,
                to=OrderState.AWAITING_APPROVAL,
                by="service",
                reason="Population accepted.",
                expected_etag=None,
            )
        return self.book.get(ORDERER, order.name)

    def change_offer(self, **parts: object) -> None:
        self.offer = replace(self.offer, **parts)  # type: ignore[arg-type]


def open_desks(database: Database) -> Desks:
    """Desks with two organisations that may order."""
    with database.transaction() as session:
        for name in ("swedeheart", "another"):
            session.add(OrganisationRow(organisation=name, title=name, created_at=now(session)))
    return Desks(database=database, offer=small_offer())


def new_id() -> str:
    return new_request_id()
