"""How far a load has come, for whoever waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of a load under way.

    Attributes:
        stage: "checking", "reading", "sorting" or "done".
        rows: rows read so far.
        share: how much of the stage is done, 0 to 1.
        seconds_left: of the stage, by its pace so far; None until that can be told.
    """

    stage: str
    rows: int
    share: float
    seconds_left: float | None


ShowProgress = Callable[[Progress], None]


class Pace:
    """Reports progress with the time left, from a monotonic clock."""

    def __init__(self, show: ShowProgress | None, *, clock: Callable[[], float]) -> None:
        self._show = show
        self._clock = clock
        self._stage = ""
        self._began = 0.0

    def report(self, stage: str, *, rows: int, share: float) -> None:
        """Tell how far the stage has come."""
        if self._show is None:
            return
        now = self._clock()
        if stage != self._stage:
            self._stage, self._began = stage, now
        known = share > 0.005 and now > self._began
        left = (now - self._began) * (1 - share) / share if known else None
        self._show(Progress(stage, rows, min(1.0, share), left))


SILENT = Pace(None, clock=lambda: 0.0)
"""Tells nobody."""
