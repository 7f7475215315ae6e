"""The release desk: holds protected tables until an officer lets them go, and then delivers them once.

A release is its row in the database. The folder is written and synced before the row, both while this writer has its
turn: a folder without a row was never released, and `recover` takes it away; a row always has its folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from linkage.errors import InputRefused, NotFound, NotPermitted, Stale, StateConflict
from linkage.free_text import refuse_identity_number
from linkage.order_states import OrderState, order_name, parse_order_name
from linkage.signatures import SigningKeyPair
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure import ProtectedTable
from linkage_server.access.certificates import Caller
from linkage_server.audit.trail import AuditTrail
from linkage_server.ledger.release_ledger import NewEntry, ReleaseLedger, release_id
from linkage_server.release.context import ReleaseContext
from linkage_server.release.delivery import PARTIAL, Delivery, delivery_of, write_delivery
from linkage_server.release.four_eyes import add_approval, approvals_of
from linkage_server.release.recipe import Recipe
from linkage_server.release.review import Review, review
from linkage_server.release.table_versions import NewVersion, add_version, keep_counts, load_table, sweep
from linkage_server.storage.base import Json
from linkage_server.storage.database import Database, now
from linkage_server.storage.order_states import keep_state, move_order, order_of
from linkage_server.storage.tables import OrderRow, ProtectedTableRow, ReleaseRow

_LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class Released:
    """A release as it stands in the database."""

    name: str
    folder: Path
    manifest_sha256: str
    released_at: datetime


@dataclass(frozen=True, slots=True)
class AwaitsOfficer:
    """An approval that was written down, and how many more officers the policy asks for."""

    order: str
    more: int


@dataclass(frozen=True, slots=True)
class ReleaseDesk:
    """Takes protected tables in, shows them to officers, lets them go or keeps them back.

    Args:
        database: the service's state.
        trail: where each step is recorded.
        home: the service's home folder; tables wait in `releases/waiting`, their counts in
            `releases/counts`, deliveries lie in `releases/delivered`.
        signing_key: gives the release desk's key when it is needed, and not before.
        together: groups of organisations that are taken to share what they are sent.
    """

    database: Database
    trail: AuditTrail
    home: Path
    signing_key: Callable[[], SigningKeyPair]
    together: Sequence[Sequence[str]] = ()

    @property
    def ledger(self) -> ReleaseLedger:
        """What released tables said."""
        return ReleaseLedger(self.database, self.home, self.together)

    def take_in(
        self,
        order_id: str,
        protected: ProtectedTable,
        context: ReleaseContext,
        *,
        counted: CountedTable,
        measures: Json | None = None,
        entry: NewEntry | None = None,
    ) -> None:
        """Keep a run's table until it is decided on; the order then awaits release. Harmless to repeat.

        Args:
            order_id, protected, context: the order, its table, and what is told about it.
            counted: the counts that it was made from; officers try coarser tables on them.
            measures: what the queue is ranked by.
            entry: what the release ledger keeps of the table, from the moment that it is released.

        Raises:
            StateConflict: the order is not running.
        """
        new = NewVersion.of(protected, context, recipe=Recipe(), measures=measures)
        with self.database.transaction() as session:
            held = session.get(ProtectedTableRow, order_id)
            order = session.get(OrderRow, order_id)
            if held and order and order.state == OrderState.AWAITING_RELEASE and held.sha256 == new.sha256:
                return
            keep_counts(session, self.home, order_id, counted)
            add_version(session, self.home, order_id, new)
            if entry is not None:
                self.ledger.record(session, order_id, entry, table_sha256=new.sha256)
            reason = "The table passed disclosure control and waits for an officer."
            self._move(session, order_id, to=OrderState.AWAITING_RELEASE, by="service", reason=reason, etag=None)
            self._record(session, None, action="release.take_in", order_id=order_id)

    def review(self, caller: Caller, order: str) -> Review:
        """What the officer decides on: kept-back cells counted by reason, and the table as it would leave."""
        with self.database.reading() as session:
            row = _find(session, order)
            _require_other_organisation(caller, row)
            held = self._held(session, row.order_id)
            etag, approved_by = row.etag, tuple(one.officer for one in approvals_of(session, held))
        context = ReleaseContext.model_validate(held.description)
        return review(self._load(held), context, order=order, etag=etag, approved_by=approved_by)

    def approve(self, caller: Caller, order: str, *, etag: str, reasoning: str) -> Released | AwaitsOfficer:
        """Deliver the table; a repeated approval gives the release that is there.

        Where the policy asks for two officers, the first one's approval is written down and nothing is delivered.

        Args:
            etag: of the order as the officer read it.
            reasoning: why nobody is harmed, kept with the release.

        Raises:
            NotPermitted: the policy asks for two officers, and this one has approved the table already.
            Stale: the order changed since it was read.
            StateConflict: it does not await release, or another release of the same people came between.
            StorageFull: no room; nothing was released.
        """
        _require_words(reasoning, what="reasoning")
        with self.database.reading() as session:
            row = _find(session, order)
            _require_other_organisation(caller, row)
            if (done := self._released(session, row)) is not None:
                return done
            held = self._held(session, row.order_id)
        # Drawn before the writer's turn: charts take seconds, and others wait for the turn.
        delivery = self._prepare(held)
        with self.database.transaction() as session:
            row = _find(session, order)
            if (done := self._released(session, row)) is not None:
                return done
            if self._held(session, row.order_id).sha256 != held.sha256:
                raise Stale("another version of the table was chosen.", mend="Review it again, then decide.")
            self.ledger.refuse_overtaken(session, row.order_id)
            if (more := self._more_officers(session, held, caller, etag=etag, reasoning=reasoning.strip())) > 0:
                self._record(session, caller, action="release.approve_first", order_id=row.order_id)
                return AwaitsOfficer(order, more)
            self._move(session, row.order_id, to=OrderState.RELEASED, by="officer", reason="Released.", etag=etag)
            self._record(session, caller, action="release.approve", order_id=row.order_id)
            return self._deliver(session, row, delivery, decider=caller.actor, reasoning=reasoning.strip())

    def withhold(self, caller: Caller, order: str, *, etag: str, reason: str) -> None:
        """Keep the table back for good; the orderer reads the reason. A repeated call changes nothing."""
        _require_words(reason, what="reason")
        with self.database.transaction() as session:
            row = _find(session, order)
            _require_other_organisation(caller, row)
            if row.state == OrderState.WITHHELD and row.reason == reason.strip():
                return
            self._move(session, row.order_id, to=OrderState.WITHHELD, by="officer", reason=reason.strip(), etag=etag)
            self._record(session, caller, action="release.withhold", order_id=row.order_id)

    def find(self, caller: Caller, order: str) -> Released:
        """The release of an order of the caller's organisation; officers see every one.

        Raises:
            NotFound: there is none, or it is another organisation's; nobody can tell which.
        """
        with self.database.reading() as session:
            if caller.role != "officer" and caller.organisation != parse_order_name(order)[0]:
                raise _no_order()
            row = _find(session, order)
            released = self._released(session, row)
        if released is None:
            raise NotFound("there is no release of that order.", mend="Ask for the order's state.")
        return released

    def recover(self) -> list[str]:
        """After a start: take away what was never a version of a table, and folders that were never released.

        Returns the names of these folders.
        """
        removed = []
        with self.database.transaction() as session:
            sweep(session, self.home)
            self.ledger.sweep(session)
            known = set(session.scalars(sa.select(ReleaseRow.folder)))
            for folder in sorted(self._delivered.iterdir()) if self._delivered.is_dir() else ():
                if folder.name.endswith(PARTIAL) or str(folder.relative_to(self.home)) not in known:
                    shutil.rmtree(folder)
                    removed.append(folder.name)
        return removed

    @property
    def _delivered(self) -> Path:
        return self.home / "releases" / "delivered"

    def _deliver(
        self, session: Session, order: OrderRow, delivery: Delivery, *, decider: str, reasoning: str
    ) -> Released:
        self._delivered.mkdir(mode=0o700, parents=True, exist_ok=True)
        identifier = release_id(order.order_id)
        folder = self._delivered / identifier
        moment = now(session)
        name = f"{order_name(order.organisation, order.order_id)}/releases/{identifier}"
        # Left by a writer that was killed before its row: its turn is over, so nobody else is writing here.
        shutil.rmtree(folder, ignore_errors=True)
        sha256 = write_delivery(delivery, folder=folder, release=name, released_at=moment, key=self.signing_key())
        session.add(
            ReleaseRow(
                release_id=identifier,
                order_id=order.order_id,
                folder=str(folder.relative_to(self.home)),
                manifest_sha256=sha256,
                decider=decider,
                reasoning=reasoning,
                released_at=moment,
            )
        )
        session.flush()
        return Released(name, folder, sha256, moment)

    def _prepare(self, held: ProtectedTableRow) -> Delivery:
        return delivery_of(self._load(held), ReleaseContext.model_validate(held.description))

    def _load(self, held: ProtectedTableRow) -> ProtectedTable:
        return load_table(self.home, file=held.file, sha256=held.sha256)

    def _more_officers(
        self, session: Session, held: ProtectedTableRow, caller: Caller, *, etag: str, reasoning: str
    ) -> int:
        """How many more officers must approve, this one's approval written down where several must."""
        needed = ReleaseContext.model_validate(held.description).officers_to_release
        if needed < 2:
            return 0
        state = OrderState.AWAITING_RELEASE
        keep_state(session, order_id=held.order_id, state=state, expected_etag=etag, changed=False)
        return needed - add_approval(session, held, caller, reasoning=reasoning)

    def _held(self, session: Session, order_id: str) -> ProtectedTableRow:
        held = session.get(ProtectedTableRow, order_id)
        if held is None:
            raise StateConflict("the order has no table that waits for release.", mend="Look at the order's state.")
        return held

    def _released(self, session: Session, order: OrderRow) -> Released | None:
        row = session.scalar(sa.select(ReleaseRow).where(ReleaseRow.order_id == order.order_id))
        if row is None:
            return None
        name = f"{order_name(order.organisation, order.order_id)}/releases/{row.release_id}"
        return Released(name, self.home / row.folder, row.manifest_sha256, row.released_at)

    def _move(self, session: Session, order_id: str, *, to: OrderState, by: str, reason: str, etag: str | None) -> None:
        move_order(session, order_id=order_id, to=to, by=by, reason=reason, expected_etag=etag)

    def _record(self, session: Session, caller: Caller | None, *, action: str, order_id: str) -> None:
        order = session.get_one(OrderRow, order_id)
        self.trail.record(
            session,
            actor=caller.actor if caller else "linkage-server",
            role=caller.role if caller else "service",
            action=action,
            subject=order_name(order.organisation, order_id),
            outcome="OK",
        )


def _find(session: Session, order: str) -> OrderRow:
    organisation, order_id = parse_order_name(order)
    row = order_of(session, organisation, order_id)
    if row is None:
        raise _no_order()
    return row


def _no_order() -> NotFound:
    return NotFound("there is no order of that name.", mend="List the orders to see their names.")


def _require_other_organisation(caller: Caller, order: OrderRow) -> None:
    if caller.organisation == order.organisation:
        raise NotPermitted("nobody decides on an order of their own organisation.", mend="Let another officer decide.")


def _require_words(text: str, *, what: str) -> None:
    if not 1 <= len(text.strip()) <= _LONGEST_REASON:
        raise InputRefused(f"a {what} is missing.", mend=f"Give a {what} of 1 to {_LONGEST_REASON} characters.")
    refuse_identity_number(text, what=f"the {what}")
