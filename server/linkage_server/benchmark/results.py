"""Figures of a benchmark run, and the numbers that tables, plots and histories are made of."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from linkage_server.benchmark.rounds import Measured, paired_ratios

OURS = "Linkage"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """All sides' figures of one case.

    Args:
        task: such as T4.
        title: for people.
        parameters: what the case is a point of: rows, persons.
        cold: the page cache was dropped before each question.
        sides: figures by side; ours is called `Linkage`.
        notes: further figures of the case, in words.
    """

    task: str
    title: str
    parameters: Mapping[str, int | str]
    cold: bool
    sides: Mapping[str, Measured]
    notes: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        """Names the case among the others of a run, and in earlier runs."""
        points = ",".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.task}[{points}]-{'cold' if self.cold else 'warm'}"

    @property
    def peers(self) -> dict[str, Measured]:
        """Everybody else."""
        return {side: figures for side, figures in self.sides.items() if side != OURS}

    @property
    def fastest_peer(self) -> str | None:
        """By the median; None where we were alone."""
        return min(self.peers, key=lambda side: self.peers[side].median, default=None)

    def ratio(self, side: str) -> float:
        """How many times as long as ours the side takes: medians of the questions."""
        return self.sides[side].median / self.sides[OURS].median

    def ratio_spread(self, side: str) -> tuple[float, float]:
        """Smallest and largest ratio of a round."""
        pairs = paired_ratios(self.sides[side], self.sides[OURS])
        return min(pairs), max(pairs)


def quartiles(seconds: list[float]) -> tuple[float, float]:
    """First and third; of a single figure, itself."""
    if len(seconds) == 1:
        return seconds[0], seconds[0]
    first, _, third = statistics.quantiles(seconds, n=4, method="inclusive")
    return first, third
