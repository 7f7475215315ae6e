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
    numbers = {one.name: number for number, one in enumerate(releases)}
    rows = []
    for number, one in enumerate(releases):
        alike, same = one.members.named_alike, one.printed is not None or number == len(earlier)
        said, otherwise = (
            one.states.beside(cells, number=unnamed, numbers=numbers, alike=alike, same_table=same)
            for unnamed in (number, OLDER)
        )
        true = one.states.counted(cells, alike=alike, same_table=same)
        rows.append(_row(said, true, unnamed=otherwise.as_of == OLDER))
    true, value, as_of = (np.stack(part) for part in zip(*rows, strict=True))
    since = [differences(cells, now=members, earlier=one.members).moved(cells.values.size) for one in earlier]
    told = as_of[-1] == len(earlier)
    waits = np.zeros_like(told)
    for number, moved in enumerate(since):
        told |= (as_of[-1] == number) & (moved == 0)
        waits |= (as_of[number] == BLANK) & (moved < policy.minimum_cell)
    opened = open_for_review(counted, policy, Hidden(~told, np.empty(0, np.bool_)), secret=secret)
    system = opened.persons.system
    if np.array_equal(as_of[-1], as_of[-2]):
        system = _nothing_new(system)
    else:
        # What waits, or keeps a small number, may have become empty meanwhile, and nobody sees it.
        emptied = waits | ((as_of[-1] != BLANK) & (value[-1] <= policy.minimum_cell))
        system = _to_be_proved(system, told, emptied)
    movers = mover_groups(cells, [one.members for one in releases])
    proved = replace(opened, persons=replace(opened.persons, system=system))
    return proved, Series(tuple(numbers), true, value, as_of, movers)


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
