"""Counts that are printed rounded: one by one over blanks, or all at once so that they add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from linkage_client.certificate_check.dimensions import Ints
from linkage_client.certificate_check.fault import CheckFailed, NotCheckedHere


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

    def printed(self, name: str, counts: Ints) -> tuple[str, dict[str, Ints]]:
        """The status of what is printed of a count, and what its columns hold."""
        if self.method == "range":
            low, high = self._ends(counts)
            return "rng", {f"{name}_lo": low, f"{name}_hi": high}
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


def rounding_of(layout: Mapping[str, Any], policy: Mapping[str, Any]) -> Rounding | None:
    """The rounding that a layout or a policy asks for.

    Raises:
        NotCheckedHere: numbers are changed by noise that is drawn afresh, of which nothing can be checked.
        CheckFailed: the layout asks for other noise than the policy's.
    """
    own, asked = policy.get("mechanism") or {}, layout.get("mechanism") or {}
    if set(own) - {"rounding", "noise"}:
        raise NotCheckedHere("policy: numbers of differential privacy have no certificates")
    if asked.get("noise_bound") not in (None, own.get("noise", {}).get("bound")):
        raise CheckFailed("layout: asks for another noise than the policy's")
    if asked.get("rounding"):
        return Rounding(asked["rounding"]["kind"], asked["rounding"]["base"])
    return Rounding(own["rounding"]["method"], own["rounding"]["base"]) if own.get("rounding") else None
