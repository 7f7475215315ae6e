"""Shares the cores among the runs of one service: each thread of a run asks before it computes a block of persons.

Runs are threads of one process, and a thread in a kernel cannot be interrupted; so the fairness lies in asking before
each block. See docs/decisions/fair-shares.md.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from linkage.errors import ServiceUnavailable
from linkage_server.runs.turn_queue import Ticket, TurnQueue

Turn = Callable[[], AbstractContextManager[None]]
LOOK_SECONDS = 0.5


def go_on() -> None:
    """Nothing stops this run."""


@dataclass(frozen=True, slots=True)
class Turns:
    """The turns of one run: entered one after another or side by side, and what they came to."""

    enter: Turn
    used: Callable[[], float]

    def __call__(self) -> AbstractContextManager[None]:
        """One turn, to be entered."""
        return self.enter()

    @property
    def core_seconds(self) -> float:
        """How long the run's turns were held, together; waiting for one is no part of it."""
        return self.used()


class CoreShare:
    """The cores of the machine, given out in turns.

    Args:
        slots: how many cores there are.
        clock: seconds that only grow.
    """

    def __init__(self, slots: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue = TurnQueue(slots)
        self._clock = clock
        self._changed = threading.Condition()
        self._closed = False

    @contextmanager
    def turns_of(self, run: str, *, may_go_on: Callable[[], None] = go_on) -> Iterator[Turns]:
        """What a run calls before each piece of work: `with turn(): ...`. Turns must not be nested.

        Args:
            run: which account the time is put to.
            may_go_on: raises when the run shall end; asked before each turn, and now and then while one is waited for.
        """
        with self._changed:
            self._queue.join(run, now=self._clock())
            began_with = self._queue.used(run, now=self._clock())
        try:
            yield Turns(enter=lambda: self._turn(run, may_go_on), used=lambda: self._used(run) - began_with)
        finally:
            with self._changed:
                self._queue.leave(run)

    def close(self) -> None:
        """Give out no more turns: whoever waits for one, or asks for one, is told that the service stops."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _used(self, run: str) -> float:
        with self._changed:
            return self._queue.used(run, now=self._clock())

    @contextmanager
    def _turn(self, run: str, may_go_on: Callable[[], None]) -> Iterator[None]:
        with self._changed:
            ticket = self._queue.ask(run, now=self._clock())
        try:
            self._wait(ticket, may_go_on)
            yield
        finally:
            with self._changed:
                self._queue.give_back(ticket, now=self._clock())
                self._changed.notify_all()

    def _wait(self, ticket: Ticket, may_go_on: Callable[[], None]) -> None:
        while True:
            may_go_on()
            with self._changed:
                self._changed.wait_for(lambda: ticket.given or self._closed, timeout=LOOK_SECONDS)
                if self._closed:
                    raise ServiceUnavailable("the service stops; the run begins again at its next start.")
                if ticket.given:
                    return
