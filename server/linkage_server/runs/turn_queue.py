"""Who may compute next: pure bookkeeping, without threads.

Each run may hold one turn at any time; the operating system shares the cores among those. The cores that are left over
go to the run that has used least, one turn at a time. So nobody ever waits for another run's block, and nobody has more
than an equal part while others want theirs.

A run's account is the time that its turns have been held, those under way included. A newcomer's begins at the smallest
one there is: at zero it would have all spare cores until it had caught up with the past of everybody before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Ticket:
    """One turn of a run: asked for, then given at `since`, then given back."""

    run: str
    since: float | None = None

    @property
    def given(self) -> bool:
        """Whether the turn has come."""
        return self.since is not None


@dataclass(slots=True)
class TurnQueue:
    """Turns of all runs under way.

    Args:
        slots: how many turns are given at once, one for each core; more only where there are more runs.
    """

    slots: int
    _used: dict[str, float] = field(default_factory=dict)
    _held: list[Ticket] = field(default_factory=list)
    # In the order in which they came, which decides between runs that have used the same.
    _waiting: list[Ticket] = field(default_factory=list)

    @property
    def runs(self) -> tuple[str, ...]:
        """The runs that have joined and not left."""
        return tuple(self._used)

    def join(self, run: str, *, now: float) -> None:
        """Open a run's account; does nothing where it has one."""
        if run not in self._used:
            self._used[run] = min((self.used(other, now=now) for other in self._used), default=0.0)

    def leave(self, run: str) -> None:
        """Close a run's account; it holds no turn and waits for none."""
        self._used.pop(run, None)

    def used(self, run: str, *, now: float) -> float:
        """Core time of a run in seconds, from the account it began with."""
        under_way = sum(now - ticket.since for ticket in self._held if ticket.run == run and ticket.since is not None)
        return self._used[run] + under_way

    def ask(self, run: str, *, now: float) -> Ticket:
        """A ticket for a turn of a run that has joined; given at once if it is the run's only one or a core is free."""
        ticket = Ticket(run)
        self._waiting.append(ticket)
        self._hand_out(now)
        return ticket

    def give_back(self, ticket: Ticket, *, now: float) -> None:
        """End a turn, or give up waiting for it; the next in line gets the core."""
        if ticket.since is None:
            self._waiting.remove(ticket)
        else:
            self._held.remove(ticket)
            self._used[ticket.run] += now - ticket.since
        self._hand_out(now)

    def _hand_out(self, now: float) -> None:
        for ticket in tuple(self._waiting):
            if all(held.run != ticket.run for held in self._held):
                self._give(ticket, now)
        while self._waiting and len(self._held) < self.slots:
            self._give(min(self._waiting, key=lambda ticket: self.used(ticket.run, now=now)), now)

    def _give(self, ticket: Ticket, now: float) -> None:
        self._waiting.remove(ticket)
        ticket.since = now
        self._held.append(ticket)
