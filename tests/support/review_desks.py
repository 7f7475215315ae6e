"""A release desk and a review desk over an order whose table waits, without registers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from linkage.disclosure_policy import DisclosurePolicy, canonical_sha256, shipped_policies
from linkage.order import OrderState, load_order
from linkage.signatures import SigningKeyPair
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure import protect
from linkage_core.table_review.measures import measure
from linkage_core.table_review.reviewed_table import open_for_review
from linkage_server.access.certificates import Caller
from linkage_server.audit.trail import AuditTrail
from linkage_server.registers.store import RegisterStore
from linkage_server.release.release_desk import ReleaseDesk
from linkage_server.reviews.review_desk import ReviewDesk
from linkage_server.runs.describe import describe
from linkage_server.runs.linkage_run import Sources
from linkage_server.runs.plan import PlannedPopulation, RunPlan
from linkage_server.storage.database import Database, now
from linkage_server.storage.order_states import move_order
from linkage_server.storage.tables import OrderRow, RunRow
from tests.support.order_desk import Desks, open_desks
from tests.support.orders import ORDER
from tests.support.protected_example import counted_example

STANDARD = shipped_policies()["standard@1.0.0"]
ANNA = Caller(organisation="holder", role="officer", certificate_serial="", name="Anna Berg")
ANNA_AGAIN = Caller(organisation="holder", role="officer", certificate_serial="c9", name="anna  BERG")
BO = Caller(organisation="holder", role="officer", certificate_serial="", name="Bo Ek")
NAMELESS = Caller(organisation="holder", role="officer", certificate_serial="c3")
OWN_OFFICER = Caller(organisation="swedeheart", role="officer", certificate_serial="d4", name="Own")
SOFTWARE = "test"
OPERATOR = Caller(organisation="holder", role="operator", certificate_serial="", name="Op One")


@cache
def key() -> SigningKeyPair:
    """A release desk's key."""
    return SigningKeyPair.generate()


@dataclass(frozen=True)
class WaitingTable:
    """An order whose table waits for release."""

    desks: Desks
    release: ReleaseDesk
    review: ReviewDesk
    order: str

    @property
    def order_id(self) -> str:
        return self.order.rpartition("/")[2]

    @property
    def etag(self) -> str:
        with self.desks.database.reading() as session:
            return session.get_one(OrderRow, self.order_id).etag

    @property
    def state(self) -> str:
        with self.desks.database.reading() as session:
            return session.get_one(OrderRow, self.order_id).state

    def actions(self) -> list[tuple[str, str]]:
        """Who did what of this order."""
        entries = self.desks.trail.newest(limit=100, subject=self.order)
        return [(entry.actor, entry.action) for entry in entries]


def rooms(database: Database, home: Path) -> tuple[ReleaseDesk, ReviewDesk]:
    """The two desks of a home folder; registers are not there."""
    trail = AuditTrail(database)
    sources = Sources(home=home, store=RegisterStore(home / "store"), history=None, threads=1)
    release = ReleaseDesk(database=database, trail=trail, home=home, signing_key=key)
    # Any: a run desk with nothing but what a review asks of it.
    runs = cast(Any, SimpleNamespace(sources=lambda _plan: sources, release_desk=release, software_version=SOFTWARE))
    return release, ReviewDesk(database, trail, home, runs)


def waiting_table(
    database: Database,
    home: Path,
    *,
    counted: CountedTable | None = None,
    policy: DisclosurePolicy = STANDARD,
    desks: Desks | None = None,
) -> WaitingTable:
    """File an order, say that it ran, and take its table in; `desks` where the database has one already."""
    desks = desks or open_desks(database)
    release, review = rooms(database, home)
    name = desks.file_waiting_for_approval().name
    order_id = name.rpartition("/")[2]
    document = load_order(ORDER).model_copy(update={"formats": ("parquet", "csv"), "by": (("hospital", "sex"),)})
    plan = RunPlan(
        order=name,
        organisation_title="Swedeheart",
        document=document,
        population=PlannedPopulation(file="populations/x", sha256="", pepper_version=1),
        registers=(),
        sets=(),
        policy=policy,
        policy_sha256=canonical_sha256(policy),
        history_sha256="",
        software_version=SOFTWARE,
    )
    with database.transaction() as session:
        for state, by in ((OrderState.APPROVED, "officer"), (OrderState.RUNNING, "service")):
            move_order(session, order_id=order_id, to=state, by=by, reason="test", expected_etag=None)
        session.add(
            RunRow(
                order_id=order_id,
                plan=plan.model_dump(mode="json", by_alias=True),
                plan_sha256=plan.sha256(),
                stage="describing",
                state="done",
                started_at=now(session),
                finished_at=now(session),
            )
        )
    counts = counted or counted_example()
    context = describe(plan, match_rate_band="98-100 %")
    protected = protect(counts, policy)
    assert protected.hidden is not None
    measures = asdict(measure(open_for_review(counts, policy, protected.hidden)))
    release.take_in(order_id, protected, context, counted=counts, measures=measures)
    return WaitingTable(desks, release, review, name)
