"""What became of mutants: kept from run to run, and the share that is killed with what a sample leaves open."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

NORMAL_QUANTILE = 1.959964
"""Of 97.5 %: an interval that misses the share of all in one sample of twenty."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many mutants of so many were killed."""

    killed: int
    tried: int

    def interval(self) -> tuple[float, float]:
        """The share of all mutants, killed or not, with 95 % confidence, both from 0 to 1.

        Source: Wilson, E. B. (1927), Probable inference, the law of succession, and statistical inference. JASA 22.
        """
        if not self.tried:
            return 0.0, 1.0
        share, square = self.killed / self.tried, NORMAL_QUANTILE**2
        middle = share + square / (2 * self.tried)
        half = NORMAL_QUANTILE * math.sqrt((share * (1 - share) + square / (4 * self.tried)) / self.tried)
        whole = 1 + square / self.tried
        return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)

    def counted(self) -> str:
        """Without what it says of other mutants."""
        return f"{self.killed} of {self.tried} killed, {100 * self.killed / max(self.tried, 1):.1f} %"

    def __str__(self) -> str:
        low, high = self.interval()
        return f"{self.counted()} (95 % confidence: {100 * low:.1f} to {100 * high:.1f} %)"


class Outcomes:
    """Which mutants died already, in a file of one line each; without a file of this run alone.

    A mutant is known by its own source, so that a change of its module tries it anew, and a change elsewhere does not.
    Only the dead are kept: a survivor may meet a better test next time.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.dead: set[str] = set()
        if path is not None and path.exists():
            self.dead = {json.loads(line)["mutant"] for line in path.read_text().splitlines()}

    def died(self, module: str, changed: str) -> bool:
        """Whether a mutant was killed before."""
        return _key(module, changed) in self.dead

    def keep(self, module: str, changed: str) -> None:
        """A mutant was killed."""
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(json.dumps({"module": module, "mutant": _key(module, changed)}) + "\n")


def _key(module: str, changed: str) -> str:
    return hashlib.sha256(f"{module}\0{changed}".encode()).hexdigest()
