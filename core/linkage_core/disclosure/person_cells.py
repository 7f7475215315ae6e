"""Counts of persons as one system of cells: which are sensitive, what ties them, what a reader knows anyway."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import DisclosureRefused, InputRefused
from linkage_core.counted_table import CountedTable, Line, Split
from linkage_core.disclosure.cell_names import CellName, flagged
from linkage_core.disclosure.cell_system import CellSystem, Flags, Ints, Relations, implied_by
from linkage_core.disclosure.class_cells import class_prints, full_class_cells, tie_classes
from linkage_core.disclosure.full_classes import full_classes
from linkage_core.disclosure.linked_cells import (
    Numbered,
    number_cells,
    tie_everybody,
    tie_far_parts,
    tie_margins,
    tie_nestings,
    tie_periods,
    tie_splits,
)
from linkage_core.disclosure.withheld import WithheldIndicators, withheld_persons

POPULATION_KEY = "population"
"""Name of the set of all persons of a table."""


def number_persons(table: CountedTable) -> Numbered:
    """Number the person cells of a table.

    Raises:
        InputRefused: a count is negative, or cubes contradict each other.
    """
    if any(np.any(cube.persons < 0) for cube in table.person_cubes):
        raise InputRefused("A count of persons is negative.", mend="Hand in numbers of persons, not differences.")
    return number_cells((cube.persons_key, cube.dimensions, cube.persons) for cube in table.person_cubes)


def person_system(
    table: CountedTable,
    cells: Numbered,
    policy: DisclosurePolicy,
    *,
    withheld: WithheldIndicators | None = None,
    by_hand: Sequence[CellName] = (),
    known: Sequence[CellName] = (),
) -> CellSystem:
    """State the protection problem of all person cells of a table.

    Args:
        table: the table.
        cells: its numbered person cells.
        policy: the rules.
        withheld: what may not be known whatever the counts are.
        by_hand: cells that an officer hides besides.
        known: cells that readers know already; of these the sensitive ones are hidden all the same.

    Raises:
        NotFound: the table does not have a cell that is named.
        DisclosureRefused: the population is smaller than the policy allows.
        InputRefused: the table does not add up.
    """
    _check_population(cells, policy)
    relations = Relations()
    tie_margins(cells, relations)
    tie_splits(cells, all_splits(table), relations)
    few = partial(is_small, policy=policy)
    tie_far_parts(cells, all_splits(table), relations, small=few)
    tie_everybody(cells, POPULATION_KEY, all_splits(table), relations, small=few)
    tie_nestings(cells, table.nestings, relations)
    tie_periods(cells, table.period_parts, relations)
    tie_classes(cells, table.class_sums, relations)
    starts, members, remainder, implied = relations.build(cells.values)
    small = in_small_strata(cells, policy)
    sensitive = is_small(cells.values, policy) | (small & (cells.values > 0)) | crowded(table, cells, policy)
    uses = _uses(table, cells)
    wholes = members[starts[:-1]]
    remainder_sensitive = implied & (is_small(remainder, policy) | (small[wholes] & (remainder > 0)))
    threshold = policy.minimum_cell if policy.reach_threshold else 0
    reach = np.where(sensitive, threshold, 0).astype(np.int64)
    sensitive = sensitive | withheld_persons(table, cells, withheld or {}, policy.exceptions)
    sensitive |= flagged(by_hand, "persons", cells)
    # Among few persons everybody knows that the rest is small: there the rest has to be uncertain, not large.
    roomy = remainder_sensitive & (cells.values[wholes] >= 2 * policy.minimum_cell)
    zero_blank = not policy.zero_shown
    if policy.class_disclosure:
        full, full_remainder = full_classes(
            table, cells, starts=starts, members=members, implied=implied, small=sensitive, exceptions=policy.exceptions
        )
        sensitive = sensitive | full | full_class_cells(table, cells, sensitive)
        remainder_sensitive = remainder_sensitive | full_remainder
        # Zeros beside a full level are blank, so that a blank may be a zero.
        zero_blank = True
    at_least = np.where((uses > 0) & (not zero_blank), 1, 0).astype(np.int64)
    # What is known is never blank and stands in for no other; so is what follows from it, and from zeros.
    told = flagged(known, "persons", cells) | _everybody(table, cells) | (cells.values < at_least)
    told = implied_by(told, starts, members, exact=~implied) & ~sensitive
    at_least[told] = cells.values[told] + 1
    return CellSystem(
        values=cells.values,
        printed=uses > 0,
        at_least=at_least,
        uses=np.maximum(uses, 1),
        strata=cells.strata,
        sensitive=sensitive,
        reach=reach,
        starts=starts,
        members=members,
        remainder=remainder,
        implied=implied,
        remainder_sensitive=remainder_sensitive,
        remainder_reach=np.where(roomy, threshold, 0).astype(np.int64),
        pairs=_pairs(table, cells),
    )


def all_splits(table: CountedTable) -> list[Split]:
    """The splits a table states, and those its lines imply."""
    return [*table.splits, *_splits_of_lines(table)]


def is_small(persons: Ints, policy: DisclosurePolicy) -> Flags:
    """Which counts are sensitive by themselves."""
    return (persons >= (1 if policy.zero_shown else 0)) & (persons < policy.minimum_cell)


def printed_keys(line: Line) -> list[str]:
    """Sets of persons whose counts a line prints."""
    return [key for key in dict.fromkeys((line.numerator_key, line.denominator_key)) if key]


def _everybody(table: CountedTable, cells: Numbered) -> Flags:
    """The number of all persons, which whoever sent them knows; no cell where nobody did."""
    found = np.zeros(cells.values.size, dtype=np.bool_)
    if table.persons_known and (POPULATION_KEY, ()) in cells.blocks:
        found[cells.blocks[POPULATION_KEY, ()]] = True
    return found


def _uses(table: CountedTable, cells: Numbered) -> Ints:
    uses = np.zeros(cells.values.size, dtype=np.int64)
    for line in table.lines:
        for key in printed_keys(line):
            uses[cells.cube(key, line.dimensions)] += 1
    for _, _, key in table.reasons:
        uses[cells.cube(key, ())] += 1
    np.add.at(uses, class_prints(table, cells), 1)
    uses += _everybody(table, cells)
    return uses


def _pairs(table: CountedTable, cells: Numbered) -> Ints:
    """Cells that are printed side by side.

    A line with a sum may stay blank for the sum's sake, so it counts only for cells that no other line prints.
    """
    found = [np.empty((0, 2), dtype=np.int64)]
    covered = np.zeros(cells.values.size, dtype=np.bool_)
    for line in sorted(table.lines, key=lambda line: bool(line.sum_key or line.person_time_key)):
        if keys := printed_keys(line):
            own = np.stack([cells.cube(key, line.dimensions).ravel() for key in (keys[0], keys[-1])], axis=1)
            if line.sum_key or line.person_time_key:
                own = own[~covered[own].all(axis=1)]
            else:
                covered[own] = True
            found.append(own)
    alone = [int(cells.cube(key, ())) for _, _, key in table.reasons]
    by_themselves = np.concatenate([np.array(alone, dtype=np.int64), class_prints(table, cells)])
    return np.concatenate([*found, np.stack([by_themselves, by_themselves], axis=1)])


def _splits_of_lines(table: CountedTable) -> list[Split]:
    """Numerators are part of their denominators, and contributors of the persons a mean is taken over.

    Those who are not are a set that nobody prints and everybody can compute.
    """
    contributors = {cube.sum_key: cube.contributors_key for cube in table.sum_cubes}
    stated = {(split.whole_key, part) for split in table.splits for part in split.part_keys}
    found: dict[tuple[str, str], None] = {}
    for line in table.lines:
        for part in (line.numerator_key, contributors.get(line.sum_key, "")):
            if part and line.denominator_key not in ("", part):
                found[line.denominator_key, part] = None
    # The second part is never counted: it stands for "everybody else".
    return [Split(whole, (part, f"{whole} without {part}")) for whole, part in found if (whole, part) not in stated]


def _check_population(cells: Numbered, policy: DisclosurePolicy) -> None:
    totals = {key: int(cells.values[block]) for (key, strata), block in cells.blocks.items() if not strata}
    persons = totals.get(POPULATION_KEY, max(totals.values(), default=0))
    refuse_small_population(persons, policy)


def refuse_small_population(persons: int, policy: DisclosurePolicy) -> None:
    """Return if a table of so many persons may be made; the refusal does not tell how many they are.

    Raises:
        DisclosureRefused: they are fewer than the policy allows.
    """
    if persons < policy.minimum_population:
        raise DisclosureRefused(
            f"The population has fewer persons than the {policy.minimum_population} that policy {policy.name} demands.",
            mend="Order a larger population.",
        )


def crowded(table: CountedTable, cells: Numbered, policy: DisclosurePolicy) -> Flags:
    """Counts that leave few of the inhabitants over: who lives there is known, so each of them is told to count."""
    found = np.zeros(cells.values.size, dtype=np.bool_)
    for line in table.lines:
        if line.inhabitants_key and line.numerator_key:
            own = cells.cube(line.numerator_key, line.dimensions)
            counts = cells.values[own]
            left = table.inhabitants(line.inhabitants_key, line.dimensions) - counts
            found[own] |= (counts > 0) & (left < policy.minimum_cell)
    return found


def in_small_strata(cells: Numbered, policy: DisclosurePolicy) -> Flags:
    """Cells of strata with fewer persons of the population than the policy's minimum."""
    small = np.zeros(cells.values.size, dtype=np.bool_)
    if policy.minimum_stratum <= policy.minimum_cell:
        return small  # the threshold for cells does the same
    for (_, strata), block in cells.blocks.items():
        population = cells.blocks.get((POPULATION_KEY, strata))
        if population is not None:
            small[block] = (cells.values[population] > 0) & (cells.values[population] < policy.minimum_stratum)
    return small
