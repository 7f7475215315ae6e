"""Which strata are crossed, and grids of cells in which several crossings are counted in one pass.

Strata give each person one level, so a crossing of fewer strata is the margin of a grid of more. Periods and properties
of rows do not: a person may stand under several, and their totals are counted by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod

import numpy as np

from linkage.errors import EventsRejected
from linkage.order import ROW_PREFIX
from linkage_core.events import Population
from linkage_core.indicators.row_dimensions import dimension_name
from linkage_core.indicators.values import Int32s, Int64s
from linkage_core.kernels.stratum_levels import cross_levels
from linkage_core.strata import StratumRule, stratum_rule

# A column of 4,096 counters is 32 KiB and stays in the processor's nearest cache while persons are counted.
CELLS_TOGETHER = 1 << 12
CELLS_MOST = 1 << 31


@dataclass(frozen=True, slots=True)
class Crossing:
    """Strata that are crossed with each other, and the row variable of the crossing if it has one."""

    strata: tuple[str, ...]
    row: str | None


@dataclass(frozen=True, slots=True)
class Grid:
    """Some strata crossed, without margins.

    Args:
        strata: their names as ordered, one an axis.
        sizes: levels by axis.
    """

    strata: tuple[str, ...]
    sizes: tuple[int, ...]

    @property
    def cells(self) -> int:
        """Number of cells; one without strata."""
        return prod(self.sizes)

    def cell_of(self, levels: Mapping[str, Int32s], *, persons: int) -> Int32s:
        """int32, one a person: position of her cell."""
        cell = np.empty(persons, np.int32)
        cross_levels([levels[name] for name in self.strata], np.array(self.sizes, np.int32), cell)
        return cell

    def margin(self, sums: Int64s, grid: Grid) -> Int64s:
        """Sums of each column, shape (columns, cells), over the cells of a grid of some of the strata."""
        if grid.strata == self.strata:
            return sums
        cube = sums.reshape(len(sums), *self.sizes)
        apart = tuple(axis for axis, name in enumerate(self.strata, start=1) if name not in grid.strata)
        order = [name for name in self.strata if name in grid.strata]
        # A copy, as axes may have changed their order.
        kept = cube.sum(axis=apart).transpose(0, *(1 + order.index(name) for name in grid.strata))
        return np.ascontiguousarray(kept).reshape(len(sums), grid.cells)

    def crossing(self, columns: Int64s, strata: Sequence[str], empty: Iterable[str]) -> Int64s:
        """Counts of each column, shape (columns, cells), over some of the strata: (columns, levels + total, ...).

        Args:
            empty: strata in which nobody is `unknown`, so that the level falls away.
        """
        order = [name for name in self.strata if name in strata]
        kept = len(self.strata)
        while kept and self.strata[kept - 1] not in strata:
            kept -= 1
        # Axes fall away one by one from the first, so that the last sums, which are short, are few; the last are one.
        cube = columns.reshape(len(columns), *self.sizes[:kept], prod(self.sizes[kept:]))
        apart = [axis for axis, name in enumerate(self.strata[:kept], start=1) if name not in strata]
        for done, axis in enumerate(apart):
            cube = cube.sum(axis=axis - done)
        cube = cube.sum(axis=-1) if kept < len(self.strata) else cube[..., 0]
        cube = cube.transpose(0, *(1 + order.index(name) for name in strata))
        return with_margins(cube, [name in set(empty) for name in strata], first=1)


def with_margins(cube: Int64s, drop_last: Sequence[bool], *, first: int) -> Int64s:
    """Put the total behind the levels of each axis from `first` on; in place of the last level where that drops."""
    out = np.empty(
        (
            *cube.shape[:first],
            *(size + 1 - drops for size, drops in zip(cube.shape[first:], drop_last, strict=False)),
            *cube.shape[first + len(drop_last) :],
        ),
        np.int64,
    )
    levels = tuple(slice(0, size - 1) for size in out.shape[first : first + len(drop_last)])
    every = (slice(None),) * first
    out[every + levels] = cube[every + levels]
    for axis in range(first, first + len(drop_last)):
        inner, total = (slice(None),) * axis + (slice(0, -1),), (slice(None),) * axis + (-1,)
        rest = tuple(slice(0, -1) for _ in range(axis + 1, first + len(drop_last)))
        out[total + rest] = out[inner + rest].sum(axis=axis)
    return out


@dataclass(frozen=True, slots=True)
class CountingPlan:
    """How persons are counted: the crossings in their order, and the grids that they are margins of."""

    crossings: tuple[Crossing, ...]
    rules: Mapping[str, StratumRule]
    grids: tuple[Grid, ...]

    def grid(self, strata: Sequence[str]) -> Grid:
        """The grid of exactly these strata."""
        return Grid(tuple(strata), tuple(len(self.rules[name].dimension.levels) for name in strata))

    def grid_with(self, strata: Sequence[str]) -> int | None:
        """Number of the first grid that has all of the strata."""
        return next((place for place, grid in enumerate(self.grids) if {*strata} <= {*grid.strata}), None)

    def strangers(self) -> list[tuple[str, str]]:
        """Pairs of strata that no grid crosses."""
        return [pair for pair in combinations(self.rules, 2) if self.grid_with(pair) is None]


def counting_plan(population: Population, by: Sequence[Sequence[str]], *, age_on: int | None) -> CountingPlan:
    """Read the crossings of an order.

    Args:
        population: all persons; a rule may have to know them before they are cut into blocks.
        by: as in `count_by`.
        age_on: day number on which ages are taken where there is no index date.

    Raises:
        EventsRejected: a stratum does not exist, or a crossing cannot be.
    """
    crossings = tuple(_crossing(wanted) for wanted in dict.fromkeys([(), *(tuple(part) for part in by)]))
    names = dict.fromkeys(name for crossing in crossings for name in crossing.strata)
    rules = {name: stratum_rule(population, name, age_on=age_on) for name in names}
    plan = CountingPlan(crossings, rules, ())
    grids: list[Grid] = []
    for strata in sorted((crossing.strata for crossing in crossings), key=len, reverse=True):
        _join(grids, plan.grid(strata), plan)
    return CountingPlan(crossings, rules, tuple(grids))


def row_variables(by: Sequence[Sequence[str]]) -> list[str]:
    """The row variables that crossings name, as they name them, each once."""
    specs = {spec for crossing in by for spec in crossing if spec.startswith(ROW_PREFIX)}
    return sorted(spec.removeprefix(ROW_PREFIX) for spec in specs)


def crossings_of_persons(by: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """The crossings without a row variable: in each of them a person is in one cell."""
    return [crossing for crossing in by if not any(spec.startswith(ROW_PREFIX) for spec in crossing)]


def _join(grids: list[Grid], wanted: Grid, plan: CountingPlan) -> None:
    if wanted.cells >= CELLS_MOST:
        raise EventsRejected("a crossing has more cells than can be counted.", mend="Cross fewer strata.")
    for place, grid in enumerate(grids):
        joint = plan.grid(tuple(dict.fromkeys((*grid.strata, *wanted.strata))))
        if joint.cells <= max(CELLS_TOGETHER, grid.cells):
            grids[place] = joint
            return
    grids.append(wanted)


def _crossing(wanted: Sequence[str]) -> Crossing:
    rows = [dimension_name(spec.removeprefix(ROW_PREFIX)) for spec in wanted if spec.startswith(ROW_PREFIX)]
    strata = tuple(spec for spec in wanted if not spec.startswith(ROW_PREFIX))
    if len(rows) > 1:
        raise EventsRejected("a crossing has two row variables.", mend="Cross at most one row variable with strata.")
    if len(set(strata)) < len(strata):
        raise EventsRejected("a crossing names a stratum twice.", mend="Name each stratum once in a crossing.")
    return Crossing(strata, rows[0] if rows else None)
