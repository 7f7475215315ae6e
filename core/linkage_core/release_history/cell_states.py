"""What one release said of each cell of persons, by the cells' names, so that the next can be laid beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from linkage_core.disclosure.linked_cells import Numbered
from linkage_core.release_history.printed import Printed
from linkage_core.release_history.published_cells import Flags, Ints

BlockName = tuple[str, tuple[str, ...]]
"""A set of persons, and strata in alphabetical order."""


@dataclass(frozen=True, slots=True)
class CellStates:
    """The cells of persons of one release; arrays are flat, block after block.

    Args:
        dimensions: levels of each stratum, without the total.
        blocks: the blocks, each with one axis a stratum.
        names: releases that numbers are of; the last is this one.
        persons: true counts.
        value, as_of, current, blank: as in `Printed`; `as_of` is a position in `names`.
    """

    dimensions: Mapping[str, tuple[str, ...]]
    blocks: tuple[BlockName, ...]
    names: tuple[str, ...]
    persons: Ints
    value: Ints
    as_of: Ints
    current: Flags
    blank: Flags

    @classmethod
    def of(cls, cells: Numbered, printed: Printed, *, names: Sequence[str]) -> CellStates:
        """The states of numbered cells."""
        blocks = tuple(cells.blocks)
        order = np.concatenate([np.empty(0, np.int64), *(cells.blocks[name].ravel() for name in blocks)])
        return cls(
            {name: dimension.levels for name, dimension in cells.dimensions.items()},
            blocks,
            tuple(names),
            cells.values[order],
            printed.value[order],
            printed.as_of[order],
            printed.current[order],
            printed.blank[order],
        )

    def beside(
        self,
        cells: Numbered,
        *,
        number: int,
        numbers: Mapping[str, int],
        alike: Callable[[str], Iterable[str]],
        same_table: bool,
    ) -> Printed:
        """What this release said of the cells of another table.

        Of the same table a level that it did not have was empty, and everybody knows; of cells that it did not count it
        said nothing.

        Args:
            cells: of the other table.
            number: of this release among those that are looked at.
            numbers: of all of them, by name. A number of one that is not among them counts as this one's own.
            alike: sets that had the same members as one of them in this release, and so perhaps one name.
            same_table: both are releases of one table.
        """
        place = self._places(cells, alike)
        there, empty = place >= 0, (place == _EMPTY) & same_table
        own = np.array([numbers.get(name, number) for name in self.names], dtype=np.int64)
        if not self.value.size:
            place, there = np.zeros(place.size, np.int64), np.zeros(place.size, np.bool_)
            return Printed(place, np.where(empty, number, -1), empty, there)
        as_of = self.as_of[place]
        as_of = np.where(as_of >= 0, own[np.maximum(as_of, 0)], -1)
        return Printed(
            np.where(there, self.value[place], 0),
            np.where(there, as_of, np.where(empty, number, -1)),
            (there & self.current[place]) | empty,
            there & self.blank[place],
        )

    def counted(self, cells: Numbered, *, alike: Callable[[str], Iterable[str]], same_table: bool) -> Ints:
        """True counts of this release of the cells of another table, -1 where it did not count; arguments as above."""
        place = self._places(cells, alike)
        elsewhere = np.where((place == _EMPTY) & same_table, 0, -1)
        if not self.persons.size:
            return elsewhere
        return np.where(place >= 0, self.persons[np.maximum(place, 0)], elsewhere)

    def _places(self, cells: Numbered, alike: Callable[[str], Iterable[str]]) -> Ints:
        """Position of each cell in the arrays; that of none where its level, or its block, was not there."""
        starts: dict[BlockName, int] = {}
        first = 0
        for name in self.blocks:
            starts[name] = first
            first += int(np.prod([len(self.dimensions[stratum]) for stratum in name[1]], dtype=np.int64))
        found = np.full(cells.values.size, _UNCOUNTED, dtype=np.int64)
        for (key, strata), block in cells.blocks.items():
            named = next((one for one in (key, *sorted(alike(key))) if (one, strata) in starts), None)
            if named is None:
                continue
            place = np.zeros(block.shape, dtype=np.int64)
            missing = np.zeros(block.shape, dtype=np.bool_)
            for axis, stratum in enumerate(strata):
                levels = {level: position for position, level in enumerate(self.dimensions[stratum])}
                own = np.array([levels.get(level, -1) for level in cells.dimensions[stratum].levels], dtype=np.int64)
                own = own.reshape([-1 if other == axis else 1 for other in range(block.ndim)])
                place = place * len(levels) + own
                missing |= own < 0
            found[block] = np.where(missing, _EMPTY, place + starts[named, strata])
        return found


_EMPTY, _UNCOUNTED = -1, -2
