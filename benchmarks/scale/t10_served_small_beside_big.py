"""T10: a small order's way through a service's own workers, alone and beside nation-wide orders that never end.

From filing and approval to the protected table: queue, plan, run with turns, disclosure control, state on the disk.
The workers are those of `serve`, in the process that asks; sealing, upload and opening come before. Ours is compared
with itself. The nation-wide orders are T5's by county alone: small cells would keep disclosure control busy for long,
and computing would seldom be under way.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.order_home import OrderHome
from benchmarks.scale.bench import Bench, Case, Task
from linkage.order_states import OrderState
from linkage_server.assembly import Service
from linkage_server.benchmark.made_up_rows import MadeUpRows
from linkage_server.benchmark.questions import Answer
from linkage_server.benchmark.results import OURS
from linkage_server.benchmark.rounds import Measured
from linkage_server.benchmark.visit import Visit
from linkage_server.storage.tables import OrderRow, ProtectedTableRow

TITLE = "A small order through a service's workers, beside nation-wide orders"
ROWS, SMALL = 5_000_000, 1_000
ALONE = "the small order alone"
SECONDS, MOST = 20.0, 20
LOOK_SECONDS, GRACE_SECONDS = 0.005, 300.0


class ServedOrder:
    """Files orders about few persons, while orders about everybody follow one another.

    Args:
        rows: of the register, which is loaded.
        persons: of the small order.
        beside: whether the nation-wide orders are there.
    """

    def __init__(self, *, rows: int, persons: int, beside: bool) -> None:
        folder = TemporaryDirectory(ignore_cleanup_errors=True)
        self._home, self._persons = OrderHome(Path(folder.name) / "home", MadeUpRows(rows)), persons
        self._small = self._home.question("adherence")
        self._nation = Nation(self._home) if beside else None
        self._home.service.dispatcher.start()
        if self._nation is not None:
            self._nation.begin()
        # The process ends when the side is let go of.
        weakref.finalize(self, _end, self._home.service, self._nation, folder)

    def ask(self) -> str:
        """File the small order and wait for its table; returns the table's hash."""
        assert self._nation is None or self._nation.is_under_way()
        order = self._home.file_order(self._small, persons=self._persons)
        self._home.service.dispatcher.poke()
        assert _waited(self._home.service, order) == OrderState.AWAITING_RELEASE
        with self._home.service.database.reading() as session:
            return session.get_one(ProtectedTableRow, _id(order)).sha256

    def answer(self, result: str) -> Answer:
        """The table's hash as a number: the whole table is the same, alone and beside others."""
        return {"table": int(result[:12], 16)}

    def forget(self) -> None:
        """Nothing is asked with a cold cache."""

    def files(self) -> list[Path]:
        """The register's files."""
        return sorted(path for path in self._home.service.home.store.rglob("*") if path.is_file())


class Nation:
    """Orders about everybody, one after the other, filed by a thread of their own.

    Args:
        home: where they are filed.
    """

    def __init__(self, home: OrderHome) -> None:
        self._home = home
        self._over, self._running = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._file)

    def begin(self) -> None:
        """File the first order and wait until it runs."""
        self._thread.start()
        while not self._running.wait(LOOK_SECONDS):
            assert self._thread.is_alive()

    def is_under_way(self) -> bool:
        """Whether orders still follow one another."""
        return self._thread.is_alive()

    def end(self) -> None:
        """File no more, and wait for nothing but the thread."""
        self._over.set()
        self._thread.join()

    def _file(self) -> None:
        question = replace(self._home.question("nation"), by=(("county",),))
        while not self._over.is_set():
            order = self._home.file_order(question, persons=None)
            self._home.service.dispatcher.poke()
            state = OrderState.APPROVED
            while state in (OrderState.APPROVED, OrderState.RUNNING) and not self._over.wait(LOOK_SECONDS):
                state = _state(self._home.service, order)
                if state == OrderState.RUNNING:
                    self._running.set()
            assert state != OrderState.FAILED


def _waited(service: Service, order: str) -> OrderState:
    while (state := _state(service, order)) in (OrderState.APPROVED, OrderState.RUNNING):
        time.sleep(LOOK_SECONDS)
    return state


def _state(service: Service, order: str) -> OrderState:
    with service.database.reading() as session:
        return OrderState(session.get_one(OrderRow, _id(order)).state)


def _id(order: str) -> str:
    return order.rpartition("/")[2]


def _end(service: Service, nation: Nation | None, folder: TemporaryDirectory[str]) -> None:
    if nation is not None:
        nation.end()
    service.dispatcher.stop(grace_seconds=GRACE_SECONDS)
    service.database.close()
    folder.cleanup()


def _cases(bench: Bench) -> Iterator[Case]:
    if False not in bench.temperatures:
        return  # beside orders that read everything, no cache is cold
    rows = min(bench.rows, ROWS)

    def visit(*, beside: bool) -> Visit:
        arguments = {"rows": rows, "persons": SMALL, "beside": beside}
        return Visit(f"{__name__}:ServedOrder", arguments, seconds=SECONDS, most=MOST)

    yield Case(
        title=TITLE,
        parameters={"rows": rows, "persons": SMALL},
        cold=False,
        visits={OURS: visit(beside=True), ALONE: visit(beside=False)},
        notes=_beside_over_alone,
    )


def _beside_over_alone(sides: Mapping[str, Measured]) -> tuple[str, ...]:
    beside, alone = sides[OURS].median, sides[ALONE].median
    return (
        f"{OURS} is the small order beside nation-wide ones: {beside / alone:.2f} times as long as alone, "
        f"{beside:.2f} seconds against {alone:.2f}.",
    )


TASK = Task("T10", TITLE, _cases)
