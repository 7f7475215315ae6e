"""When a number of persons is old enough to be counted anew, decided by how many move among all cells of its kind.

Were a cell counted anew as soon as enough people had moved in it, its new number would come in the very month in which
one more moved: who knows that somebody left in that month would find her cell among those with a new number. So the
time is set by the size of the cell and by the movement in all cells of its kind together, to which one person adds
nothing that tells her cell. The window is long enough that the change of the number says little of each who moved.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from linkage_core.release_history.published_cells import Flags, Ints

_SURELY = 2
"""So many times the expected number must have moved in a cell that changes faster than its kind."""


def too_early(
    *, values: Ints, kinds: Ints, said: Ints, as_of: Ints, moved_since: Sequence[Ints], expected: int
) -> Flags:
    """Cells whose number is too young to be counted anew; arrays are flat, one entry a cell.

    Args:
        values: persons now.
        kinds: a number for each set of persons and the strata that it is crossed with.
        said: the number that stands.
        as_of: the release that it is of, -1 where there is none.
        moved_since: for each earlier release the different people who moved in each cell since.
        expected: so many people are to be expected to have moved in a cell of this size, by the people who moved in all
            cells of its kind; 0 lets every cell be counted anew. Twice as many who moved in fact are enough too: a
            cell that was empty, say, has no size to go by.

    Returns:
        The cells in which somebody moved and that have to wait; none that is blank, in which nobody moved, or that is
        the only one of its kind: there is no other cell that somebody could have left.
    """
    early = np.zeros(values.size, dtype=np.bool_)
    persons = np.bincount(kinds, values)
    several = np.bincount(kinds)[kinds] > 1
    for number, moved in enumerate(moved_since):
        of_kind = np.bincount(kinds, moved)[kinds]
        # Expected in a cell are its share of who moved in the kind; multiplied out, for there may be nobody in it.
        waits = (of_kind * said < expected * persons[kinds]) & (moved < _SURELY * expected)
        early |= (as_of == number) & (moved > 0) & several & waits
    return early
