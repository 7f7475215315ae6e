"""What earlier releases of nearly the same people forbid a release to tell, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from linkage_client.certificate_check.dimensions import Ints
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.movement import Apart
from linkage_client.certificate_check.rules import Flags
from linkage_client.certificate_check.said import Said


def check_few(said: Sequence[Said], since: Sequence[Apart], threshold: int, where: str) -> None:
    """Check that no cell differs by few people from an earlier release that told of it.

    Args:
        said: what each release said, the one that is checked last.
        since: by whom each of the others differs from it.
        threshold: so many people, or nobody.
        where: the file, for the message.

    Raises:
        CheckFailed: a cell is counted anew, or printed again, too early.
    """
    now = said[-1]
    for was, apart in zip(said, since, strict=False):
        moved = apart.moved(now.as_of.size)
        if np.any((now.as_of == len(since)) & was.current & (moved > 0) & (moved < threshold)):
            raise CheckFailed(f"{where}: a cell is counted anew in which few people moved since it was counted")
    if np.any(waiting(said, since, threshold) & ~now.blank):
        raise CheckFailed(f"{where}: a cell is printed in which few people moved since it was blank")


def waiting(said: Sequence[Said], since: Sequence[Apart], threshold: int) -> Flags:
    """Cells that were blank, and in which few people moved since, or nobody."""
    waits = np.zeros(said[-1].as_of.size, dtype=np.bool_)
    for was, apart in zip(said, since, strict=False):
        waits |= was.blank & (apart.moved(waits.size) < threshold)
    return waits


def lowest_possible(
    now: Said, counts: Ints, *, printed: Ints, waits: Flags, lowest: Ints | int, threshold: int
) -> Ints:
    """The smallest number that a reader holds possible for each cell that is not told of this release.

    Args:
        now: what it says.
        counts: true counts, flat.
        printed: numbers as they are printed.
        waits: as `waiting` found.
        lowest: the smallest number of a blank in a table that stands alone.
        threshold: counts below it are small.
    """
    # What waits for people to move may have become empty meanwhile, and nobody sees it.
    emptied = waits | (~now.blank & (printed <= threshold))
    return np.where(emptied, 0, np.minimum(lowest, counts))
