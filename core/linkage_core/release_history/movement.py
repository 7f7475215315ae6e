"""Who joined and who left, and in how many different people that makes each cell differ from an earlier release."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage.errors import InputRefused
from linkage_core.release_history.published_cells import Flags, Ints, PublishedCells


@dataclass(frozen=True, slots=True)
class Moves:
    """Movements of people between leaf cells, one a row.

    Somebody whose leaf cell changes leaves the one and joins the other, in two rows.

    Args:
        person: numbers that tell people apart, the same in all releases.
        release: the first release in which the move shows; release 0 is the first.
        leaf: flat number of the leaf cell.
        joined: joined, or left.
    """

    person: Ints
    release: Ints
    leaf: Ints
    joined: Flags

    def since(self, release: int) -> Difference:
        """How the people of the newest release differ from those of an earlier one: who came and went again is gone.

        Raises:
            InputRefused: somebody joins a cell twice, or would be in two cells.
        """
        late = self.release > release
        leaves = _how_many(self.leaf[late])
        key, place = np.unique(self.person[late] * leaves + self.leaf[late], return_inverse=True)
        net = np.bincount(place.ravel(), np.where(self.joined[late], 1, -1), key.size).astype(np.int64)
        if np.any(np.abs(net) > 1):
            raise InputRefused(
                "The moves do not fit each other: somebody joins or leaves the same cell twice in a row.",
                mend="Give each person's moves once, with the same label in all releases.",
            )
        moved = net != 0
        person, leaf, sign = key[moved] // leaves, key[moved] % leaves, net[moved]
        if np.unique(person * 3 + sign).size < person.size:
            raise InputRefused(
                "The moves do not fit each other: somebody is in two cells at once.",
                mend="A person stands in one leaf cell; give the cell left as well as the one joined.",
            )
        return Difference(person, leaf, sign)


@dataclass(frozen=True, slots=True)
class Difference:
    """People who are in one of two releases or in another leaf cell of it: at most two rows each.

    Args:
        person, leaf: who, and which leaf cell.
        change: 1 who joined it, -1 who left it.
    """

    person: Ints
    leaf: Ints
    change: Ints

    def incidence(self, cells: PublishedCells) -> Incidence:
        """The published cells that these people joined or left."""
        rows, cell = cells.holding(self.leaf)
        return Incidence.of(cell, self.person[rows], self.change[rows])


@dataclass(frozen=True, slots=True)
class Incidence:
    """How the people of each cell differ from those of an earlier release, sorted by cell.

    Args:
        cell, person: each pair once; people are numbered from 0.
        change: 1 where the person joined the cell, -1 where she left it.
    """

    cell: Ints
    person: Ints
    change: Ints

    @classmethod
    def of(cls, cell: Ints, person: Ints, change: Ints) -> Incidence:
        """Add up changes; who leaves one part of a cell and joins another of it stays in the cell."""
        _, number = np.unique(person, return_inverse=True)
        people = _how_many(number)
        key, net = _added_up(cell * people + number.ravel(), change)
        return cls(key // people, key % people, net)

    def moved(self, size: int) -> Ints:
        """Different people who joined or left each cell, shape (size,)."""
        return np.bincount(self.cell, minlength=size)

    def moved_in_sums(self, group: Ints, cell: Ints, sign: Ints, *, groups: int) -> Ints:
        """Different people by whom sums of cells differ.

        Args:
            group: the sum that each term belongs to.
            cell: of each term.
            sign: 1 or -1.
            groups: how many sums there are.

        Returns:
            shape (groups,).
        """
        starts = np.searchsorted(self.cell, cell)
        lengths = np.searchsorted(self.cell, cell, side="right") - starts
        term = np.repeat(np.arange(cell.size), lengths)
        place = np.arange(term.size) - np.repeat(np.cumsum(lengths) - lengths, lengths) + starts[term]
        people = _how_many(self.person)
        key, _ = _added_up(group[term] * people + self.person[place], sign[term] * self.change[place])
        return np.bincount(key // people, minlength=groups)


def _added_up(key: Ints, change: Ints) -> tuple[Ints, Ints]:
    """Each key once with the sum of its changes, ascending, without those that come to nothing."""
    keys, place = np.unique(key, return_inverse=True)
    net = np.bincount(place.ravel(), change, keys.size).astype(np.int64)
    return keys[net != 0], net[net != 0]


def _how_many(numbers: Ints) -> int:
    """More than each of some numbers from 0, by which they are told apart in products; 1 if there are none."""
    return int(numbers.max(initial=0)) + 1
