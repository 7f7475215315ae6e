"""Workers that never sleep on work: one opens uploads, some run approved orders beside each other.

The database is the queue. A worker is poked when there is something to do and looks by itself now and then, because
officers also decide from another process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from linkage.errors import LinkageError, ServiceUnavailable
from linkage_server.intake.acceptance import AcceptanceDesk
from linkage_server.intake.upload import UploadQuotas
from linkage_server.operations import logs
from linkage_server.operations.freed_memory import give_back_memory, keep_freed_memory
from linkage_server.orders.approval import ApprovalDesk
from linkage_server.runs.intake_queue import orders_awaiting_approval, pending_uploads
from linkage_server.runs.run_desk import RunDesk

LOOK_SECONDS = 0.5
OBSTACLE_SECONDS = 5.0
BLOCK_SECONDS = 2.0


@dataclass(slots=True)
class Dispatcher:
    """The workers of one service.

    Args:
        acceptance: opens uploads.
        approval: asks the written policies.
        runs: computes orders.
        quotas: how long unfinished uploads are kept.
        run_workers: how many orders are computed at once; they share the cores.
    """

    acceptance: AcceptanceDesk
    approval: ApprovalDesk
    runs: RunDesk
    quotas: UploadQuotas
    run_workers: int = 4
    _stopping: threading.Event = field(default_factory=threading.Event)
    _work: threading.Condition = field(default_factory=threading.Condition)
    _claims: threading.Lock = field(default_factory=threading.Lock)
    _claimed: set[str] = field(default_factory=set)
    _rested: bool = True
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Recover what an unplanned end left, then begin to work."""
        keep_freed_memory()
        self.acceptance.recover(quotas=self.quotas)
        self.runs.release_desk.recover()
        self.runs.recover()
        for order_id in orders_awaiting_approval(self.approval.database):
            self.approval.consider_policies(order_id)
        steps = [("intake", self.open_one)] + [(f"run-{place}", self.run_one) for place in range(self.run_workers)]
        for name, step in steps:
            thread = threading.Thread(target=self._work_until_stopped, args=(name, step), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def poke(self) -> None:
        """There may be something to do."""
        with self._work:
            self._work.notify_all()

    def stop(self, *, grace_seconds: float) -> bool:
        """Let the workers finish what they hold; what takes longer is run again after the next start.

        Returns whether all have ended: a table that is being protected is not stopped half-way.
        """
        self._stopping.set()
        self.poke()
        until = time.monotonic() + grace_seconds
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0))
        # A run that is not done yet gives its order back before its next block, or while it waits for a core.
        self.runs.core_share.close()
        for thread in self._threads:
            thread.join(BLOCK_SECONDS)
        return not any(thread.is_alive() for thread in self._threads)

    def open_one(self) -> bool:
        """Open one upload that waits; returns whether there was one."""
        waiting = pending_uploads(self.acceptance.database, limit=1)
        for order_id, organisation, upload in waiting:
            if self.acceptance.open_pending(upload, organisation=organisation):
                self.approval.consider_policies(order_id)
                self.poke()
        return bool(waiting)

    def run_one(self) -> bool:
        """Run one approved order; returns whether there was one."""
        with self._claims:
            order_id = self.runs.next_order(besides=self._claimed)
            if order_id is None:
                self._rest()
                return False
            self._claimed.add(order_id)
            self._rested = False
        try:
            self.runs.run(order_id)
        finally:
            with self._claims:
                self._claimed.discard(order_id)
        return True

    def _rest(self) -> None:
        """Orders one after the other use the same memory; a service that has none needs none of it."""
        if not (self._claimed or self._rested):
            self._rested = True
            give_back_memory()

    def _work_until_stopped(self, name: str, step: Callable[[], bool]) -> None:
        while not self._stopping.is_set():
            try:
                worked = step()
            except ServiceUnavailable:
                # The disk or the database: nothing was decided, and the same step is tried again.
                self._stopping.wait(OBSTACLE_SECONDS)
                continue
            except LinkageError as refusal:
                logs.log_event("worker_ended", worker=name, outcome=refusal.reason)
                self._stopping.wait(OBSTACLE_SECONDS)
                continue
            except Exception as bug:  # a worker outlives a bug; the log has its place
                logs.internal_error(bug, error_id=name, method="dispatcher")
                self._stopping.wait(OBSTACLE_SECONDS)
                continue
            if not worked:
                with self._work:
                    self._work.wait(LOOK_SECONDS)
