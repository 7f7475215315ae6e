"""The largest contributors of each cell of a table of sums."""

from __future__ import annotations

import numpy as np

from linkage_core.perturbation.noise_table import Ints, Keys


def largest_contributors(
    cells: Ints, who: Ints, amounts: Ints, keys: Keys, *, size: int, most: int
) -> tuple[Ints, Keys]:
    """What the largest contributors of each cell gave, and their record keys; both cells by contributors.

    Of two that gave as much the one with the greater key comes first, so that the order of rows does not matter.

    Args:
        cells, who, amounts: cell, contributor (a position in `keys`) and amount of each row; rows of one add up.
        keys: record keys.
        size: the number of cells.
        most: so many contributors are told; the amount is 0 where there are fewer.
    """
    pairs, row = np.unique(cells * keys.size + who, return_inverse=True)
    given = np.zeros(pairs.size, dtype=np.int64)
    np.add.at(given, row, amounts)
    cell, giver = np.divmod(pairs, max(keys.size, 1))
    order = np.lexsort((~keys[giver], -np.abs(given), cell))
    cell, giver, given = cell[order], giver[order], given[order]
    starts = np.searchsorted(cell, np.arange(size))
    place = np.arange(cell.size) - starts[cell]
    told = place < most
    largest, their_keys = np.zeros((size, most), np.int64), np.zeros((size, most), np.uint64)
    largest[cell[told], place[told]] = given[told]
    their_keys[cell[told], place[told]] = keys[giver[told]]
    return largest, their_keys
