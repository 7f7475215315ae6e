"""What a reader forms by adding and subtracting the printed cells of one relation, in two releases.

It too may not differ by few people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from linkage_core.disclosure.cell_system import CellSystem
from linkage_core.release_history.movement import Incidence
from linkage_core.release_history.published_cells import Flags, Ints


@dataclass(frozen=True, slots=True)
class Known:
    """An earlier release beside the newest one.

    Args:
        current: cells whose number counted the people of that release.
        people: who differs between that release and the newest.
    """

    current: Flags
    people: Incidence


def thin_unions(system: CellSystem, *, hidden: Flags, known: Sequence[Known], enough: int) -> Flags:
    """Further cells to keep back, so that no sum of a relation's printed cells has moved by few people.

    Whole minus parts is how many are in the others; where the whole is hidden, the parts are a union by themselves. A
    reader knows a sum of both days if all its terms are known of both, or if all that is hidden on one day is known of
    the other.

    Args:
        system: the cells and relations now.
        hidden: cells that this release does not tell.
        known: the earlier releases.
        enough: so many different people, or nobody.

    Returns:
        One cell a thin sum: the part with fewest persons in which enough people moved, else the whole.
    """
    more = np.zeros(hidden.size, dtype=np.bool_)
    for one, thin, terms, relation in _thin(system, hidden=hidden, known=known, enough=enough):
        moved = one.people.moved(hidden.size)
        more[_partners(system, terms & thin[relation], relation, moved=moved, enough=enough)] = True
    return more


def thin_relations(system: CellSystem, *, hidden: Flags, known: Sequence[Known], enough: int) -> Flags:
    """Relations of which a sum of printed cells has moved by few people; arguments as in `thin_unions`."""
    found = np.zeros(system.remainder.size, dtype=np.bool_)
    for _, thin, _, _ in _thin(system, hidden=hidden, known=known, enough=enough):
        found |= thin
    return found


def _thin(
    system: CellSystem, *, hidden: Flags, known: Sequence[Known], enough: int
) -> Iterator[tuple[Known, Flags, Flags, Ints]]:
    """Thin sums of each release, kind by kind: the release, which relations, their terms, each member's relation."""
    lengths = np.diff(system.starts)
    if not lengths.size:
        return
    relation = np.repeat(np.arange(lengths.size), lengths)
    members, signs, told = system.members, system.signs, ~hidden[system.members]
    for one in known:
        for suspect, summed in _sums_of_both_days(system, told, one.current[members]):
            terms = summed & suspect[relation]
            if not terms.any():
                continue
            people = one.people.moved_in_sums(relation[terms], members[terms], signs[terms], groups=lengths.size)
            thin = (people > 0) & (people < enough)
            if thin.any():
                yield one, thin, terms, relation


def _sums_of_both_days(system: CellSystem, told: Flags, was: Flags) -> Iterator[tuple[Flags, Flags]]:
    """Sums that a reader forms of each of two days: in which relations, and of which of their members.

    Args:
        told, was: which members are known of today, and of the day then.
    """
    starts, exact = system.starts[:-1], ~system.implied

    def everywhere(flags: Flags) -> Flags:
        return np.logical_and.reduceat(flags, starts)

    # What is known of both days, and so the rest of the whole if that is.
    both = told & was
    yield ~everywhere(both) | system.implied, both
    # All that is not told today was known then: of today it is the whole less the others.
    yield everywhere(told | was) & exact & ~everywhere(told), told
    # All that was not known then is told today: then it was the whole less the others.
    new = told & ~was
    new[starts] = False
    yield everywhere(told | was) & exact & was[starts], new


def _partners(system: CellSystem, terms: Flags, relation: Ints, *, moved: Ints, enough: int) -> Ints:
    """For each thin sum the cell that, kept back too, makes it one of more people.

    Args:
        terms: the members that the thin sums consist of, all printed.
        relation: of each member.
        moved: people who moved in each cell.
    """
    place = np.flatnonzero(terms)
    cell = system.members[place]
    whole = place == system.starts[relation[place]]
    # Parts in which enough moved come first, smallest first; then the whole.
    rank = np.where(whole, 1, np.where(moved[cell] >= enough, 0, 2))
    order = np.lexsort((cell, system.values[cell], rank, relation[place]))
    _, first = np.unique(relation[place][order], return_index=True)
    return cell[order[first]]
