"""The next release of a table of persons: which cells are counted anew, which keep an old number, which stay blank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import DisclosureRefused
from linkage_core.disclosure.cell_system import CellSystem
from linkage_core.disclosure.evidence import Demand
from linkage_core.disclosure.person_cells import is_small
from linkage_core.disclosure.suppression import suppress
from linkage_core.release_history.as_system import as_system, grids_of
from linkage_core.release_history.movement import Incidence, Moves
from linkage_core.release_history.printed import Printed
from linkage_core.release_history.published_cells import Flags, Ints, PublishedCells
from linkage_core.release_history.unions import Known, thin_unions

_MOST_ROUNDS = 40


@dataclass(frozen=True, slots=True)
class Next:
    """What the next release says.

    Args:
        printed: the release.
        sensitive: blank for a primary rule: few persons are counted, say.
        held: keeps an old number, because few people moved in it or to hide where few did.
        moved: different people who moved in each cell since its number was counted; 0 where it has none.
    """

    printed: Printed
    sensitive: Flags
    held: Flags
    moved: Ints


def next_release(
    cells: PublishedCells,
    values: Ints,
    *,
    sensitive: Flags,
    earlier: Sequence[Printed],
    moves: Moves,
    policy: DisclosurePolicy,
) -> Next:
    """Decide what a release may say beside all earlier ones.

    A cell is counted anew only if, since each release in which its number was counted, nobody or at least
    `minimum_cell` different people have moved in it (joined or left; one in and one out are two). Blanks stay blank
    until as many have moved since each release that had them blank. The same holds for what a reader forms by taking
    the printed parts of a line from its whole. What is not counted anew is proved to be unknown in the table of this
    release as small cells are, with cells in which nobody moved taken as known.

    Args:
        cells: the table's shape.
        values: persons of each published cell now, flat.
        sensitive: cells that the primary rules forbid to print now: small ones among others.
        earlier: what was printed, oldest first; empty for the first release.
        moves: all movements since the first release; those of this one have release number `len(earlier)`.
        policy: the rules.

    Where no pattern is proved, the release repeats the one before it.

    Raises:
        DisclosureRefused: no pattern was proved to be safe for the first release: nothing may leave.
        InputRefused: the moves contradict each other.
    """
    past = _Past(cells, earlier, moves, enough=policy.minimum_cell)
    if not earlier:
        return _decide(cells, values, sensitive=sensitive, forced=past.stuck, past=past, policy=policy)
    for forced in (past.held | past.stuck, past.held | past.stuck | earlier[-1].blank):
        try:
            return _decide(cells, values, sensitive=sensitive, forced=forced, past=past, policy=policy)
        except DisclosureRefused:
            continue
    # Nothing new is told, which is safe whatever happened.
    blank = earlier[-1].blank
    kept = Printed(past.value, np.where(blank, -1, past.as_of), past.still & ~blank, blank)
    return Next(kept, np.zeros_like(blank), ~blank, past.moved)


def _decide(
    cells: PublishedCells, values: Ints, *, sensitive: Flags, forced: Flags, past: _Past, policy: DisclosurePolicy
) -> Next:
    """Hide what must be hidden until neither a cell nor an implied union tells of few people.

    Raises:
        DisclosureRefused: no such pattern was proved.
    """
    for _ in range(_MOST_ROUNDS):
        hidden = _hide(cells, values, sensitive=sensitive, forced=forced, past=past, policy=policy)
        thin = thin_unions(cells, values, hidden=hidden, known=past.known, enough=policy.minimum_cell)
        if not thin.any():
            return _print(values, hidden, sensitive=sensitive, past=past)
        forced = forced | thin
    raise DisclosureRefused(
        "No way was found to keep the few people who moved since earlier releases hidden.",
        mend="Release again when more people have moved, or with coarser strata.",
    )


class _Past:
    """What the earlier releases demand of the next one."""

    def __init__(self, cells: PublishedCells, earlier: Sequence[Printed], moves: Moves, *, enough: int) -> None:
        size = cells.size
        self.value = np.zeros(size, dtype=np.int64)
        self.as_of = np.full(size, -1, dtype=np.int64)
        self.held = np.zeros(size, dtype=np.bool_)
        self.stuck = np.zeros(size, dtype=np.bool_)
        self.known: list[Known] = []
        self.moved = np.zeros(size, dtype=np.int64)
        moved_since: list[Ints] = []
        for number, release in enumerate(earlier):
            people: Incidence = moves.since(number).incidence(cells)
            moved = people.moved(size)
            moved_since.append(moved)
            few = (moved > 0) & (moved < enough)
            self.held |= few & (release.as_of == number)
            self.stuck |= release.blank & (moved < enough)
            self.known.append(Known(release.current, people))
            self.value = np.where(release.blank, self.value, release.value)
            self.as_of = np.where(release.blank, self.as_of, release.as_of)
        for number, moved in enumerate(moved_since):
            self.moved = np.where(self.as_of == number, moved, self.moved)
        # A reader may guess that nobody moved, and is right: such a cell hides nothing.
        self.still = (self.as_of >= 0) & (self.moved == 0) & ~self.stuck


def _hide(
    cells: PublishedCells, values: Ints, *, sensitive: Flags, forced: Flags, past: _Past, policy: DisclosurePolicy
) -> Flags:
    """Cells of which this release's people must not be told, cover included."""
    lowest = np.full(values.size, int(policy.zero_shown), dtype=np.int64)
    # A number that is kept tells that few may have moved, up or down, so also that nobody may be left.
    lowest = np.where(
        forced & (past.as_of >= 0), np.minimum(lowest, np.maximum(0, past.value - policy.minimum_cell)), lowest
    )
    lowest = np.where(past.still, values + 1, lowest)
    sensitive = sensitive & ~past.still
    small = sensitive & is_small(values, policy)
    reach = np.where(small, policy.minimum_cell if policy.reach_threshold else 0, 0)
    system: CellSystem = as_system(cells, values=values, sensitive=sensitive | forced, at_least=lowest, reach=reach)
    demand = Demand(policy.minimum_candidates, np.zeros(values.size, dtype=np.int64))
    return suppress(system, demand, furthest=3 * policy.minimum_cell, grids=grids_of(cells)).suppressed


def _print(values: Ints, hidden: Flags, *, sensitive: Flags, past: _Past) -> Next:
    """Old numbers stand where there are any; old blanks, and what a primary rule forbids, are blank."""
    number = len(past.known)
    primary = sensitive & ~past.held & ~past.still
    held = hidden & (past.as_of >= 0) & ~past.stuck & ~primary
    blank = hidden & ~held
    anew = ~hidden & ~past.still
    as_of = np.where(blank, -1, np.where(anew, number, past.as_of))
    value = np.where(anew, values, np.where(blank, 0, past.value))
    moved = np.where(past.as_of >= 0, past.moved, 0)
    return Next(Printed(value, as_of, ~hidden, blank), blank & primary, held, moved)
