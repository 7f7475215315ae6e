"""How many persons a register's segments hold at least, told from their ranges of ids alone."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from linkage_core.events import RegisterPartition


def persons_at_least(segments: Sequence[RegisterPartition]) -> int:
    """Persons of the segments, counted where nobody can be counted twice.

    A delivery is parted by ranges of ids, so its segments share nobody; the next delivery holds mostly the same
    persons again. Of all choices of segments whose ranges do not overlap, the one with the most persons counts.
    """
    ranges = sorted((int(one.keys_hi[-1]), int(one.keys_hi[0]), one.persons) for one in segments if one.persons)
    lasts = [last for last, _, _ in ranges]
    most = [0]  # by how many of the ranges may be chosen from
    for place, (_, first, persons) in enumerate(ranges):
        wholly_before = bisect_left(lasts, first, hi=place)
        most.append(max(most[-1], most[wholly_before] + persons))
    return most[-1]
