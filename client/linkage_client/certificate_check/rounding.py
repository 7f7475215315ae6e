"""Counts that are printed rounded: one by one over blanks, or all at once so that they add up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage_client.certificate_check.dimensions import Ints


@dataclass(frozen=True, slots=True)
class Rounding:
    """How counts are rounded.

    Args:
        method: `nearest` (halves up), `up`, `midpoint` (1 to the base is half of it, rounded up, and so on) and `range`
            round each count by itself; `controlled` rounds all at once.
        base: what is rounded to.
    """

    method: str
    base: int

    @property
    def hides_nothing(self) -> bool:
        """Whether there are no blanks."""
        return self.method == "controlled"

    def beside(self, name: str) -> list[str]:
        """The columns that a count has beside its own."""
        return [f"{name}_lo", f"{name}_hi"] if self.method == "range" else []

    def printed(self, name: str, counts: Ints) -> tuple[str, dict[str, Ints]]:
        """The status of what is printed of a count, and what its columns hold."""
        if self.method == "range":
            low, high = self._ends(counts)
            return "rng", dict(zip(self.beside(name), (low, high), strict=True))
        return "rnd", {name: self._ends(counts)[1]}

    def _ends(self, counts: Ints) -> tuple[Ints, Ints]:
        """The first and last number of each range; of one number both are that number."""
        above = -(-counts // self.base) * self.base
        if self.method == "range":
            return np.where(counts > 0, above - self.base + 1, 0), above
        if self.method == "nearest":
            above = (2 * counts + self.base) // (2 * self.base) * self.base
        if self.method == "midpoint":
            above = np.where(counts > 0, above - self.base // 2, 0)
        return above, above
