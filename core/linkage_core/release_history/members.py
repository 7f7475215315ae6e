"""Who stands in which cell of a table, as bitmaps of persons' numbers, and how two releases differ in that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from linkage_core.counted_persons import CountedPersons
from linkage_core.counted_table import Dimension
from linkage_core.disclosure.linked_cells import Numbered
from linkage_core.release_history.movement import Incidence
from linkage_core.release_history.published_cells import Flags, Ints
from linkage_core.set_relations import POPULATION


@dataclass(frozen=True, slots=True)
class Members:
    """The persons of one release.

    Args:
        sets: for each set of persons its members: one bitmap a period, and one for all of them.
        periods: for each set its calendar dimension and labels; ("", ()) without a calendar.
        levels: for each stratum the persons of each level.
    """

    sets: Mapping[str, tuple[BitMap, ...]]
    periods: Mapping[str, tuple[str, tuple[str, ...]]]
    levels: Mapping[str, Mapping[str, BitMap]]

    @property
    def population(self) -> BitMap:
        """Everybody."""
        return self.sets[POPULATION][-1]

    def knows(self, key: str, strata: tuple[str, ...]) -> bool:
        """Whether it tells who stands in the cells of a set over some strata."""
        return key in self.sets and all(name in self.levels or name == self.periods[key][0] for name in strata)

    def named_alike(self, key: str) -> set[str]:
        """Sets that have the same members as one of them, itself among them; none where it was not counted then."""
        if key not in self.sets:
            return set()
        alike = self.periods[key], self.sets[key]
        return {name for name, own in self.sets.items() if (self.periods[name], own) == alike}


def number_members(counted: CountedPersons, numbers: npt.NDArray[np.uint32]) -> Members:
    """The members of a table just counted.

    Args:
        counted: who was counted where.
        numbers: of each person of the population, in its order.
    """

    def bitmap(mask: Flags) -> BitMap:
        found = BitMap(numbers[mask])
        found.run_optimize()
        return found

    return Members(
        {name: tuple(bitmap(mask) for mask in columns) for name, columns in counted.sets()},
        counted.periods(),
        {
            name: {level: bitmap(codes == place) for place, level in enumerate(levels)}
            for name, levels, codes in counted.levels()
        },
    )


def differences(cells: Numbered, *, now: Members, earlier: Members) -> Incidence:
    """How the people of each cell differ between two releases of one table.

    Args:
        cells: the cells now; those that either does not know are left out.
    """
    known, changed = _who_changed(cells, now, earlier)
    found = [(np.empty(0, np.int64),) * 3]
    for members, change in ((now, 1), (earlier, -1)):
        some = _Some(members, changed, cells.dimensions)
        for key, strata in known:
            for person, cell in some.cells(key, strata, cells.blocks[key, strata]):
                found.append((cell, person, np.full(cell.size, change, dtype=np.int64)))
    cell, person, changes = (np.concatenate(part) for part in zip(*found, strict=True))
    return Incidence.of(cell, person, changes)


def standing(cells: Numbered, releases: Sequence[Members]) -> tuple[tuple[Ints, Ints], ...]:
    """Where those stand, release by release, who do not stand everywhere where they stand in the last.

    Args:
        cells: of the last; in a release that does not know them nobody stands in them.
        releases: the last is compared with each of the others.

    Returns:
        For each release (persons, cells), each pair once; persons are numbered from 0, the same in all releases.
    """
    changed = BitMap()
    for earlier in releases[:-1]:
        changed |= _who_changed(cells, releases[-1], earlier)[1]
    found = []
    for members in releases:
        some = _Some(members, changed, cells.dimensions)
        parts = [(np.empty(0, np.int64),) * 2]
        for block, numbers in cells.blocks.items():
            if members.knows(*block):
                parts += some.cells(*block, numbers)
        person, cell = (np.concatenate(part) for part in zip(*parts, strict=True))
        found.append((person, cell))
    return tuple(found)


def _who_changed(cells: Numbered, now: Members, earlier: Members) -> tuple[list[tuple[str, tuple[str, ...]]], BitMap]:
    """The blocks of cells that both releases know, and all who may not stand in the same cells of them in both."""
    known = [block for block in cells.blocks if now.knows(*block) and earlier.knows(*block)]
    changed = BitMap()
    for key in {key for key, _ in known}:
        # All members where the periods differ: then any of them may have come or gone.
        same = now.periods[key] == earlier.periods[key]
        for mine, theirs in zip(now.sets[key], earlier.sets[key], strict=True) if same else ():
            changed |= mine ^ theirs
        if not same:
            changed |= now.sets[key][-1] | earlier.sets[key][-1]
    for name in {name for _, strata in known for name in strata if name in now.levels}:
        here, there = now.levels[name], earlier.levels[name]
        for level in here.keys() | there.keys():
            changed |= here.get(level, BitMap()) ^ there.get(level, BitMap())
    return known, changed


class _Some:
    """Some persons of a release."""

    def __init__(self, members: Members, persons: BitMap, dimensions: Mapping[str, Dimension]) -> None:
        self._members, self._persons, self._dimensions = members, persons, dimensions
        self._numbers = np.array(persons.to_array(), dtype=np.uint32)
        self._levels: dict[str, Ints] = {}

    def cells(self, key: str, strata: tuple[str, ...], block: Ints) -> Iterator[tuple[Ints, Ints]]:
        """Persons and the cells of a block that they stand in."""
        calendar, labels = self._members.periods[key]
        if calendar and calendar in strata:
            for label, members in zip(labels, self._members.sets[key][:-1], strict=True):
                axis, levels = strata.index(calendar), self._dimensions[calendar].levels
                if label not in levels:
                    continue
                others = tuple(name for name in strata if name != calendar)
                yield self._placed(members, others, np.take(block, levels.index(label), axis=axis))
        else:
            yield self._placed(self._members.sets[key][-1], strata, block)

    def _placed(self, members: BitMap, strata: tuple[str, ...], block: Ints) -> tuple[Ints, Ints]:
        inside = np.array((members & self._persons).to_array(), dtype=np.uint32)
        person = np.searchsorted(self._numbers, inside).astype(np.int64)
        levels = [self._level(name)[person] for name in strata]
        placed = np.logical_and.reduce([level >= 0 for level in levels]) if levels else np.ones(person.size, np.bool_)
        cell = block[tuple(level[placed] for level in levels)] if levels else np.full(person.size, block[()])
        return person[placed], cell

    def _level(self, name: str) -> Ints:
        """Position of each person's level in the stratum; -1 for none."""
        if name not in self._levels:
            found = np.full(self._numbers.size, -1, dtype=np.int64)
            place = {level: number for number, level in enumerate(self._dimensions[name].levels)}
            for level, members in self._members.levels[name].items():
                inside = np.array((members & self._persons).to_array(), dtype=np.uint32)
                if inside.size:
                    found[np.searchsorted(self._numbers, inside)] = place.get(level, -1)
            self._levels[name] = found
        return self._levels[name]
