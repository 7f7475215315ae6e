"""What one release printed, cell by cell, and which of it was true on that day."""

from __future__ import annotations

from dataclasses import dataclass

from linkage_core.release_history.published_cells import Flags, Ints


@dataclass(frozen=True, slots=True)
class Printed:
    """One release; arrays have one entry a published cell.

    Args:
        value: the number printed; any number where `blank`.
        as_of: the release whose people the number counts; -1 where `blank`.
        current: the number counts the people of this release too: it was counted anew, or nobody has moved since.
        blank: nothing was printed.
    """

    value: Ints
    as_of: Ints
    current: Flags
    blank: Flags
