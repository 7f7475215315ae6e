"""Who moved over a series of releases, told by groups of people who moved alike, for whoever checks the series.

How many people tell two releases apart, in a cell or in any sum of cells, follows from the groups; who they are, and
where those stood who never moved, does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linkage_core.disclosure.linked_cells import Numbered
from linkage_core.release_history.members import Members, standing
from linkage_core.release_history.published_cells import Ints


@dataclass(frozen=True, slots=True)
class MoverGroup:
    """Persons who joined and left the same cells in the same releases.

    Args:
        persons: how many they are.
        moves: (release, cell, 1 who joined and -1 who left), ascending; release 0 is the first, in which nobody moves.
    """

    persons: int
    moves: tuple[tuple[int, int, int], ...]


def mover_groups(cells: Numbered, releases: Sequence[Members]) -> list[MoverGroup]:
    """Everybody who moved between two of some releases; the same releases give the same groups in the same order.

    Args:
        cells: of the last release.
        releases: in some order; a move is told of the first that it shows in. Who stands in a cell in one release is
            gone in the next if that does not count the cell.
    """
    size = max(cells.values.size, 1)
    stood = [np.sort(person * size + cell) for person, cell in standing(cells, releases)]
    none = np.empty(0, np.int64)
    keys, release, change = [none], [none], [none]
    for number in range(1, len(stood)):
        for here, there, step in ((stood[number], stood[number - 1], 1), (stood[number - 1], stood[number], -1)):
            moved: Ints = np.setdiff1d(here, there, assume_unique=True)
            keys.append(moved)
            release.append(np.full(moved.size, number, dtype=np.int64))
            change.append(np.full(moved.size, step, dtype=np.int64))
    key, when, step_of = (np.concatenate(parts) for parts in (keys, release, change))
    person, cell = key // size, key % size
    order = np.lexsort((cell, when, person))
    moves = np.stack([when, cell, step_of], axis=1)[order]
    ends = np.flatnonzero(np.diff(person[order])) + 1
    alike = Counter(tuple((a, b, c) for a, b, c in own.tolist()) for own in np.split(moves, ends) if own.size)
    return [MoverGroup(persons, one) for one, persons in sorted(alike.items())]
