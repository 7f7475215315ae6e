"""Several workers at once: each takes another order, and the next one need not wait for an order that is claimed."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, cast

import pytest

from linkage_server.runs import dispatcher as module
from linkage_server.runs.dispatcher import Dispatcher

LONG = 60.0


class FakeRuns:
    """Orders that wait until they are run; a run ends when as many are under way as the barrier needs."""

    def __init__(self, orders: list[str], under_way: int) -> None:
        self.waiting = list(orders)
        self.taken: list[str] = []
        self.together = Barrier(under_way)

    def next_order(self, *, besides: Collection[str]) -> str | None:
        return next((order for order in self.waiting if order not in besides), None)

    def run(self, order: str) -> bool:
        self.taken.append(order)
        # Still listed as waiting: claimed by a worker, and not yet running by the database.
        self.together.wait(LONG)
        self.waiting.remove(order)
        return True


def test_workers_run_different_orders_side_by_side() -> None:
    runs = FakeRuns(["first", "second", "third", "fourth"], under_way=4)
    # Any: nothing but the orders is looked at.
    nobody = cast("Any", None)
    dispatcher = Dispatcher(nobody, nobody, cast("Any", runs), nobody, run_workers=4)
    with ThreadPoolExecutor(4) as pool:
        worked = [worker.result(LONG) for worker in [pool.submit(dispatcher.run_one) for _ in range(4)]]
    assert worked == [True] * 4
    assert sorted(runs.taken) == ["first", "fourth", "second", "third"]
    assert not dispatcher.run_one()


def test_memory_goes_back_once_no_order_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    given_back: list[int] = []
    runs = FakeRuns(["first", "second"], under_way=1)
    monkeypatch.setattr(module, "give_back_memory", lambda: given_back.append(len(runs.taken)))
    nobody = cast("Any", None)
    dispatcher = Dispatcher(nobody, nobody, cast("Any", runs), nobody)
    assert [dispatcher.run_one() for _ in range(4)] == [True, True, False, False]
    assert given_back == [2]
