"""Threads that take turns: who waits can be cancelled, and a service that stops keeps nobody waiting."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest

from linkage.errors import ServiceUnavailable, StateConflict
from linkage_server.runs.core_share import CoreShare

LONG = 60.0


def test_turns_never_outnumber_the_cores() -> None:
    share, begun = CoreShare(2), []

    def work(run: str) -> None:
        with share.turns_of(run) as turn:
            for _ in range(50):
                with turn():
                    begun.append(1)
                    assert len(begun) <= 2
                    begun.pop()

    with ThreadPoolExecutor(6) as pool:
        for one in [pool.submit(work, f"run {place}") for place in range(6)]:
            one.result(LONG)


def waiting_behind_another(
    share: CoreShare, pool: ThreadPoolExecutor, *, cancelled: Event
) -> tuple[Future[None], Event]:
    """A run that waits for the only core, which another one holds until the event is set."""
    held, let_go = Event(), Event()

    def hold() -> None:
        with share.turns_of("holder") as turn, turn():
            held.set()
            assert let_go.wait(LONG)

    asked = Event()

    def may_go_on() -> None:
        asked.set()
        if cancelled.is_set():
            raise StateConflict("the order was withdrawn.")

    def wait() -> None:
        with share.turns_of("waiter", may_go_on=may_go_on) as turn, turn():
            pytest.fail("the turn came while the core was held")

    pool.submit(hold)
    assert held.wait(LONG)
    waiter = pool.submit(wait)
    assert asked.wait(LONG)
    return waiter, let_go


def test_a_run_is_cancelled_while_it_waits_and_the_core_goes_to_the_next() -> None:
    share, cancelled = CoreShare(1), Event()
    with ThreadPoolExecutor(2) as pool:
        waiter, let_go = waiting_behind_another(share, pool, cancelled=cancelled)
        cancelled.set()
        with pytest.raises(StateConflict):
            waiter.result(LONG)
        let_go.set()
    with share.turns_of("next") as turn, turn():
        pass


def test_a_service_that_stops_sends_waiting_runs_home() -> None:
    share = CoreShare(1)
    with ThreadPoolExecutor(2) as pool:
        waiter, let_go = waiting_behind_another(share, pool, cancelled=Event())
        share.close()
        with pytest.raises(ServiceUnavailable, match="stops"):
            waiter.result(LONG)
        let_go.set()
    with pytest.raises(ServiceUnavailable), share.turns_of("next") as turn, turn():
        pytest.fail("a turn was given after the end")


def test_a_turn_that_fails_gives_its_core_back() -> None:
    share = CoreShare(1)
    with share.turns_of("run") as turn:
        with pytest.raises(ZeroDivisionError), turn():
            raise ZeroDivisionError
        with turn():
            pass


def test_a_run_is_told_its_own_core_time_and_not_what_it_began_with() -> None:
    seconds = iter(range(1000))
    share = CoreShare(1, clock=lambda: float(next(seconds)))
    with share.turns_of("first") as first:
        with first():
            pass
        with share.turns_of("second") as second:
            assert second.core_seconds == 0
            with second():
                pass
            assert (first.core_seconds, second.core_seconds) == (1, 1)
