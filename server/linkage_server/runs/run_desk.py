"""Runs one order from approved to awaiting release, so that being killed anywhere leaves it to be run again.

    APPROVED ── claim ──> RUNNING ── take in ──> AWAITING_RELEASE
        ^                    │  └── refusal ──> FAILED
        └── interrupted ─────┘

The plan is stored when the order is first claimed; every later attempt follows that plan and gives the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from linkage.errors import LinkageError, OrderRejected, ServiceUnavailable, StateConflict
from linkage.order_states import OrderState, order_name
from linkage_core.table_review.measures import measure
from linkage_server.audit.trail import AuditTrail
from linkage_server.ledger.release_ledger import NewEntry, ReleaseLedger
from linkage_server.operations import logs
from linkage_server.orders.check_order import check_order
from linkage_server.orders.offer import Offer
from linkage_server.orders.signed_exceptions import require_signatures
from linkage_server.orders.swedish_day import swedish_day
from linkage_server.registers.history import NumberHistoryStore
from linkage_server.registers.inhabitants import InhabitantsStore
from linkage_server.registers.manufacturers import MANUFACTURERS, ManufacturerStore
from linkage_server.registers.store import RegisterStore
from linkage_server.release.recipe import Recipe
from linkage_server.release.release_desk import ReleaseDesk
from linkage_server.runs.beside_earlier import EarlierReleases, data_read, layout_sha256, refuse_without_entry
from linkage_server.runs.core_share import CoreShare, Turn
from linkage_server.runs.describe import describe
from linkage_server.runs.linkage_run import STAGES, RunAnswer, Sources, run_linkage
from linkage_server.runs.make_version import review_version
from linkage_server.runs.memory_watch import MemoryWatch
from linkage_server.runs.plan import RunPlan, make_plan
from linkage_server.runs.plan_population import plan_population
from linkage_server.runs.planner import Planner
from linkage_server.runs.run_report import RunReport, touched_registers
from linkage_server.runs.run_stages import RunStages
from linkage_server.runs.similar_populations import SimilarPopulations
from linkage_server.storage.base import Json
from linkage_server.storage.database import Database, now
from linkage_server.storage.order_states import move_order
from linkage_server.storage.tables import OrderRow, OrganisationRow, PopulationRow, ProtectedTableRow, RunRow

ATTEMPTS_MAX = 5
_CUT_OFF = f"The run was interrupted {ATTEMPTS_MAX} times."


class RunCancelled(StateConflict):
    """The order left RUNNING while it was computed: the answer is thrown away."""

    reason = "RUN_CANCELLED"


@dataclass(frozen=True, slots=True)
class RunDesk:
    """Where approved orders are computed.

    Args:
        database: the service's state.
        trail: where each step is recorded.
        home: the service's home folder.
        store: the registers.
        history: changes of identity numbers.
        offer: definitions as they stand at this moment; read only when a plan is made.
        release_desk: takes protected tables in.
        planner: says what is expected of a run, and what one run may use.
        core_share: the cores, shared with the other runs.
        similar: refuses populations that differ by a few persons.
        software_version: written into each plan.
    """

    database: Database
    trail: AuditTrail
    home: Path
    store: RegisterStore
    history: NumberHistoryStore
    offer: Callable[[], Offer]
    release_desk: ReleaseDesk
    planner: Planner
    core_share: CoreShare
    similar: SimilarPopulations
    software_version: str

    @property
    def ledger(self) -> ReleaseLedger:
        """What released tables said."""
        return ReleaseLedger(self.database, self.home, self.similar.together)

    def recover(self) -> list[str]:
        """After a start: orders whose run was cut off are approved again, to be run again. Returns their ids.

        A run that was cut off too often fails instead: it may be what ends the service, time and again.
        """
        waiting = []
        with self.database.transaction() as session:
            cut_off = list(
                session.scalars(sa.select(OrderRow.order_id).where(OrderRow.state == OrderState.RUNNING.value))
            )
            for order_id in cut_off:
                run = session.get_one(RunRow, order_id)
                if run.attempt >= ATTEMPTS_MAX:
                    run.state, run.error, run.finished_at = "failed", _CUT_OFF, now(session)
                    self._move(session, order_id, OrderState.FAILED, _CUT_OFF)
                else:
                    self._move(session, order_id, OrderState.APPROVED, "The run was interrupted and starts again.")
                    waiting.append(order_id)
            # Killed after the table was taken in and before the run was told.
            taken_in = sa.select(ProtectedTableRow.order_id)
            session.execute(
                sa.update(RunRow)
                .where(RunRow.state == "running", RunRow.order_id.in_(taken_in), RunRow.order_id.not_in(cut_off))
                .values(state="done", stages_done=RunRow.stages_total, finished_at=now(session))
            )
        return waiting

    def next_order(self, *, besides: Collection[str] = ()) -> str | None:
        """The order that has waited longest for a run; `besides` are taken already."""
        query = (
            sa.select(OrderRow.order_id)
            .where(OrderRow.state == OrderState.APPROVED.value, OrderRow.order_id.not_in(besides))
            .order_by(OrderRow.updated_at, OrderRow.order_id)
            .limit(1)
        )
        with self.database.reading() as session:
            order_id = session.scalar(query)
        if order_id is None:
            # No order will look soon, and what another process retired keeps its room on the disk until somebody does.
            self.store.let_go()
        return order_id

    def run(self, order_id: str) -> bool:
        """Run an approved order; returns whether it now awaits release.

        Raises:
            ServiceUnavailable: nothing was decided, the order is approved still; try again later.
        """
        started = time.monotonic()
        try:
            plan, attempt = self._claim(order_id)
            logs.log_event("run_started", order=plan.order, attempt=attempt)
            self.similar.refuse(order_id, plan)
            self._compute(order_id, plan)
        except RunCancelled:
            outcome = "CANCELLED"
            with self.database.transaction() as session:
                run = session.get_one(RunRow, order_id)
                run.state, run.finished_at = "cancelled", now(session)
        except ServiceUnavailable as obstacle:
            self._give_back(order_id, obstacle)
            raise
        except LinkageError as refusal:
            outcome = refusal.reason
            self._fail(order_id, str(refusal))
        except Exception as bug:  # the door of the room: whatever it is, the orderer hears that the run failed
            outcome = "INTERNAL"
            logs.internal_error(bug, error_id=order_id, method="run")
            self._fail(order_id, "The run met an error of the service's own; the register holder has it in the log.")
        else:
            outcome = "OK"
        seconds = time.monotonic() - started
        logs.log_event("run_finished", order=order_id, outcome=outcome, seconds=round(seconds, 3))
        return outcome == "OK"

    def _claim(self, order_id: str) -> tuple[RunPlan, int]:
        """Move the order to RUNNING under its stored plan, or under one made now."""
        with self.database.reading() as session:
            order = session.get_one(OrderRow, order_id)
            run = session.get(RunRow, order_id)
            population = session.get(PopulationRow, order_id)
            organisation = session.get_one(OrganisationRow, order.organisation)
        plan = RunPlan.from_json(run.plan) if run else self._plan(order, population, organisation)
        expected = self._expected(plan, population)
        with self.database.transaction() as session:
            self._move(session, order_id, OrderState.RUNNING, "The run has begun.")
            row = session.get(RunRow, order_id) or RunRow(
                order_id=order_id,
                plan=plan.model_dump(mode="json", by_alias=True),
                plan_sha256=plan.sha256(),
                attempt=0,
                error="",
            )
            row.stage, row.stages_done, row.stages_total, row.expected = STAGES[0], 0, len(STAGES), expected
            row.state, row.attempt, row.started_at, row.finished_at = "running", row.attempt + 1, now(session), None
            session.add(row)
            session.get_one(OrderRow, order_id).snapshot_pins = {r.name: r.snapshot for r in plan.registers}
            return plan, row.attempt

    def _expected(self, plan: RunPlan, population: PopulationRow | None) -> Json | None:
        """What the planner expects; None where it cannot say: a damaged register is the run's to meet."""
        try:
            return self.planner.expect(plan, persons=population.rows if population else 0).model_dump(mode="json")
        except LinkageError:
            return None

    def _plan(self, order: OrderRow, population: PopulationRow | None, organisation: OrganisationRow) -> RunPlan:
        offer = self.offer()
        checked = check_order(order.document, offer=offer, ordered_on=swedish_day(order.created_at))
        require_signatures(checked.policy, self.trail)
        planned = plan_population(checked, population, store=self.store)
        served = self.history.current()
        if served is not None and served.pepper_version != planned.pepper_version:
            raise OrderRejected(
                f"the number history is hashed under pepper version {served.pepper_version}, "
                f"the population under version {planned.pepper_version}.",
                mend="Send the order again, once the operator has run `linkage-server register rehash`.",
            )
        plan = make_plan(
            checked,
            order=order_name(order.organisation, order.order_id),
            organisation_title=organisation.title,
            population=planned,
            offer=offer,
            store=self.store,
            history_sha256=served.version if served else "",
            software_version=self.software_version,
            manufacturers=ManufacturerStore(self.home / MANUFACTURERS).served(),
            today=self._today(),
        )
        layout = layout_sha256(plan)
        with self.database.reading() as session:
            refuse_without_entry(session, self.ledger, order.organisation, layout=layout)
        data = data_read(plan, self.store)
        earlier = self.ledger.earlier(order.organisation, layout_sha256=layout, data=data)
        return plan.model_copy(update={"earlier": earlier})

    def _today(self) -> date:
        with self.database.reading() as session:
            return swedish_day(now(session))

    def _compute(self, order_id: str, plan: RunPlan) -> None:
        stages = RunStages(plan.order, partial(self._note_stage, order_id))
        may_go_on = partial(self._require_running, order_id)
        with MemoryWatch() as memory, self.core_share.turns_of(order_id, may_go_on=may_go_on) as turn:
            answer = run_linkage(plan, self.sources(plan, turn=turn), report=stages.begin, progress=stages.block)
            # No turn is asked for: the table is written and the database told, which waits for the disk.
            stages.begin("describing")
            self.release_desk.take_in(
                order_id,
                answer.table,
                describe(plan, match_rate_band=answer.match_rate_band),
                counted=answer.counted,
                measures=self._measures(plan, answer),
                entry=NewEntry(answer.entry, layout_sha256(plan), plan.earlier, data_read(plan, self.store)),
            )
            stages.end()
            core_seconds = turn.core_seconds
        report = RunReport(
            machine=self.planner.machine,
            registers=touched_registers(answer.touched),
            seconds=stages.seconds,
            core_seconds=round(core_seconds, 4),
            blocks=answer.blocks,
            memory_bytes=memory.grown_bytes,
        )
        with self.database.transaction() as session:
            run = session.get_one(RunRow, order_id)
            run.state, run.stages_done, run.finished_at = "done", run.stages_total, now(session)
            run.report = report.model_dump(mode="json")
        _log_report(plan.order, report)

    def _measures(self, plan: RunPlan, answer: RunAnswer) -> Json | None:
        """How much the table risks: what officers' queue is ranked by."""
        table = review_version(plan, self.sources(plan), answer.counted, Recipe(), answer.table)
        return asdict(measure(table)) if table is not None else None

    def sources(self, plan: RunPlan, *, turn: Turn = nullcontext, keep: bool = True) -> Sources:
        """Where a run of `plan` reads from, and what it may use; `keep` whether persons get numbers for good."""
        history = self.history.read(plan.history_sha256) if plan.history_sha256 else None
        people = InhabitantsStore(self.home / "store" / "inhabitants")
        return Sources(
            home=self.home,
            store=self.store,
            history=history,
            inhabitants=people.read(plan.inhabitants_sha256) if plan.inhabitants_sha256 else None,
            threads=self.planner.threads,
            memory_bytes=self.planner.memory_bytes,
            turn=turn,
            earlier=EarlierReleases(self.ledger, history, keep=keep),
        )

    def _require_running(self, order_id: str) -> None:
        with self.database.reading() as session:
            _refuse_withdrawn(session, order_id)

    def _note_stage(self, order_id: str, stage: str, *, done: int, of: int) -> None:
        """Write down how far a run has come: the stage it is in, how many are done, and how many there are.

        Raises:
            RunCancelled: the order is no longer running.
        """
        with self.database.transaction() as session:
            _refuse_withdrawn(session, order_id)
            run = session.get_one(RunRow, order_id)
            run.stage, run.stages_done, run.stages_total = stage, done, of

    def _give_back(self, order_id: str, obstacle: ServiceUnavailable) -> None:
        with self.database.transaction() as session:
            order = session.get_one(OrderRow, order_id)
            if order.state == OrderState.APPROVED:
                # Met before the claim: the order goes to the end of the queue, so that it holds no other up.
                order.updated_at = now(session)
            if order.state != OrderState.RUNNING:
                return
            run = session.get_one(RunRow, order_id)
            run.state, run.error = "waiting", str(obstacle)
            if run.attempt >= ATTEMPTS_MAX:
                run.state, run.finished_at = "failed", now(session)
                self._move(session, order_id, OrderState.FAILED, str(obstacle))
            else:
                self._move(session, order_id, OrderState.APPROVED, f"The run waits: {obstacle.message}")

    def _fail(self, order_id: str, reason: str) -> None:
        with self.database.transaction() as session:
            order = session.get_one(OrderRow, order_id)
            if order.state == OrderState.APPROVED:
                # Refused before the claim: a failed order has been running, so that its steps tell the whole story.
                self._move(session, order_id, OrderState.RUNNING, "The run has begun.")
            if order.state == OrderState.RUNNING:
                self._move(session, order_id, OrderState.FAILED, reason)
            run = session.get(RunRow, order_id)
            if run is not None:
                run.state, run.error, run.finished_at = "failed", reason, now(session)

    def _move(self, session: Session, order_id: str, to: OrderState, reason: str) -> None:
        order = move_order(session, order_id=order_id, to=to, by="service", reason=reason, expected_etag=None)
        name = order_name(order.organisation, order_id)
        self.trail.record(session, actor="runs", role="service", action=f"order.{to.value}", subject=name, outcome="OK")


def _refuse_withdrawn(session: Session, order_id: str) -> None:
    if session.get_one(OrderRow, order_id).state != OrderState.RUNNING:
        raise RunCancelled("the order was withdrawn while it was computed.")


def _log_report(order: str, report: RunReport) -> None:
    for one in report.registers:
        logs.log_event(
            "run_touched",
            order=order,
            register=one.name,
            segments=one.segments,
            bytes=one.bytes,
            rows=one.rows,
            persons=one.persons,
        )
    logs.log_event(
        "run_took",
        order=order,
        blocks=report.blocks,
        core_seconds=report.core_seconds,
        memory_bytes=report.memory_bytes,
    )
