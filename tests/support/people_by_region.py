"""Small tables of users by region of which it is known who stands where, release after release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from pyroaring import BitMap

from linkage.released_table import AS_OF, LineStatus
from linkage_core.counted_table import CountedTable, Dimension, Line, PersonCube, Statistic
from linkage_core.disclosure import ProtectedTable
from linkage_core.release_history import Members

USERS = "users"
REGION = "region"
COUNTED = Line("users", "", Statistic.PERSONS, (REGION,), USERS)
Levels = Mapping[str, Iterable[int]]
"""Who is of each level of a stratum, by people's numbers."""


@dataclass(frozen=True)
class People:
    """Who was there.

    Args:
        strata: of each stratum who is of each level, in the order of the levels.
        sets: who is counted; "users", who are all, if left out.
        unknown: strata of which it is not written down who is of which level.
    """

    strata: Mapping[str, Levels]
    sets: Levels = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    @property
    def everybody(self) -> set[int]:
        """All who have a level of any stratum, or are counted."""
        levels = [people for levels in self.strata.values() for people in levels.values()]
        return {one for people in (*levels, *self.sets.values()) for one in people}

    def set_of(self, key: str) -> set[int]:
        """Who is counted."""
        return set(self.sets[key]) if key in self.sets else self.everybody

    def cube(self, key: str, *strata: str) -> PersonCube:
        """How many are counted, with all totals."""
        axes = tuple(Dimension(name, tuple(self.strata[name])) for name in strata)
        persons = np.zeros([len(axis.levels) + 1 for axis in axes], dtype=np.int64)
        for place in product(*(range(length) for length in persons.shape)):
            found = self.set_of(key)
            for axis, position in zip(axes, place, strict=True):
                if position < len(axis.levels):
                    found &= set(self.strata[axis.name][axis.levels[position]])
            persons[place] = len(found)
        return PersonCube(key, axes, persons)

    def table(self, *cubes: PersonCube, lines: Sequence[Line] = (COUNTED,)) -> CountedTable:
        """Users by region, and further cubes."""
        return CountedTable((self.cube(USERS, REGION), *cubes), (), (), tuple(lines))

    @property
    def members(self) -> Members:
        """The same as the ledger keeps it."""
        keys = {"population", USERS, *self.sets}
        return Members(
            {key: (BitMap(self.set_of(key)),) for key in keys},
            dict.fromkeys(keys, ("", ())),
            {
                name: {level: BitMap(people) for level, people in levels.items()}
                for name, levels in self.strata.items()
                if name not in self.unknown
            },
        )


def by_region(**regions: Iterable[int]) -> People:
    """People of some regions, all of them users."""
    return People({REGION: regions})


def told(protected: ProtectedTable, statistic: str = "persons", stratum: str = REGION) -> dict[str, float | None]:
    """The value of each level that is told; None for a blank."""
    return {
        line[stratum]: None if line["status"] == LineStatus.SUPPRESSED else line["value"]
        for line in protected.table.to_pylist()
        if line["statistic"] == statistic
    }


def as_of(protected: ProtectedTable, statistic: str = "persons", stratum: str = REGION) -> dict[str, str]:
    """The release that each level's line is of; "" for a blank."""
    return {line[stratum]: line[AS_OF] for line in protected.table.to_pylist() if line["statistic"] == statistic}
