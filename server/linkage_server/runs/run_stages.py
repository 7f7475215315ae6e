"""Tells of each stage of a run as it begins and ends: for how far it has come, the log and the metrics."""

from __future__ import annotations

import time
from typing import Protocol

from linkage_server.operations import logs, metrics
from linkage_server.runs.linkage_run import STAGES

SECONDS_BETWEEN_BLOCKS = 1.0
"""A block that is done sooner after what was noted last is not noted."""


class Note(Protocol):
    """Writes down how far a run has come."""

    def __call__(self, stage: str, *, done: int, of: int) -> None:
        """It is in this stage; so many are done, of so many. What this raises ends the run."""


class RunStages:
    """The stages of one run.

    Each block of persons after the first counts as one more stage, so that a long run is seen to move.

    Args:
        order: its name, for the log.
        note: told how far the run has come.
    """

    def __init__(self, order: str, note: Note) -> None:
        self._order, self._note = order, note
        self._stage, self._since, self._noted = "", 0.0, 0.0
        self._blocks = 1
        self.seconds: dict[str, float] = {}

    def begin(self, stage: str) -> None:
        """End the stage before, and begin this one."""
        self.end()
        self._stage, self._since = stage, time.monotonic()
        self._come_to(STAGES.index(stage) + self._blocks - 1)

    def block(self, done: int, of: int) -> None:
        """So many blocks of the present stage are done, of so many."""
        self._blocks = of
        if time.monotonic() - self._noted >= SECONDS_BETWEEN_BLOCKS:
            self._come_to(STAGES.index(self._stage) + done)

    def end(self) -> None:
        """End the stage, if one has begun."""
        if self._stage:
            seconds = time.monotonic() - self._since
            metrics.run_stage_finished(self._stage.replace(" ", "_"), seconds)
            logs.log_event("run_stage", order=self._order, stage=self._stage, seconds=round(seconds, 4))
            self.seconds[self._stage] = round(seconds, 4)
            self._stage = ""

    def _come_to(self, done: int) -> None:
        self._note(self._stage, done=done, of=len(STAGES) + self._blocks - 1)
        self._noted = time.monotonic()
