"""A table that was laid beside earlier ones of nearly the same people, taken apart for whoever checks the series.

Nothing of the search that chose what is held back is used: what each release said is laid side by side, and what this
one does not tell is to be proved anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure.cell_system import CellSystem, Flags, Ints
from linkage_core.disclosure.linked_cells import Numbered
from linkage_core.disclosure.person_cells import number_persons
from linkage_core.disclosure.protected_table import Hidden
from linkage_core.disclosure.withheld import WithheldIndicators
from linkage_core.release_history import (
    CellStates,
    EarlierTable,
    Members,
    MoverGroup,
    Printed,
    decided_by_cell,
    differences,
    mover_groups,
)
from linkage_core.table_review.reviewed_table import ReviewedTable, open_for_review

BLANK, NOT_COUNTED, OLDER = -1, -2, -3
"""In place of the release that a number is of: there is no number; the release does not count the cell; the number is
of a release that is not in the series."""


@dataclass(frozen=True, slots=True)
class Series:
    """What the releases of a series said; arrays have a row for each release, the newest last, and a column a cell.

    Args:
        releases: names.
        true: persons; -1 where the release did not count the cell.
        value: what was printed; 0 where nothing was.
        as_of: number of the release that the printed number is of, or `BLANK`, `NOT_COUNTED`, `OLDER`.
        movers: who moved between releases.
    """

    releases: tuple[str, ...]
    true: Ints
    value: Ints
    as_of: Ints
    movers: list[MoverGroup]


def open_series(
    table: CountedTable,
    policy: DisclosurePolicy,
    *,
    members: Members,
    states: CellStates,
    earlier: Sequence[EarlierTable],
    secret: WithheldIndicators | None = None,
) -> tuple[ReviewedTable, Series]:
    """Take apart what `next_table` made.

    Args:
        table, policy, members, earlier, secret: what it was given.
        states: what it said.

    Returns:
        The part of the table that is decided cell by cell, blank what this release does not tell; and the series.
    """
    counted = decided_by_cell(table, members, earlier)
    cells = number_persons(counted)
    releases = [*earlier, EarlierTable(states.names[-1], members, states)]
    series = _series(cells, releases, same_tables=[*(one.printed is not None for one in earlier), True])
    since = [differences(cells, now=members, earlier=one.members).moved(cells.values.size) for one in earlier]
    as_of, told = series.as_of, series.as_of[-1] == len(earlier)
    for number, moved in enumerate(since):
        told |= (as_of[-1] == number) & (moved == 0)
    opened = open_for_review(counted, policy, Hidden(~told, np.empty(0, np.bool_)), secret=secret)
    system = opened.persons.system
    if np.array_equal(as_of[-1], as_of[-2]):
        system = _nothing_new(system)
    else:
        # What waits, or keeps a small number, may have become empty meanwhile, and nobody sees it.
        kept = (as_of[-1] != BLANK) & (series.value[-1] <= policy.minimum_cell)
        system = _to_be_proved(system, told, _waiting(series, since, policy) | kept)
    return replace(opened, persons=replace(opened.persons, system=system)), series


def beside_others(
    table: ReviewedTable, *, members: Members, states: CellStates, earlier: Sequence[EarlierTable]
) -> tuple[ReviewedTable, Series]:
    """Lay what `table_beside_others` made, taken apart as a table that stands alone is, beside the earlier releases.

    Args:
        table: its cells and blanks.
        members, earlier: what it was given.
        states: what it said.

    Returns:
        The table, with what its readers know of earlier releases; and these with it.
    """
    side, size = table.persons, table.persons.system.values.size
    cells, system = side.cells, side.system
    common = {block: own for block, own in cells.blocks.items() if members.knows(*block)}
    known = replace(cells, blocks=common)
    releases = [*earlier, EarlierTable(states.names[-1], members, states)]
    series = _series(known, releases, same_tables=[one.printed is not None for one in releases])
    # Cells of which nobody knows who stands in them are told of this release all the same.
    newest = np.where(side.blank, BLANK, len(earlier))
    series.true[-1], series.as_of[-1], series.value[-1] = system.values, newest, np.where(side.blank, 0, system.values)
    since = [differences(known, now=members, earlier=one.members).moved(size) for one in earlier]
    waits, few, told = _waiting(series, since, table.policy), np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    for then, moved in enumerate(since):
        few |= (series.as_of[then] == then) & (moved > 0) & (moved < table.policy.minimum_cell)
        told |= (series.as_of[then] == then) & (moved == 0)
    lowest = np.where(waits, 0, np.where(few, np.minimum(system.at_least, system.values), system.at_least))
    stands = told & ~system.sensitive & ~waits & ~few
    system = replace(system, at_least=np.where(stands, system.values + 1, lowest))
    return replace(table, persons=replace(side, system=system)), series


def _series(cells: Numbered, releases: Sequence[EarlierTable], *, same_tables: Sequence[bool]) -> Series:
    """What each release said of some cells, and who moved in them."""
    numbers = {one.name: number for number, one in enumerate(releases)}
    rows = []
    for number, (one, same) in enumerate(zip(releases, same_tables, strict=True)):
        alike = one.members.named_alike
        said, otherwise = (
            one.states.beside(cells, number=unnamed, numbers=numbers, alike=alike, same_table=same)
            for unnamed in (number, OLDER)
        )
        true = one.states.counted(cells, alike=alike, same_table=same)
        rows.append(_row(said, true, unnamed=otherwise.as_of == OLDER))
    true, value, as_of = (np.stack(part) for part in zip(*rows, strict=True))
    return Series(tuple(numbers), true, value, as_of, mover_groups(cells, [one.members for one in releases]))


def _waiting(series: Series, since: Sequence[Ints], policy: DisclosurePolicy) -> Flags:
    """Cells that were blank, and in which few people moved since, or nobody."""
    waits = np.zeros(series.true.shape[1], dtype=np.bool_)
    for number, moved in enumerate(since):
        waits |= (series.as_of[number] == BLANK) & (moved < policy.minimum_cell)
    return waits


def _row(said: Printed, true: Ints, *, unnamed: Flags) -> tuple[Ints, Ints, Ints]:
    """Persons, what was printed, and the release that it is of."""
    # A level that was not there then has 0 of that very release.
    older = unnamed & ~(said.current & (said.value == true))
    as_of = np.where(older, OLDER, said.as_of)
    as_of = np.where(~said.blank & (said.as_of < 0), NOT_COUNTED, as_of)
    return true, np.where(as_of >= 0, said.value, 0), as_of


def _to_be_proved(system: CellSystem, told: Flags, emptied: Flags) -> CellSystem:
    """The problem of a checker: all that this release does not tell has other values that fit."""
    lowest = np.where(emptied, 0, np.minimum(system.at_least, system.values))
    return replace(
        system,
        at_least=np.where(told, system.at_least, lowest),
        sensitive=(system.sensitive | system.printed) & ~told,
        reach=np.where(told, 0, system.reach),
    )


def _nothing_new(system: CellSystem) -> CellSystem:
    """The problem where nothing is said that the release before did not say: there is nothing to prove."""
    nothing = np.zeros_like(system.printed)
    return replace(
        system, printed=nothing, sensitive=nothing, remainder_sensitive=np.zeros_like(system.remainder_sensitive)
    )
