"""A table beside earlier ones of other people, some of them the same: what few people tell apart stays blank.

There is no earlier number that could stand, so cells are hidden as if by hand, and everything else is protected with
them: their partners, sums, reasons and classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import DisclosureRefused
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure.cell_names import CellName, names_of
from linkage_core.disclosure.linked_cells import Numbered
from linkage_core.disclosure.person_cells import number_persons, person_system
from linkage_core.disclosure.protect import protect
from linkage_core.disclosure.protected_table import SEAL, ProtectedTable
from linkage_core.disclosure.sum_cells import number_sums
from linkage_core.disclosure.withheld import WithheldIndicators
from linkage_core.release_history.members import Members, differences
from linkage_core.release_history.next_table import EarlierTable, NextTable, first_states
from linkage_core.release_history.printed import Printed
from linkage_core.release_history.published_cells import Flags
from linkage_core.release_history.unions import Known, thin_unions

_MOST_ROUNDS = 40
_NEARLY_THE_SAME = 0.5
"""Share of all people of two releases who are in both."""


def table_beside_others(
    table: CountedTable,
    policy: DisclosurePolicy,
    *,
    members: Members,
    earlier: Sequence[EarlierTable],
    name: str,
    secret: WithheldIndicators | None = None,
) -> NextTable:
    """Protect a table beside earlier releases that it cannot say again.

    A count stays blank if few people moved in it since a release in which it was counted, or since one in which it was
    blank; and one of which nobody knows who stands in it, beside the same set of nearly the same people: by properties
    of rows, among inhabitants, why persons had no value. A sum stays blank unless enough people moved among those who
    contribute to it, or no earlier release counted them: nobody need have moved for an amount to change. A count that
    an earlier release printed and in which nobody moved is known: hiding it here would protect nothing.

    Args:
        table: exact counts now.
        policy: the rules.
        members: who stands where.
        earlier: releases with people and cells in common.
        name: of this release.
        secret: what may not be known whatever the counts are.

    Raises:
        DisclosureRefused: no safe pattern was found.
    """
    cells = number_persons(table)
    system = person_system(table, cells, policy, withheld=secret)
    past = [_beside(one, table, cells, members) for one in earlier]
    enough = policy.minimum_cell
    hide = np.zeros(cells.values.size, dtype=np.bool_)
    for one in past:
        few = (one.moved > 0) & (one.moved < enough) & one.said.current
        hide |= (few | (one.said.blank & (one.moved < enough)) | one.unknown) & system.printed
    sums = [cell for one in past for cell in _sums_of_few(table, one, cells, enough=enough)]
    told = np.logical_or.reduce([one.said.current & (one.moved == 0) for one in past])
    names = names_of(cells, "persons")
    stands = [names[place] for place in np.flatnonzero(told).tolist()]
    known = [one.known for one in past]
    for _ in range(_MOST_ROUNDS):
        by_hand = [names[place] for place in np.flatnonzero(hide).tolist()]
        protected = protect(table, policy, secret=secret, by_hand=[*by_hand, *sums], known=stands)
        assert protected.hidden is not None
        # Never of what is hidden by hand or printed nowhere: both are hidden.
        thin = thin_unions(system, hidden=protected.hidden.persons, known=known, enough=enough)
        if not thin.any():
            return NextTable(_as_held(protected), first_states(table, protected, members=members, name=name))
        hide |= thin
    raise DisclosureRefused(
        "No way was found to keep the few people hidden who tell this table from an earlier one.",
        mend="Order coarser strata, or a population in which more persons differ.",
    )


@dataclass(frozen=True, slots=True)
class _Past:
    """An earlier release: what it said of the cells of now, and how many people moved in each since, if it is known."""

    said: Printed
    unknown: Flags
    known: Known
    moved: np.ndarray[tuple[int], np.dtype[np.int64]]


def _beside(one: EarlierTable, table: CountedTable, cells: Numbered, members: Members) -> _Past:
    said = one.states.beside(
        cells, number=0, numbers={}, alike=one.members.named_alike, same_table=one.printed is not None
    )
    people = differences(cells, now=members, earlier=one.members)
    unknown = _of_whom_nobody_knows(table, cells, now=members, then=one.members)
    return _Past(said, unknown, Known(said.current, people), people.moved(cells.values.size))


def _of_whom_nobody_knows(table: CountedTable, cells: Numbered, *, now: Members, then: Members) -> Flags:
    """Cells of sets that were counted then of nearly the same people, if it is not known who stands in them."""
    unknown = np.zeros(cells.values.size, dtype=np.bool_)
    if now.population.jaccard_index(then.population) < _NEARLY_THE_SAME:
        return unknown
    counted = {
        *then.sets,
        *(part.part_key for part in table.period_parts if part.whole_key in then.sets),
        *(key for point, _, key in table.reasons if f"{point}/denominator" in then.sets),
    }
    for (key, strata), numbers in cells.blocks.items():
        if key in counted and not now.knows(key, strata):
            unknown[numbers] = True
    return unknown


def _sums_of_few(table: CountedTable, past: _Past, cells: Numbered, *, enough: int) -> list[CellName]:
    """Sums to which the same people contribute as in an earlier release, but for few."""
    sums = number_sums(table)
    names = names_of(sums, "sum")
    found: list[CellName] = []
    for cube in table.sum_cubes:
        strata = tuple(axis.name for axis in cube.dimensions)
        whose = cells.cube(cube.contributors_key, strata).ravel()
        counted_then = past.said.current[whose] | past.said.blank[whose]
        few = (counted_then & (past.moved[whose] < enough)) | past.unknown[whose]
        found += [names[number] for number in sums.cube(cube.sum_key, strata).ravel()[few].tolist()]
    return found


def _as_held(protected: ProtectedTable) -> ProtectedTable:
    """The table with its own word for what is hidden beside earlier releases."""
    reasons = dict(protected.suppressed_by_reason)
    if held := reasons.pop("hidden_by_hand", 0):
        reasons["beside_earlier"] = held
    return replace(protected, suppressed_by_reason=reasons, seal=SEAL)
