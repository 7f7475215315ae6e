"""The most common number of days that one package lasts, from how soon persons in continuous use fetched the next.

Source: the common package durations of PRE2DUPR 0.2.0. Lengths of at most two days' difference are put to the more
common of them, the rarest first; of what is left the most common one is taken. An estimate from a population: it is
made in the laboratory and written into a definition, never in a run (docs/decisions/estimated-durations.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from linkage_core.indicators.listed_drug_use import Refills

LEAST_PERSONS = 5
LEAST_REFILLS = 10
NEAR_DAYS = 2


@dataclass(frozen=True, slots=True)
class UsualDays:
    """What the refills of one product tell; `days` is None where they are too few."""

    refills: int
    persons: int
    days: int | None


def usual_package_days(refills: Refills) -> dict[int, UsualDays]:
    """The usual days of each product that has a refill, by its position among the distinct products."""
    one_package = np.rint(refills.days / refills.packages).astype(np.int64)
    found = {}
    for product in np.unique(refills.product).tolist():
        own = refills.product == product
        lengths, place, purchases = np.unique(one_package[own], return_inverse=True, return_counts=True)
        packages = np.bincount(place, weights=refills.packages[own]).astype(np.int64)
        persons = len(np.unique(refills.person[own]))
        days = _mode(lengths.tolist(), packages.tolist(), purchases.tolist())
        found[product] = UsualDays(int(own.sum()), persons, days if persons >= LEAST_PERSONS else None)
    return found


def _mode(lengths: list[int], packages: list[int], purchases: list[int]) -> int | None:
    every = np.repeat(lengths, packages)
    middle, mean = float(np.median(every)), float(np.mean(every))
    packs, bought = (dict(zip(lengths, counts, strict=True)) for counts in (packages, purchases))
    while moves := _moves(packs):
        for length, other in moves.items():
            packs[other] += packs.pop(length)
            bought[other] += bought.pop(length)
    most = max(bought.values())
    tied = [length for length, times in bought.items() if times == most]
    # Of lengths that are as common, the one nearest to the median, then to the mean.
    chosen = min(tied, key=lambda length: (abs(length - middle), abs(length - mean), length))
    return chosen if most >= LEAST_REFILLS else None


def _moves(packs: dict[int, int]) -> dict[int, int]:
    """Where the rarest of the lengths that have a near neighbour of another frequency are put: to the nearer one."""
    neighbours: dict[int, list[int]] = {}
    for one, other in pairwise(sorted(packs)):
        if other - one <= NEAR_DAYS and packs[one] != packs[other]:
            neighbours.setdefault(one, []).append(other)
            neighbours.setdefault(other, []).append(one)
    if not neighbours:
        return {}
    rarest = min(packs[length] for length in neighbours)
    return {
        # The nearer of two; of two that are as near the more common, and else the shorter.
        length: min((abs(length - other), -packs[other], other) for other in near)[2]
        for length, near in neighbours.items()
        if packs[length] == rarest
    }
