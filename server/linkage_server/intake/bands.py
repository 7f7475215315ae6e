"""Numbers of persons as they may leave the house: in bands, so that one person more or less does not show."""

from __future__ import annotations

import itertools

_STEPS = (1, 2, 5)


def band(rows: int) -> str:
    """The band of a number of rows: "0-9", then 10-19, 20-49, 50-99, 100-199 and so on."""
    if rows < 10:
        return "0-9"
    decade = 10 ** (len(str(rows)) - 1)
    bounds = [step * decade for step in _STEPS] + [10 * decade]
    low, high = next((low, high) for low, high in itertools.pairwise(bounds) if low <= rows < high)
    return f"{low:,}-{high - 1:,}"
