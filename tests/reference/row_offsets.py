"""Twin of the kernel row_offsets: where the rows of persons begin, and who has any, one person at a time."""

from __future__ import annotations

from collections.abc import Sequence


def offsets(counts: Sequence[int], *, first: int, persons: int) -> list[int]:
    """Where the rows of each person begin, and how many there are in all; the counts are of those from `first` on."""
    found = [0]
    for person in range(persons):
        own = counts[person - first] if first <= person < first + len(counts) else 0
        found.append(found[-1] + own)
    return found


def has_rows(offsets: Sequence[int]) -> list[bool]:
    """For each person whether there are rows between where hers begin and where the next one's do."""
    return [offsets[person + 1] > offsets[person] for person in range(len(offsets) - 1)]
