"""Cubes of persons and sums with all margins, over strata of persons, calendar periods and properties of rows.

Strata give each person one level, so their margins add up. Periods and row levels do not: a person may stand under
several. Their totals count each person once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linkage_core.counted_table import Dimension
from linkage_core.indicators.values import Bools, Int32s, Int64s, RowValues
from linkage_core.strata import Stratum


@dataclass(frozen=True, slots=True)
class Crossing:
    """Some strata crossed.

    Args:
        dimensions: their dimensions.
        cell: int64, one a person: position of her cell in the cube without margins.
    """

    dimensions: tuple[Dimension, ...]
    cell: Int64s

    @classmethod
    def of(cls, strata: Sequence[Stratum], *, persons: int) -> Crossing:
        """Cross strata; none gives one cell that holds everybody."""
        cell = np.zeros(persons, np.int64)
        for part in strata:
            cell = cell * len(part.dimension.levels) + part.level
        return cls(tuple(part.dimension for part in strata), cell)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Levels by axis."""
        return tuple(len(dimension.levels) for dimension in self.dimensions)


@dataclass(frozen=True, slots=True)
class ExtraAxes:
    """A period and a row axis beside the strata; either may be absent."""

    period: Dimension | None = None
    row: Dimension | None = None

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Those that are present, period first."""
        return tuple(dimension for dimension in (self.period, self.row) if dimension is not None)

    def only_present(self, cube: Int64s) -> Int64s:
        """Take the total of an axis that is absent from a cube with both axes last."""
        if self.row is None:
            cube = cube[..., -1]
            return cube if self.period is not None else cube[..., -1]
        return cube if self.period is not None else cube[..., -1, :]


@dataclass(frozen=True, slots=True)
class PeriodSlice:
    """What one period adds: its place on the period axis, and values by row level where the cube has a row axis."""

    place: int
    persons: Bools
    value: Int64s
    rows: RowValues | None = None


def person_cube(
    crossing: Crossing, slices: Sequence[PeriodSlice], extra: ExtraAxes, *, every_level: bool = False
) -> Int64s:
    """Count each person once a cell.

    Args:
        every_level: the set is not split by rows (a denominator): it stands whole under every row level.
    """
    periods, levels = _sizes(extra)
    cube = _empty(crossing, periods, levels)
    everybody = np.flatnonzero(np.logical_or.reduce([part.persons for part in slices]))
    cube[..., periods, levels] = _count(crossing, everybody)
    seen: list[Int64s] = []
    for part in slices:
        cube[..., part.place, levels] = _count(crossing, np.flatnonzero(part.persons))
        if part.rows is not None and levels and not every_level:
            # A level may hold a person whose rows cancel over all levels: she is not in the set.
            among = part.persons[part.rows.person]
            person, level = part.rows.person[among], part.rows.level[among]
            cube[..., part.place, :levels] = _count_levels(crossing, person, level, levels)
            seen.append(person.astype(np.int64) * levels + level)
    if every_level and levels:
        cube[..., :levels] = cube[..., levels:]
    elif seen:
        pairs = np.unique(np.concatenate(seen))
        cube[..., periods, :levels] = _count_levels(crossing, pairs // levels, pairs % levels, levels)
    return extra.only_present(cube)


def sum_cube(crossing: Crossing, slices: Sequence[PeriodSlice], extra: ExtraAxes) -> Int64s:
    """Add values exactly; the total over periods is their sum."""
    periods, levels = _sizes(extra)
    cube = _empty(crossing, periods, levels)
    for part in slices:
        persons = np.flatnonzero(part.persons)
        cube[..., part.place, levels] = _sum(crossing, persons, part.value[persons])
        if part.rows is not None and levels:
            among = part.persons[part.rows.person]
            person, level = part.rows.person[among], part.rows.level[among]
            cube[..., part.place, :levels] = _sum_levels(crossing, person, level, levels, part.rows.value[among])
    cube[..., periods, :] = cube[..., :periods, :].sum(axis=-2)
    return extra.only_present(cube)


def _sizes(extra: ExtraAxes) -> tuple[int, int]:
    return (len(extra.period.levels) if extra.period else 1), (len(extra.row.levels) if extra.row else 0)


def _empty(crossing: Crossing, periods: int, levels: int) -> Int64s:
    return np.zeros((*(size + 1 for size in crossing.sizes), periods + 1, levels + 1), np.int64)


def _count(crossing: Crossing, persons: Int64s) -> Int64s:
    cells = int(np.prod(crossing.sizes, dtype=np.int64))
    return _with_margins(np.bincount(crossing.cell[persons], minlength=cells).reshape(crossing.sizes), crossing)


def _sum(crossing: Crossing, persons: Int64s, value: Int64s) -> Int64s:
    sums = np.zeros(int(np.prod(crossing.sizes, dtype=np.int64)), np.int64)
    np.add.at(sums, crossing.cell[persons], value)
    return _with_margins(sums.reshape(crossing.sizes), crossing)


def _count_levels(crossing: Crossing, person: Int32s | Int64s, level: Int32s | Int64s, levels: int) -> Int64s:
    return _sum_levels(crossing, person, level, levels, np.ones(len(person), np.int64))


def _sum_levels(
    crossing: Crossing, person: Int32s | Int64s, level: Int32s | Int64s, levels: int, value: Int64s
) -> Int64s:
    sums = np.zeros(int(np.prod(crossing.sizes, dtype=np.int64)) * levels, np.int64)
    np.add.at(sums, crossing.cell[person] * levels + level, value)
    return _with_margins(sums.reshape(*crossing.sizes, levels), crossing)


def _with_margins(cells: Int64s, crossing: Crossing) -> Int64s:
    for axis in range(len(crossing.dimensions)):
        cells = np.concatenate((cells, cells.sum(axis=axis, keepdims=True)), axis=axis)
    return np.asarray(cells, np.int64)
