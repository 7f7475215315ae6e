"""How far a load has come, for whoever waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of a load under way.

    Attributes:
        stage: "checking", "reading", "sorting" (and writing) or "done".
        rows: rows of the stage so far.
        share: how much of the stage is done, 0 to 1.
        seconds_left: of the stage, by its pace so far; None until that can be told.
    """

    stage: str
    rows: int
    share: float
    seconds_left: float | None


@dataclass(slots=True)
class LoadCost:
    """What a load took, for those who plan the next.

    Attributes:
        seconds: by stage.
        spilled_bytes: written to disk and read again for want of memory.
        peak_memory_bytes: most that the process ever held.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    spilled_bytes: int = 0
    peak_memory_bytes: int = 0


ShowProgress = Callable[[Progress], None]


class Pace:
    """Reports progress with the time left, from a monotonic clock.

    Attributes:
        seconds: spent in each stage that is over.
    """

    def __init__(self, show: ShowProgress | None, *, clock: Callable[[], float]) -> None:
        self._show = show
        self._clock = clock
        self._stage = ""
        self._began = 0.0
        self.seconds: dict[str, float] = {}

    def report(self, stage: str, *, rows: int, share: float) -> None:
        """Tell how far the stage has come."""
        now = self._clock()
        if stage != self._stage:
            if self._stage:
                self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._began
            self._stage, self._began = stage, now
        if self._show is None:
            return
        known = share > 0.005 and now > self._began
        left = (now - self._began) * (1 - share) / share if known else None
        self._show(Progress(stage, rows, min(1.0, share), left))


SILENT = Pace(None, clock=lambda: 0.0)
"""Tells nobody."""
