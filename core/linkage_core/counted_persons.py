"""Who was counted where: the persons of each set and stratum level, block by block, for those who compare releases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from linkage_core.indicators.values import Bools, Int32s, Int64s
from linkage_core.layout import Layout
from linkage_core.person_sets import PersonSets, UInt64s
from linkage_core.strata import StratumRule


@dataclass(frozen=True, slots=True)
class BlockPersons:
    """One block.

    Args:
        persons: how many there are.
        bits: uint64, distinct sets x words of 64 persons, the first in the lowest bit.
        row: for each column of counts its set among the distinct ones.
        levels: int32, one a person: her level, by the name of the stratum's rule.
    """

    persons: int
    bits: UInt64s
    row: Int64s
    levels: Mapping[str, Int32s]


def block_persons(sets: PersonSets, columns: Int64s, levels: Mapping[str, Int32s]) -> BlockPersons:
    """Keep the sets of some columns."""
    distinct, row = np.unique(columns, return_inverse=True)
    return BlockPersons(sets.everybody, sets.bits[distinct], row.ravel().astype(np.int64), dict(levels))


@dataclass(frozen=True, slots=True)
class CountedPersons:
    """All blocks, in the order of the population.

    Args:
        layout: names the columns.
        rules: of the strata.
        blocks: the persons.
    """

    layout: Layout
    rules: Mapping[str, StratumRule]
    blocks: Sequence[BlockPersons]

    def periods(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """For each set its calendar dimension and labels, in order; ("", ()) without a calendar."""
        found: dict[str, tuple[str, tuple[str, ...]]] = dict.fromkeys(self.layout.person_columns, ("", ()))
        for point in self.layout.points:
            for name in (point.denominator, point.counted):
                if name:
                    found[name] = (point.dimension, point.periods)
        return found

    def sets(self) -> Iterator[tuple[str, list[Bools]]]:
        """Each set by name: bool, one a person, for each of its columns: one a period, and one for all of them."""
        for name, place in self.layout.person_columns.items():
            yield name, [self._column(column) for column in range(place.start, place.stop)]

    def levels(self) -> Iterator[tuple[str, tuple[str, ...], Int32s]]:
        """Each stratum by its column's name: its levels, and the position of each person's among them."""
        for name, rule in self.rules.items():
            codes = np.concatenate([np.empty(0, np.int32), *(block.levels[name] for block in self.blocks)])
            yield rule.dimension.name, rule.dimension.levels, codes

    def _column(self, column: int) -> Bools:
        parts = [
            np.unpackbits(
                block.bits[block.row[column]].astype("<u8", copy=False).view(np.uint8),
                count=block.persons,
                bitorder="little",
            ).view(np.bool_)
            for block in self.blocks
        ]
        return np.concatenate([np.empty(0, np.bool_), *parts])
