"""Which change a key gives: for each count the likeliest changes of mean 0 and a given variance, found by halving.

Of all chances of the allowed changes v with mean 0 and variance V those of greatest entropy are as exp(a v + b v**2).
For each b the mean grows with a, and along mean 0 the variance grows with b: so both are found by halving an interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from linkage_client.certificate_check.dimensions import Ints
from linkage_client.certificate_check.fault import CheckFailed

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]

_HALVINGS = 90
_SLACK = 1e-9
_DECIMALS = 8


class NoiseTable:
    """Rows of changes by how large a number is; the last is every larger number's.

    Args:
        rows: of 0, 1, 2, ... the changes that are allowed.
        variance: of every row but the first, which changes nothing.

    Raises:
        CheckFailed: no chances of a row have mean 0 and this variance.
    """

    def __init__(self, rows: Sequence[Sequence[int]], variance: float) -> None:
        self._changes = [np.array([0]), *(np.array(row) for row in rows)]
        self._ends = [np.ones(1), *(_ends(tuple(row), variance) for row in rows)]

    @property
    def last(self) -> int:
        """The number of the last row."""
        return len(self._changes) - 1

    def change(self, row: Ints, keys: Keys) -> Ints:
        """The change of each key in its row."""
        fraction = (keys >> np.uint64(11)).astype(np.float64) / float(1 << 53)
        found = np.zeros(row.size, dtype=np.int64)
        own = np.minimum(row, self.last)
        for number in np.unique(own).tolist():
            at = own == number
            found[at] = self._changes[number][np.searchsorted(self._ends[number], fraction[at], side="right")]
        return found


def count_rows(bound: int, never_up_to: int) -> list[list[int]]:
    """Changes by at most `bound` that make no count negative, nor 1 to `never_up_to`; from 1 on."""
    forbidden = range(1, never_up_to + 1)
    last = bound + never_up_to + 1 if never_up_to else bound
    return [
        [v for v in range(-bound, bound + 1) if count + v >= 0 and count + v not in forbidden]
        for count in range(1, last + 1)
    ]


def amount_rows(bound: int, parts: int) -> list[list[int]]:
    """Changes by at most `bound` steps, in parts of a step, that make no number of steps negative; from 1 on."""
    return [
        [v for v in range(-bound * parts, bound * parts + 1) if steps * parts + v >= 0] for steps in range(1, bound + 1)
    ]


@cache
def _ends(changes: tuple[int, ...], variance: float) -> Floats:
    ends = np.minimum(np.round(np.cumsum(_chances(np.array(changes), variance)), _DECIMALS), 1.0)
    ends[-1] = 1.0
    return np.asarray(ends)


def _chances(changes: Ints, variance: float) -> Floats:
    below, above = changes[changes <= 0], changes[changes >= 0]
    if not below.size or not above.size:
        raise CheckFailed("policy: no noise of mean 0 is possible for a count")
    # Two changes of mean 0 have the variance -low * high: the nearest two the least, the furthest two the greatest.
    for low, high, within in ((below[-1], above[0], 1), (below[0], above[-1], -1)):
        if within * (variance + low * high) < -_SLACK:
            raise CheckFailed("policy: no noise of this variance is possible for a count")
        if abs(variance + low * high) <= _SLACK:
            chances = np.zeros(changes.size)
            apart = max(int(high) - int(low), 1)
            chances[changes == high] += -low / apart
            chances[changes == low] += high / apart if high > low else 1.0
            return chances
    scaled = changes / np.abs(changes).max()
    wanted = variance / float(np.abs(changes).max()) ** 2

    def spread(b: float) -> float:
        chances = _balanced(scaled, b)
        return float(chances @ scaled**2)

    low, high = -1.0, 1.0
    while spread(low) > wanted:
        low *= 2
    while spread(high) < wanted:
        high *= 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if spread(middle) < wanted else (low, middle)
    return _balanced(scaled, (low + high) / 2)


def _balanced(scaled: Floats, b: float) -> Floats:
    """Chances as exp(a v + b v**2), with the a that makes their mean 0."""

    def chances(a: float) -> Floats:
        powers = a * scaled + b * scaled**2
        powers = np.exp(powers - powers.max())
        return np.asarray(powers / powers.sum())

    if np.array_equal(scaled, -scaled[::-1]):
        return chances(0.0)
    low, high = -1.0, 1.0
    while chances(low) @ scaled > 0:
        low *= 2
    while chances(high) @ scaled < 0:
        high *= 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if chances(middle) @ scaled < 0 else (low, middle)
    return chances((low + high) / 2)
