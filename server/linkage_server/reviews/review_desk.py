"""The officer's work on a table that waits: look into it, make it coarser, hide further cells, choose a version.

Whatever an officer changes is a new version, protected and proved anew as a whole; the earlier ones stay. A version,
its being chosen and its entry in the audit trail are one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from linkage.errors import DisclosureRefused, InputRefused, NotFound, NotPermitted, Stale, StateConflict
from linkage.free_text import refuse_identity_number
from linkage.order_states import OrderState, order_name, parse_order_name
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure import ProtectedTable
from linkage_core.table_review.audit import AuditOutcome, audit
from linkage_core.table_review.measures import measure
from linkage_core.table_review.proposals import Proposal, proposals
from linkage_core.table_review.reviewed_table import ReviewedTable
from linkage_server.access.certificates import Caller
from linkage_server.access.permits import Role
from linkage_server.audit.trail import AuditTrail
from linkage_server.release.coarsened_context import coarsened_context
from linkage_server.release.context import ReleaseContext
from linkage_server.release.recipe import HiddenCell, Recipe, Step
from linkage_server.release.table_versions import (
    NewVersion,
    TableVersion,
    add_version,
    choose,
    chosen_version,
    find_version,
    load_counts,
    load_table,
    versions_of,
)
from linkage_server.runs.make_version import counts_of, make_version, review_version
from linkage_server.runs.plan import RunPlan
from linkage_server.runs.run_desk import RunDesk
from linkage_server.storage.database import Database
from linkage_server.storage.order_states import keep_state
from linkage_server.storage.tables import OrderRow, RunRow, TableVersionRow

LONGEST_REASON = 2000
# The trail strikes out digits that look like an identity number, and a hash may hold such.
_LETTERS = str.maketrans("0123456789", "ghijklmnop")


@dataclass(frozen=True, slots=True)
class OpenReview:
    """A version of a table, taken apart for an officer.

    Args:
        order, etag: the order as it was read.
        version: its number; `recipe` tells how it was made.
        plan, context: what was computed, and what is told about it.
        counted: exact counts of the version.
        protected: what of it may leave.
        table: its cells.
    """

    order: str
    etag: str
    version: int
    recipe: Recipe
    plan: RunPlan
    context: ReleaseContext
    counted: CountedTable
    protected: ProtectedTable
    table: ReviewedTable


@dataclass(frozen=True, slots=True)
class ReviewDesk:
    """Where officers work on waiting tables.

    Args:
        database: the service's state.
        trail: where each change is recorded.
        home: the service's home folder.
        run_desk: knows what a run read from.
    """

    database: Database
    trail: AuditTrail
    home: Path
    run_desk: RunDesk

    def open(self, caller: Caller, order: str, *, version: int | None = None) -> OpenReview:
        """Take a version apart, the chosen one if none is named.

        Raises:
            NotFound: no such order or version, or it was run before counts were kept.
            StateConflict: the table was laid beside earlier releases.
        """
        with self.database.reading() as session:
            row = _order(session, caller, order)
            made = find_version(session, row.order_id, version) if version else chosen_version(session, row.order_id)
            counted = load_counts(session, self.home, row.order_id)
            plan = RunPlan.from_json(session.get_one(RunRow, row.order_id).plan)
            etag = row.etag
        recipe = Recipe.model_validate(made.recipe)
        counted = counts_of(recipe, counted)
        protected = load_table(self.home, file=made.file, sha256=made.sha256)
        table = review_version(plan, self.run_desk.sources(plan), counted, recipe, protected)
        if table is None:
            raise StateConflict(
                "the table was laid beside earlier releases: counts alone do not tell who moved since.",
                mend="Review it as it would leave, and release or withhold it.",
            )
        context = ReleaseContext.model_validate(made.description)
        return OpenReview(order, etag, made.version, recipe, plan, context, counted, protected, table)

    def order_id(self, session: Session, caller: Caller, order: str) -> str:
        """Id of an order that the caller may decide on."""
        return _order(session, caller, order).order_id

    def etag(self, caller: Caller, order: str) -> str:
        """The order's mark as it is now."""
        with self.database.reading() as session:
            return _order(session, caller, order).etag

    def versions(self, caller: Caller, order: str) -> list[TableVersion]:
        """All versions of an order's table, the oldest first."""
        with self.database.reading() as session:
            return versions_of(session, _order(session, caller, order).order_id)

    def audit(self, caller: Caller, order: str) -> AuditOutcome:
        """Prove every blank of the chosen version again."""
        return audit(self.open(caller, order).table)

    def coarser(self, opened: OpenReview, steps: Sequence[Step] = ()) -> list[Proposal]:
        """What each coarser table would hide, the least first; nothing is kept of it.

        Args:
            opened: the version that would be made coarser.
            steps: what is made coarser before.
        """
        sources = self.run_desk.sources(opened.plan)
        counted = counts_of(Recipe(steps=tuple(steps)), opened.counted)
        return proposals(
            counted, opened.plan.policy, secrets=lambda coarse: sources.company_secrets(opened.plan, coarse)
        )

    def change(
        self,
        caller: Caller,
        order: str,
        *,
        etag: str,
        reasoning: str,
        steps: Sequence[Step] = (),
        hide: Sequence[HiddenCell] = (),
        base: int | None = None,
    ) -> TableVersion:
        """Make a further version of a table and choose it.

        Args:
            etag: of the order as the officer read it.
            reasoning: why, in words; kept with the version.
            steps: what is made coarser, after what the base has made coarser.
            hide: printed cells that are hidden besides.
            base: the version that is changed; the chosen one if none is named.

        Raises:
            InputRefused: nothing changes, a step is not possible, or a cell is a zero that is shown.
            NotFound: a cell is not in the table as it would be.
            DisclosureRefused: the table cannot be protected so.
            Stale, StateConflict: the order changed since it was read, or does not wait for release.
        """
        _require_words(reasoning)
        opened = self.open(caller, order, version=base)
        if opened.etag != etag:
            raise Stale("the order has changed since it was read.", mend="Read it again, then decide.")
        kept = (*opened.recipe.hidden, *(cell for cell in hide if cell not in opened.recipe.hidden))
        recipe = Recipe(steps=(*opened.recipe.steps, *steps), hidden=kept)
        if recipe == opened.recipe:
            raise InputRefused("nothing would change.", mend="Name a dimension to make coarser or a cell to hide.")
        _require_hideable(opened.table, hide)
        new = self._make(caller, opened, recipe, reasoning=reasoning.strip())
        with self.database.transaction() as session:
            row = _order(session, caller, order)
            state = OrderState.AWAITING_RELEASE
            keep_state(session, order_id=row.order_id, state=state, expected_etag=etag, changed=True)
            made = add_version(session, self.home, row.order_id, new)
            action = "release.coarsen" if steps else "release.hide"
            self._record(session, caller, row, made, action=action)
        return self._version(caller, order, made.version)

    def choose(self, caller: Caller, order: str, *, etag: str, version: int) -> TableVersion:
        """Let another version be the one that is released.

        Raises:
            NotFound: there is none of that number.
            Stale, StateConflict: the order changed since it was read, or does not wait for release.
        """
        with self.database.transaction() as session:
            row = _order(session, caller, order)
            made = find_version(session, row.order_id, version)
            state = OrderState.AWAITING_RELEASE
            keep_state(session, order_id=row.order_id, state=state, expected_etag=etag, changed=True)
            plan = RunPlan.from_json(session.get_one(RunRow, row.order_id).plan)
            choose(session, made, policy=plan.policy.name, policy_sha256=plan.policy_sha256)
            self._record(session, caller, row, made, action="release.choose")
        return self._version(caller, order, version)

    def note_counts_read(self, caller: Caller, order: str) -> None:
        """Write down that an officer is shown exact numbers of hidden cells; called before they are shown."""
        with self.database.transaction() as session:
            row = _order(session, caller, order)
            self._record(session, caller, row, chosen_version(session, row.order_id), action="release.read_counts")

    def note_evidence(self, caller: Caller, order: str, *, version: int) -> None:
        """Write down that all exact numbers of a version are given out as evidence; called before they are."""
        with self.database.transaction() as session:
            row = _order(session, caller, order)
            made = find_version(session, row.order_id, version)
            self._record(session, caller, row, made, action="release.write_evidence")

    def _make(self, caller: Caller, opened: OpenReview, recipe: Recipe, *, reasoning: str) -> NewVersion:
        plan, sources = opened.plan, self.run_desk.sources(opened.plan)
        with self.database.reading() as session:
            order_id = parse_order_name(opened.order)[1]
            first = find_version(session, order_id, 1)
            counted = counts_of(recipe, load_counts(session, self.home, order_id))
        protected = make_version(plan, sources, counted, recipe)
        table = review_version(plan, sources, counted, recipe, protected)
        assert table is not None, "a table that was protected now has its blanks"
        outcome = audit(table)
        if not outcome.holds:
            raise DisclosureRefused(
                "The changed table is not proved to hide its blanks, so it is not kept.",
                mend="Hide other cells, or make the table coarser.",
            )
        return NewVersion.of(
            protected,
            coarsened_context(ReleaseContext.model_validate(first.description), recipe),
            recipe=recipe,
            officer=caller.actor,
            reasoning=reasoning,
            measures=asdict(measure(table)) | {"proved": outcome.checked, "unproved": outcome.unproved},
        )

    def _version(self, caller: Caller, order: str, number: int) -> TableVersion:
        return next(one for one in self.versions(caller, order) if one.version == number)

    def _record(self, session: Session, caller: Caller, order: OrderRow, made: TableVersionRow, *, action: str) -> None:
        name = order_name(order.organisation, order.order_id)
        self.trail.record(
            session,
            actor=caller.actor,
            role=caller.role,
            action=action,
            subject=f"{name}/tables/{made.version}/{made.sha256.translate(_LETTERS)}",
            outcome="OK",
        )


def _order(session: Session, caller: Caller, name: str) -> OrderRow:
    """The order, for an officer of another organisation."""
    if caller.role != Role.OFFICER:
        raise NotPermitted("this role may not do that.", mend="Ask an officer.", facts={"role": caller.role})
    organisation, order_id = parse_order_name(name)
    row = session.get(OrderRow, order_id)
    if row is None or row.organisation != organisation:
        raise NotFound("there is no order of that name.", mend="List the orders to see their names.")
    if caller.organisation == row.organisation:
        raise NotPermitted("nobody decides on an order of their own organisation.", mend="Let another officer decide.")
    return row


def _require_hideable(table: ReviewedTable, hide: Sequence[HiddenCell]) -> None:
    for cell in hide:
        side = table.side(cell.kind)
        names = {name: number for number, name in enumerate(side.names)}
        number = names.get(cell.name())
        if number is None or not side.system.printed[number]:
            raise NotFound("no line prints such a cell.", mend="See: linkage-server releases cells")
        if side.system.values[number] < side.system.at_least[number]:
            raise InputRefused(
                "that cell cannot be hidden, for readers know what it is: zeros where zeros are shown, and how many "
                "persons there are in all where they were sent.",
                mend="Hide another cell, or withhold the table.",
            )


def _require_words(reasoning: str) -> None:
    if not 1 <= len(reasoning.strip()) <= LONGEST_REASON:
        raise InputRefused("a reasoning is missing.", mend=f"Give a reasoning of 1 to {LONGEST_REASON} characters.")
    refuse_identity_number(reasoning, what="the reasoning")
