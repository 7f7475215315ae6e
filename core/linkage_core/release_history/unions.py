"""What a reader forms by adding and subtracting the printed cells of one relation, in two releases.

It too may not differ by few people.
"""

from __future__ import annotations

from collections.abc import Sequence
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

    Whole minus the printed parts is how many are in the hidden ones; where the whole is hidden, the printed parts are
    a union by themselves. A reader knows the same sum of an earlier release if all its terms were known then, or if
    all that is hidden now was.

    Args:
        system: the cells and relations now.
        hidden: cells that this release does not tell.
        known: the earlier releases.
        enough: so many different people, or nobody.

    Returns:
        One cell a thin sum: the part with fewest persons in which enough people moved, else the whole.
    """
    more = np.zeros(hidden.size, dtype=np.bool_)
    lengths = np.diff(system.starts)
    if not lengths.size:
        return more
    relation = np.repeat(np.arange(lengths.size), lengths)
    members, signs = system.members, system.signs
    inside = hidden[members]
    leaves_some = np.logical_or.reduceat(inside, system.starts[:-1]) | system.implied
    for one in known:
        was = one.current[members]
        printed_were_known = np.logical_and.reduceat(inside | was, system.starts[:-1])
        hidden_were_known = np.logical_and.reduceat(~inside | was, system.starts[:-1]) & ~system.implied
        suspect = leaves_some & (printed_were_known | hidden_were_known)
        terms = suspect[relation] & ~inside
        if not terms.any():
            continue
        people = one.people.moved_in_sums(relation[terms], members[terms], signs[terms], groups=lengths.size)
        thin = (people > 0) & (people < enough)
        if thin.any():
            moved = one.people.moved(hidden.size)
            more[_partners(system, terms & thin[relation], relation, moved=moved, enough=enough)] = True
    return more


def _partners(system: CellSystem, terms: Flags, relation: Ints, *, moved: Ints, enough: int) -> Ints:
    """For each thin sum the cell that, kept back too, makes it one of more people.

    Args:
        terms: the members that the thin sums consist of.
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
