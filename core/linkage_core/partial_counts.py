"""What one block of persons adds to a table: whole numbers and names, which merge exactly in any order.

Nothing in it is decided by the block alone: sets bear their own names until the relations of all blocks are known, row
levels are listed with whether they are used, `unknown` is a level everywhere, and every rule lists its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from linkage_core.class_table import ClassCounts
from linkage_core.counted_persons import BlockPersons
from linkage_core.indicators.values import Int64s, UInt8s
from linkage_core.layout import Layout
from linkage_core.set_relations import Family

RowKey = tuple[str, tuple[str, ...], str]
"""Name of a set or sum, strata crossed, row variable."""


@dataclass(frozen=True, slots=True)
class UsedLevels:
    """Levels of a row variable: their names in any order, and 1 where a row of any person has it."""

    names: tuple[str, ...]
    used: UInt8s

    def merge(self, other: UsedLevels) -> UsedLevels:
        """The levels of both."""
        if self.names == other.names:
            return UsedLevels(self.names, self.used | other.used)
        names = tuple(dict.fromkeys((*self.names, *other.names)))
        used = np.zeros(len(names), np.uint8)
        used[self.places(names)] = self.used
        used[other.places(names)] |= other.used
        return UsedLevels(names, used)

    def places(self, names: tuple[str, ...]) -> Int64s:
        """Position of each level in `names`."""
        position = {name: place for place, name in enumerate(names)}
        return np.array([position[name] for name in self.names], np.int64)


@dataclass(frozen=True, slots=True)
class PartialCounts:
    """Counts and sums of some persons.

    Args:
        layout: of the run.
        incomplete: for each point, whether somebody's window reaches past the last complete day of the register.
        persons: for each grid int64, columns x cells: the columns of `layout.person_columns`.
        sums: for each grid int64, columns x cells: the columns of `layout.sum_columns`.
        persons_by_row: int64, cells x (periods + 1) x levels, the last period being all of them.
        sums_by_row: int64, cells x periods x levels.
        levels: by row variable.
        reasons: persons by the name of a reason's set.
        families: sets that are compared with each other.
        rows_told: for each of `layout.rows_told` int64, 2 x parts: rows, and persons with such a row.
        among_inhabitants: by point and period, what is counted among inhabitants.
        counted: who was counted where, one a block in the order of the population; none where it is not kept.
        by_class: persons by class, by the name of a point.
        met: for pairs of strata that no grid crosses, the pairs of levels that occur, as one ascending number each.
    """

    layout: Layout
    incomplete: tuple[bool, ...]
    persons: tuple[Int64s, ...]
    sums: tuple[Int64s, ...]
    persons_by_row: Mapping[RowKey, Int64s]
    sums_by_row: Mapping[RowKey, Int64s]
    levels: Mapping[str, UsedLevels]
    reasons: Mapping[str, int]
    families: Mapping[str, Family]
    met: Mapping[tuple[str, str], Int64s]
    rows_told: tuple[Int64s, ...] = ()
    among_inhabitants: Mapping[tuple[str, str], Int64s] = field(default_factory=dict)
    by_class: Mapping[str, ClassCounts] = field(default_factory=dict)
    counted: tuple[BlockPersons, ...] = ()

    def merge(self, other: PartialCounts) -> PartialCounts:
        """The counts of the persons of both, who must not overlap."""
        assert self.layout is other.layout or self.layout == other.layout
        levels = {name: mine.merge(other.levels[name]) for name, mine in self.levels.items()}
        mine, others = self._with_levels(levels), other._with_levels(levels)
        return PartialCounts(
            layout=self.layout,
            incomplete=tuple(one or two for one, two in zip(self.incomplete, other.incomplete, strict=True)),
            persons=tuple(one + two for one, two in zip(self.persons, other.persons, strict=True)),
            sums=tuple(one + two for one, two in zip(self.sums, other.sums, strict=True)),
            persons_by_row={key: one + others.persons_by_row[key] for key, one in mine.persons_by_row.items()},
            sums_by_row={key: one + others.sums_by_row[key] for key, one in mine.sums_by_row.items()},
            levels=levels,
            reasons={name: persons + other.reasons[name] for name, persons in self.reasons.items()},
            families={name: family.merge(other.families[name]) for name, family in self.families.items()},
            met={pair: np.union1d(codes, other.met[pair]) for pair, codes in self.met.items()},
            rows_told=tuple(one + two for one, two in zip(self.rows_told, other.rows_told, strict=True)),
            counted=self.counted + other.counted,
            among_inhabitants={key: one + other.among_inhabitants[key] for key, one in self.among_inhabitants.items()},
            by_class={name: one.merge(other.by_class[name]) for name, one in self.by_class.items()},
        )

    def _with_levels(self, levels: Mapping[str, UsedLevels]) -> PartialCounts:
        """The same counts with levels of rows listed as in `levels`."""

        def placed(by_row: Mapping[RowKey, Int64s]) -> dict[RowKey, Int64s]:
            found = {}
            for key, counts in by_row.items():
                mine, wanted = self.levels[key[2]].names, levels[key[2]].names
                found[key] = counts
                if mine != wanted:
                    found[key] = np.zeros((*counts.shape[:-1], len(wanted)), np.int64)
                    found[key][..., self.levels[key[2]].places(wanted)] = counts
            return found

        return replace(self, persons_by_row=placed(self.persons_by_row), sums_by_row=placed(self.sums_by_row))
