"""T9: a small order's time beside a nation-wide run that never ends, with the cores shared by turns and without.

Both runs are threads of one process, as in the service: the same store, the same `CoreShare`, the same computation;
what comes before and after it in an order (its queue, disclosure control) is not timed. No peer shares cores between
the queries of one process by what each has used, so ours is compared with itself: alone, and without turns.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.scale.bench import Bench, Case, Task
from linkage.errors import ServiceUnavailable
from linkage_core.counted_table import CountedTable
from linkage_server.benchmark.our_side import THREADS, OurSide
from linkage_server.benchmark.questions import Answer
from linkage_server.benchmark.results import OURS
from linkage_server.benchmark.rounds import Measured
from linkage_server.benchmark.visit import Visit
from linkage_server.runs.core_share import CoreShare

TITLE = "A small order beside a nation-wide run"
SMALL = 1_000
ALONE, NOT_SHARED = "the small order alone", "beside it, cores not shared by turns"
SECONDS, MOST = 6.0, 60


class SmallOrder:
    """Asks for few persons, while everybody is asked for again and again.

    Args:
        store: folder of the store.
        register: its name there.
        persons: of the small order.
        beside: whether the nation-wide run is there.
        shared: whether both take turns.
    """

    def __init__(self, *, store: str, register: str, persons: int, beside: bool, shared: bool) -> None:
        self._small = OurSide(store=store, register=register, question="adherence", persons=persons)
        self._share = CoreShare(THREADS) if shared else None
        self._nation: threading.Thread | None = None
        if beside:
            nation = OurSide(store=store, register=register, question="nation", persons=None)
            nation.ask()  # what it reads first is in memory when the small order comes
            over = threading.Event()
            self._nation = threading.Thread(target=_again_and_again, args=(nation, self._share, over))
            self._nation.start()
            # The process ends when the side is let go of.
            weakref.finalize(self, _end, self._nation, self._share, over)

    def ask(self) -> CountedTable:
        """The small order."""
        assert self._nation is None or self._nation.is_alive()
        return _asked(self._small, self._share, "small")

    def answer(self, result: CountedTable) -> Answer:
        """Its cells."""
        return self._small.answer(result)

    def forget(self) -> None:
        """Close what stayed open between questions."""
        self._small.forget()

    def files(self) -> list[Path]:
        """The store's files."""
        return self._small.files()


def _asked(side: OurSide, share: CoreShare | None, run: str) -> CountedTable:
    if share is None:
        return side.ask()
    with share.turns_of(run) as turn:
        return side.ask(turn=turn)


def _again_and_again(nation: OurSide, share: CoreShare | None, over: threading.Event) -> None:
    with suppress(ServiceUnavailable):  # the share was closed
        while not over.is_set():
            _asked(nation, share, "nation")


def _end(nation: threading.Thread, share: CoreShare | None, over: threading.Event) -> None:
    over.set()
    if share is not None:
        share.close()
    nation.join()


def _cases(bench: Bench) -> Iterator[Case]:
    if False not in bench.temperatures:
        return  # beside a run that reads everything, no cache is cold
    register = bench.data().register
    asked = {"store": str(register.folder), "register": register.register, "persons": SMALL}

    def visit(*, beside: bool, shared: bool) -> Visit:
        arguments: dict[str, Any] = {**asked, "beside": beside, "shared": shared}
        return Visit(f"{__name__}:SmallOrder", arguments, seconds=SECONDS, most=MOST)

    yield Case(
        title=TITLE,
        parameters={"rows": register.manifest().rows, "persons": SMALL},
        cold=False,
        visits={
            OURS: visit(beside=True, shared=True),
            ALONE: visit(beside=False, shared=True),
            NOT_SHARED: visit(beside=True, shared=False),
        },
        notes=_beside_over_alone,
    )


def _beside_over_alone(sides: Mapping[str, Measured]) -> tuple[str, ...]:
    alone = sides[ALONE].median
    return (
        f"{OURS} is the small order beside a nation-wide run, with turns: {sides[OURS].median / alone:.2f} times as "
        f"long as alone. Without turns it takes {sides[NOT_SHARED].median / alone:.2f} times as long as alone.",
    )


TASK = Task("T9", TITLE, _cases)
