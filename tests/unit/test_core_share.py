"""Threads that take turns: who waits can be cancelled, and a service that stops keeps nobody waiting."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest

from linkage.errors import ServiceUnavailable, StateConflict
from linkage_server.runs.core_share import CoreShare, Turn

LONG = 60.0


def test_turns_of_one_run_never_outnumber_the_cores() -> None:
    share, begun = CoreShare(2), []

    with share.turns_of("run") as turn, ThreadPoolExecutor(6) as pool:

        def work() -> None:
            for _ in range(50):
                with turn():
                    begun.append(1)
                    assert len(begun) <= 2
                    begun.pop()

        for one in [pool.submit(work) for _ in range(6)]:
            one.result(LONG)


def test_a_run_waits_for_no_other() -> None:
    share = CoreShare(1)
    with share.turns_of("big") as big, big(), share.turns_of("small") as small, small():
        pass


def waiting_for_a_core(turn: Turn, asked: Event, pool: ThreadPoolExecutor) -> Future[None]:
    """A thread of a run whose other thread holds the only core."""
    asked.clear()

    def wait() -> None:
        with turn():
            pytest.fail("the turn came while the core was held")

    waiter = pool.submit(wait)
    assert asked.wait(LONG)
    return waiter


def test_a_run_is_cancelled_while_it_waits_and_the_core_goes_to_the_next() -> None:
    share, cancelled, asked = CoreShare(1), Event(), Event()

    def may_go_on() -> None:
        asked.set()
        if cancelled.is_set():
            raise StateConflict("the order was withdrawn.")

    with ThreadPoolExecutor(1) as pool, share.turns_of("run", may_go_on=may_go_on) as turn:
        with turn():
            waiter = waiting_for_a_core(turn, asked, pool)
            cancelled.set()
            with pytest.raises(StateConflict):
                waiter.result(LONG)
        cancelled.clear()
        with turn():
            pass


def test_a_service_that_stops_sends_waiting_runs_home() -> None:
    share, asked = CoreShare(1), Event()
    with ThreadPoolExecutor(1) as pool, share.turns_of("run", may_go_on=asked.set) as turn:
        with turn():
            waiter = waiting_for_a_core(turn, asked, pool)
            share.close()
            with pytest.raises(ServiceUnavailable, match="stops"):
                waiter.result(LONG)
        with pytest.raises(ServiceUnavailable), turn():
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
