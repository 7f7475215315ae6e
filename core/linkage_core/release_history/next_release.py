"""The next release of a table with all its totals, of people who each stand in one leaf cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy
from linkage_core.disclosure.person_cells import is_small
from linkage_core.release_history.as_system import as_system, grids_of
from linkage_core.release_history.hold_back import Next, hold_back
from linkage_core.release_history.movement import Moves
from linkage_core.release_history.printed import Printed
from linkage_core.release_history.published_cells import Flags, Ints, PublishedCells


def next_release(
    cells: PublishedCells,
    values: Ints,
    *,
    sensitive: Flags,
    earlier: Sequence[Printed],
    moves: Moves,
    policy: DisclosurePolicy,
) -> Next:
    """Decide what a release may say beside all earlier ones, as `hold_back` does.

    Args:
        cells: the table's shape.
        values: persons of each published cell now, flat.
        sensitive: cells that the primary rules forbid to print now: small ones among others.
        earlier: what was printed, oldest first; empty for the first release.
        moves: all movements since the first release; those of this one have release number `len(earlier)`.
        policy: the rules.

    Raises:
        DisclosureRefused: no pattern was proved to be safe for the first release: nothing may leave.
        InputRefused: the moves contradict each other.
    """
    threshold = policy.minimum_cell if policy.reach_threshold else 0
    system = as_system(
        cells,
        values=values,
        sensitive=sensitive,
        at_least=np.full(values.size, int(policy.zero_shown), dtype=np.int64),
        reach=np.where(sensitive & is_small(values, policy), threshold, 0),
    )
    since = [moves.since(number).incidence(cells) for number in range(len(earlier))]
    return hold_back(system, earlier=earlier, since=since, kinds=cells.kinds(), grids=grids_of(cells), policy=policy)
