"""Quantiles of persons' values, from histograms of exact values that merge by addition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import bdtrik

from linkage_core.intervals import Floats

Int64s = npt.NDArray[np.int64]


class Quantile(NamedTuple):
    """A quantile and its limits; NaN where there is none."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class ValueHistogram:
    """How many persons have each value.

    Args:
        value: float64, ascending, each once.
        persons: int64, above 0.
    """

    value: Floats
    persons: Int64s

    def merge(self, other: ValueHistogram) -> ValueHistogram:
        """The persons of both, who must not overlap."""
        return merged([self, other])

    @property
    def count(self) -> int:
        """Number of persons."""
        return int(self.persons.sum())

    def quantile(self, share: float, *, level: float = 0.95) -> Quantile:
        """The value below which a share of persons lies: definition 7 of Hyndman and Fan (Am Stat 1996;50:361-365), the
        default of R, between the two values next to 1 + (n - 1) x share.

        Limits are values of persons too, without any assumption about their distribution: those whose ranks hold the
        quantile with at least `level` by the binomial distribution (Hahn and Meeker 1991, 5.2). With too few persons
        one or both are unknown.
        """
        n = self.count
        if n == 0:
            return Quantile(np.nan, np.nan, np.nan)
        ranks = np.cumsum(self.persons)

        def ranked(rank: int) -> float:
            """The value of the person of a rank, from 1."""
            return float(self.value[np.searchsorted(ranks, rank)]) if 1 <= rank <= n else np.nan

        place = 1 + (n - 1) * share
        below, part = ranked(floor(place)), place - floor(place)
        above = ranked(min(floor(place) + 1, n))
        # Equal neighbours are told as they are: their mean could differ in the last digit, and infinity has none.
        value = below if part == 0 or below == above else (1 - part) * below + part * above
        tail = (1 - level) / 2
        return Quantile(
            value, ranked(_binomial_quantile(tail, n, share)), ranked(_binomial_quantile(1 - tail, n, share) + 1)
        )


def value_histograms(values: Floats, *, cell: npt.NDArray[np.integer], cells: int) -> list[ValueHistogram]:
    """The histogram of each cell.

    Args:
        values: float64, one a person, not NaN.
        cell: one a person.
    """
    order = np.lexsort((values, cell))
    value, where = values[order], np.asarray(cell, np.int64)[order]
    if not len(value):
        return [ValueHistogram(np.empty(0), np.empty(0, np.int64))] * cells
    new = np.concatenate(([True], (value[1:] != value[:-1]) | (where[1:] != where[:-1])))
    starts = np.flatnonzero(new)
    persons = np.diff(np.append(starts, len(value)))
    bounds = np.searchsorted(where[starts], np.arange(cells + 1)).tolist()
    return [ValueHistogram(value[starts[first:past]], persons[first:past]) for first, past in pairwise(bounds)]


def merged(parts: Sequence[ValueHistogram]) -> ValueHistogram:
    """All persons of some histograms."""
    value, place = np.unique(np.concatenate([part.value for part in parts]), return_inverse=True)
    persons = np.zeros(len(value), np.int64)
    np.add.at(persons, place, np.concatenate([part.persons for part in parts]))
    return ValueHistogram(value, persons)


def _binomial_quantile(share: float, persons: int, probability: float) -> int:
    """The smallest number whose distribution function reaches a share."""
    return max(int(np.ceil(bdtrik(share, persons, probability) - 1e-9)), 0)
