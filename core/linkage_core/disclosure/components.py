"""Blanks fall apart into groups that do not influence each other; each is proved by itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from linkage_core.disclosure.cell_system import CellSystem, Flags, Ints


def components(system: CellSystem, blank: Flags, targets: Ints) -> Iterator[tuple[Ints, Ints, sparse.csr_array]]:
    """Yield groups of connected blanks that hold a target: (cells, relations, signs of relations x cells).

    Args:
        system: cells and relations.
        blank: cells unknown to a reader.
        targets: cells, and relations numbered after the cells.
    """
    cells, rows = system.values.size, system.remainder.size
    keep = blank[system.members]
    row_of = np.repeat(np.arange(rows), np.diff(system.starts))[keep]
    members = system.members[keep]
    signs = sparse.csr_array((system.signs[keep], (row_of, members)), shape=(rows, cells))
    signs.sort_indices()
    everything = cells + rows
    links = sparse.csr_array((np.ones(members.size), (members, row_of + cells)), shape=(everything, everything))
    _, label = csgraph.connected_components(links, directed=False)
    blanks = np.flatnonzero(blank)
    by_cell = blanks[np.argsort(label[blanks], kind="stable")]
    by_row = np.argsort(label[cells:], kind="stable")
    cell_labels, row_labels = label[by_cell], label[cells:][by_row]
    place = np.zeros(cells, dtype=np.int64)
    for one in np.unique(label[targets]).tolist():
        mine = by_cell[slice(*np.searchsorted(cell_labels, [one, one + 1]))].astype(np.int64)
        if not mine.size:
            continue  # a relation without blanks: nothing there can move
        its_rows = by_row[slice(*np.searchsorted(row_labels, [one, one + 1]))].astype(np.int64)
        place[mine] = np.arange(mine.size)
        part = signs[its_rows]
        matrix = sparse.csr_array((part.data, place[part.indices], part.indptr), shape=(its_rows.size, mine.size))
        yield mine, its_rows, matrix
