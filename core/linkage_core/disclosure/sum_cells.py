"""Sums as one system of cells: blank where their contributors are, and hidden as intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure.cell_names import CellName, flagged
from linkage_core.disclosure.cell_system import CellSystem, Flags, Ints, Relations
from linkage_core.disclosure.class_cells import sums_beside_classes
from linkage_core.disclosure.evidence import Demand
from linkage_core.disclosure.linked_cells import (
    Numbered,
    number_cells,
    tie_margins,
    tie_nestings,
    tie_periods,
    tie_splits,
)
from linkage_core.disclosure.withheld import WithheldIndicators, withheld_sums

_ANY_SIGN = -(1 << 50)
"""Lower end of a sum that may be negative (corrections), for a reader who knows nothing else."""


def number_sums(table: CountedTable) -> Numbered:
    """Number the cells of all sums of a table."""
    return number_cells((cube.sum_key, cube.dimensions, cube.sums) for cube in table.sum_cubes)


def sum_system(
    table: CountedTable,
    sums: Numbered,
    persons: Numbered,
    *,
    hidden_persons: Flags,
    policy: DisclosurePolicy,
    withheld: WithheldIndicators | None = None,
    by_hand: Sequence[CellName] = (),
    without_thresholds: bool = False,
) -> tuple[CellSystem, Demand]:
    """State the protection problem of all sums of a table.

    Args:
        table: the table.
        sums: its numbered sums.
        persons: its numbered person cells.
        hidden_persons: person cells that are sensitive, or printed but suppressed. Their sums go with them.
        policy: the rules.
        withheld: what may not be known whatever the counts are.
        by_hand: cells that an officer hides besides.
        without_thresholds: leave all sums blank that have thresholds, where hiding some of them is not enough.
    """
    relations = Relations()
    tie_margins(sums, relations, negative=bool(np.any(sums.values < 0)))
    tie_splits(sums, table.splits, relations)
    tie_nestings(sums, table.nestings, relations)
    tie_periods(sums, table.period_parts, relations)
    starts, members, remainder, implied = relations.build(sums.values)
    contributors = np.zeros(sums.values.size, dtype=np.int64)
    hidden = np.zeros(sums.values.size, dtype=np.bool_)
    lowest = np.zeros(sums.values.size, dtype=np.int64)
    for cube in table.sum_cubes:
        names = tuple(axis.name for axis in cube.dimensions)
        own = sums.cube(cube.sum_key, names)
        theirs = persons.cube(cube.contributors_key, names)
        contributors[own] = persons.values[theirs]
        hidden[own] = hidden_persons[theirs]
        lowest[own] = _ANY_SIGN if np.any(cube.sums < 0) else 0
    hidden |= _few_outside(table, sums, persons, policy)
    hidden |= sums_beside_classes(table, sums, persons, hidden_persons)
    told = _told_by_thresholds(table, sums, persons, hidden_persons=hidden_persons, policy=policy)
    hidden |= told.hidden
    if without_thresholds:
        hidden |= told.has_thresholds
    few = (contributors > 0) & (contributors < policy.minimum_contributors)
    # Where nobody contributes there is nothing to keep back.
    secret = withheld_sums(table, sums, withheld or {}, policy.exceptions) & (contributors > 0)
    secret |= flagged(by_hand, "sum", sums)
    # Nobody contributes: the sum is known to be 0 and cannot stand in for another.
    lowest = np.where((contributors == 0) & ~hidden, sums.values + 1, np.maximum(lowest, told.lowest))
    uses = _uses(table, sums)
    system = CellSystem(
        values=sums.values,
        printed=uses > 0,
        at_least=lowest,
        uses=np.maximum(uses, 1),
        strata=sums.strata,
        sensitive=(few | hidden | secret) & (uses > 0),
        reach=np.where(told.has_thresholds & without_thresholds, 0, told.reach),
        starts=starts,
        members=members,
        remainder=remainder,
        implied=implied,
        remainder_sensitive=np.zeros(remainder.size, dtype=np.bool_),
        remainder_reach=np.zeros(remainder.size, dtype=np.int64),
        pairs=np.empty((0, 2), dtype=np.int64),
    )
    spans = np.maximum(-(-np.abs(sums.values) * policy.sum_width_percent // 100), 1)
    spans = np.where((told.spans >= 0) & ~secret, told.spans, spans)
    if without_thresholds:
        # Nothing of them is printed, so that nothing has to be proved.
        spans[told.has_thresholds] = 0
    return system, Demand(candidates=1, spans=np.where(system.printed, spans, 0))


def _few_outside(table: CountedTable, sums: Numbered, persons: Numbered, policy: DisclosurePolicy) -> Flags:
    """Sums of one period whose whole has few more contributors: the difference is the amount of those few."""
    found = np.zeros(sums.values.size, dtype=np.bool_)
    whole_of = {part.part_key: part for part in table.period_parts}
    for cube in table.sum_cubes:
        part = whole_of.get(cube.contributors_key)
        if part is None:
            continue
        names = tuple(axis.name for axis in cube.dimensions)
        around = (*names, part.dimension)
        if (part.whole_key, tuple(sorted(around))) not in persons.blocks:
            continue
        level = persons.dimensions[part.dimension].levels.index(part.label)
        whole = persons.values[persons.cube(part.whole_key, around)[..., level]]
        outside = whole - persons.values[persons.cube(cube.contributors_key, names)]
        found[sums.cube(cube.sum_key, names)] |= (outside > 0) & (outside < policy.minimum_contributors)
    return found


@dataclass(frozen=True, slots=True)
class _Told:
    """What a reader knows of sums from who reaches their thresholds; one entry a sum.

    Args:
        has_thresholds: it has some.
        hidden: the sum tells who reaches a threshold, or who is left beside them.
        reach: what it must be able to be, so that few are not left beside them; 0 for no demand.
        lowest: what the persons at thresholds account for; without thresholds no end.
        spans: width of its possible values where it is not as of other sums; -1 there.
    """

    has_thresholds: Flags
    hidden: Flags
    reach: Ints
    lowest: Ints
    spans: Ints


def _told_by_thresholds(
    table: CountedTable, sums: Numbered, persons: Numbered, *, hidden_persons: Flags, policy: DisclosurePolicy
) -> _Told:
    """Which sums tell who reaches a threshold.

    A sum does where persons at a threshold are hidden. Blank there, it needs no room of its own: whichever numbers of
    persons fit, sums fit that differ by what these persons account for. A number of things tells also where it is
    little more than what the persons at its thresholds account for: those with more, or with something in between, are
    then as few. That rest must have the room of a count.
    """
    size = sums.values.size
    told = _Told(
        has_thresholds=np.zeros(size, np.bool_),
        hidden=np.zeros(size, np.bool_),
        reach=np.zeros(size, np.int64),
        lowest=np.full(size, _ANY_SIGN, np.int64),
        spans=np.full(size, -1, np.int64),
    )
    for cube in table.sum_cubes:
        names = tuple(axis.name for axis in cube.dimensions)
        own = [
            one
            for one in table.thresholds
            if one.sum_key == cube.sum_key and (one.persons_key, tuple(sorted(names))) in persons.blocks
        ]
        if not own:
            continue
        own.sort(key=lambda one: one.least)
        places = sums.cube(cube.sum_key, names)
        reached = [persons.cube(one.persons_key, names) for one in own]
        hidden = np.logical_or.reduce([hidden_persons[cells] for cells in reached])
        if own[0].least > 0:
            steps = np.diff([0, *(one.least for one in own)])
            accounted = sum(
                (step * persons.values[cells] for step, cells in zip(steps, reached, strict=True)),
                start=np.zeros(places.shape, np.int64),
            )
            accounted *= cube.scale
            enough = accounted + policy.minimum_cell * cube.scale
            few = (cube.sums > accounted) & (cube.sums < enough)
            hidden |= few
            told.lowest[places] = accounted
            told.reach[places] = np.where(few, enough, 0)
            if own[0].least == 1:
                told.spans[places] = np.where(few, (policy.minimum_candidates - 1) * cube.scale, 0)
        told.hidden[places], told.has_thresholds[places] = hidden, True
    return told


def _uses(table: CountedTable, sums: Numbered) -> Ints:
    uses = np.zeros(sums.values.size, dtype=np.int64)
    for line in table.lines:
        for key in (line.sum_key, line.person_time_key):
            if key:
                uses[sums.cube(key, line.dimensions)] += 1
    return uses
