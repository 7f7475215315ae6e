"""Who joined and who left, and in how many different people that makes each cell differ from an earlier release."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage.errors import InputRefused
from linkage_core.release_history.published_cells import Flags, Ints, Line, PublishedCells


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
        key, place = np.unique(np.stack([self.person[late], self.leaf[late]]), axis=1, return_inverse=True)
        net = np.bincount(place.ravel(), np.where(self.joined[late], 1, -1), key.shape[1]).astype(np.int64)
        if np.any(np.abs(net) > 1):
            raise InputRefused(
                "The moves do not fit each other: somebody joins or leaves the same cell twice in a row.",
                mend="Give each person's moves once, with the same label in all releases.",
            )
        moved = net != 0
        person, leaf, sign = key[0, moved], key[1, moved], net[moved]
        if np.unique(np.stack([person, sign]), axis=1).shape[1] < person.size:
            raise InputRefused(
                "The moves do not fit each other: somebody is in two cells at once.",
                mend="A person stands in one leaf cell; give the cell left as well as the one joined.",
            )
        return Difference(person, leaf)


@dataclass(frozen=True, slots=True)
class Difference:
    """People who are in one of two releases or in another leaf cell of it: at most two rows each."""

    person: Ints
    leaf: Ints

    def incidence(self, cells: PublishedCells) -> Incidence:
        """The published cells that these people are in, before or after."""
        rows, cell = cells.holding(self.leaf)
        _, person = np.unique(self.person, return_inverse=True)
        return Incidence(cell, person.ravel()[rows])


@dataclass(frozen=True, slots=True)
class Incidence:
    """(cell, person) pairs; a pair that is there twice is a person who stayed in the cell."""

    cell: Ints
    person: Ints

    def moved(self, size: int) -> Ints:
        """Different people who joined or left each cell, shape (size,)."""
        return _odd(self.cell, self.person, size)

    def moved_in_unions(self, line: Line, member: Flags) -> Ints:
        """Different people who joined or left the union of some parts of each relation of a line.

        Args:
            line: the relations.
            member: the parts that are in the union, by cell number.

        Returns:
            shape (relations,).
        """
        shape, axis = line.cells.shape, line.axis
        stride = int(np.prod(shape[axis + 1 :]))
        code = self.cell // stride % shape[axis]
        inside = member[self.cell] & np.isin(code, line.children)
        whole = self.cell[inside] + (line.parent - code[inside]) * stride
        return _odd(whole, self.person[inside], line.cells.size)[line.wholes()]


def _odd(cell: Ints, person: Ints, size: int) -> Ints:
    """How many people are paired with each cell an odd number of times."""
    people = int(person.max(initial=0)) + 1
    key, times = np.unique(cell * people + person, return_counts=True)
    return np.bincount(key[times % 2 == 1] // people, minlength=size)
