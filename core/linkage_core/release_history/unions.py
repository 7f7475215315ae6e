"""What a reader forms by taking printed parts from a whole, in two releases: it too may not differ by few people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linkage_core.release_history.movement import Incidence
from linkage_core.release_history.published_cells import Flags, Ints, Line, PublishedCells


@dataclass(frozen=True, slots=True)
class Known:
    """An earlier release beside the newest one.

    Args:
        current: cells whose number counted the people of that release.
        people: who differs between that release and the newest.
    """

    current: Flags
    people: Incidence


def thin_unions(cells: PublishedCells, values: Ints, *, hidden: Flags, known: Sequence[Known], enough: int) -> Flags:
    """Further cells to keep back, so that no implied union of hidden parts has moved by few people.

    The union of a line's hidden parts is known where its whole and all other parts are printed. A reader knows it
    in an earlier release if the same was so then, or if all the hidden parts were printed.

    Args:
        cells, values: the table now.
        hidden: cells that this release does not tell.
        known: the earlier releases.
        enough: so many different people, or nobody.

    Returns:
        One cell a thin union: the part with fewest persons in which enough people moved, else the whole.
    """
    more = np.zeros(cells.size, dtype=np.bool_)
    moved = [one.people.moved(cells.size) for one in known]
    for line in cells.lines():
        wholes, parts = line.wholes(), line.parts()
        inside = hidden[parts]
        told = ~hidden[wholes] & inside.any(axis=0)
        if not told.any():
            continue
        for one, there in zip(known, moved, strict=True):
            was = one.current
            outside_known = was[wholes] & np.where(inside, True, was[parts]).all(axis=0)
            suspect = told & (outside_known | np.where(inside, was[parts], True).all(axis=0))
            if not suspect.any():
                continue
            people = one.people.moved_in_unions(line, hidden)
            thin = np.flatnonzero(suspect & (people > 0) & (people < enough))
            if thin.size:
                more[_partners(line, values, hidden=hidden, moved=there, thin=thin, enough=enough)] = True
    return more


def _partners(line: Line, values: Ints, *, hidden: Flags, moved: Ints, thin: Ints, enough: int) -> Ints:
    """For each thin union the cell that, kept back too, makes it a union of more people."""
    parts = line.parts()[:, thin]
    fit = ~hidden[parts] & (moved[parts] >= enough)
    worth = np.where(fit, values[parts], np.iinfo(np.int64).max)
    best = parts[np.argmin(worth, axis=0), np.arange(thin.size)]
    return np.where(fit.any(axis=0), best, line.wholes()[thin])
