"""Who may compute next: the run that has used least core time, one turn at a time. Pure bookkeeping, without threads.

A run's account is the time its turns have held a core, those under way included. A newcomer's account begins at the
smallest one there is: at zero it would hold back everybody who came before until it had caught up with their past.

A core is never kept for a run that is not in line: of two runs with one thread each, one begins when the other ends.
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
        slots: how many turns are given at once, one for each core.
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
        """A ticket for a turn of a run that has joined; given at once where a core is free."""
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
        while self._waiting and len(self._held) < self.slots:
            first = min(self._waiting, key=lambda ticket: self.used(ticket.run, now=now))
            self._waiting.remove(first)
            first.since = now
            self._held.append(first)
