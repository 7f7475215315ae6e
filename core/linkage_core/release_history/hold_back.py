"""The next release of a table of persons: which cells are counted anew, which keep an old number, which stay blank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import DisclosureRefused
from linkage_core.disclosure.boxes import Grid
from linkage_core.disclosure.cell_system import CellSystem, Floats
from linkage_core.disclosure.evidence import Demand, Evidence
from linkage_core.disclosure.suppression import suppress_with_proof
from linkage_core.release_history.cover import cheapest_cover
from linkage_core.release_history.movement import Incidence
from linkage_core.release_history.pace import too_early
from linkage_core.release_history.printed import Printed
from linkage_core.release_history.published_cells import Flags, Ints
from linkage_core.release_history.unions import Known, thin_relations, thin_unions

_MOST_ROUNDS = 40
_FRESH_NOW, _FRESH, _STALE, _STILL_BLANK = 100, 30, 10, 1
"""What it costs to hold back a number in which enough people moved this time, enough since it was counted, too few; and
to leave blank what has always been."""
_DEARNESS = np.array([3.0, 1.5, 1.0])
"""Of a grand total, of the margin of one stratum, of what is crossed further."""


@dataclass(frozen=True, slots=True)
class Next:
    """What the next release says.

    Args:
        printed: the release.
        sensitive: blank for a primary rule: few persons are counted, say.
        held: keeps an old number, because few people moved in it or to hide where few did.
        moved: different people who moved in each cell since its number was counted; 0 where it has none.
        still: nobody has moved since the number was counted, so that it is told as it was.
        evidence: the moves that prove what is not counted anew; None where the release before it is repeated.
    """

    printed: Printed
    sensitive: Flags
    held: Flags
    moved: Ints
    still: Flags
    evidence: Evidence | None = None


def hold_back(
    system: CellSystem,
    *,
    earlier: Sequence[Printed],
    since: Sequence[Incidence],
    kinds: Ints,
    grids: Sequence[Grid],
    policy: DisclosurePolicy,
    closed: Flags | None = None,
) -> Next:
    """Decide what a release may say beside all earlier ones.

    A cell is counted anew only if, since each release in which its number was counted, nobody or at least
    `minimum_cell` different people have moved in it (joined or left; one in and one out are two), and not before
    `expected_moves` are to be expected in a cell of its size and kind. Blanks stay blank until `minimum_cell` have
    moved since each release that had them blank. Nor may few have moved in what a reader forms by adding and
    subtracting the printed cells of one relation. What is not counted anew is proved to be unknown in the table of
    this release as small cells are, with cells in which nobody moved taken as known there.

    Args:
        system: the table of this release, protected by itself: what the primary rules forbid is sensitive.
        earlier: what was printed, by the cells of `system`; empty for the first release. Of two that printed another
            number of a cell the later one's is kept.
        since: how each of them differs from this release.
        kinds: the same number for cells of one set of persons, crossed with the same strata.
        grids: cubes of the system, in which moves are looked for first.
        policy: the rules.
        closed: cells that are not counted anew whoever moved; none if left out.

    Where no pattern is proved, the release repeats the one before it.

    Raises:
        DisclosureRefused: no pattern was proved to be safe for the first release: nothing may leave.
    """
    past = _Past(system, earlier, since, enough=policy.minimum_cell)
    if not earlier:
        pattern, proofs = suppress_with_proof(
            system, _demand(system, policy), furthest=3 * policy.minimum_cell, grids=grids
        )
        return _print(system, pattern.blank, past=past, evidence=proofs)
    keep = past.held | past.stuck | (past.too_early(system, kinds, expected=policy.expected_moves) & system.printed)
    if closed is not None:
        keep |= closed & system.printed
    for forced in (keep, keep | (earlier[-1].blank & system.printed)):
        try:
            return _decide(system, forced=forced, past=past, grids=grids, policy=policy)
        except DisclosureRefused:
            continue
    # Nothing new is told, which is safe whatever happened.
    blank = earlier[-1].blank
    kept = Printed(past.value, np.where(blank, -1, past.as_of), past.still & ~blank, blank)
    return Next(kept, np.zeros_like(blank), ~blank, past.moved, kept.current)


def _decide(system: CellSystem, *, forced: Flags, past: _Past, grids: Sequence[Grid], policy: DisclosurePolicy) -> Next:
    """Hide what must be hidden until neither a cell nor an implied sum tells of few people.

    Raises:
        DisclosureRefused: no such pattern was proved.
    """
    prices, enough = past.prices(system), policy.minimum_cell
    for _ in range(_MOST_ROUNDS):
        beside = _beside(system, forced=forced, past=past, prices=prices, policy=policy)
        cover = cheapest_cover(beside, hidden=beside.hidden_anyway, prices=prices, known=past.known, enough=enough)
        pattern, proofs = suppress_with_proof(
            beside, _demand(system, policy), furthest=3 * enough, grids=grids, cover=cover
        )
        hidden = pattern.blank
        thin = thin_relations(system, hidden=hidden, known=past.known, enough=enough)
        if not thin.any():
            return _print(system, hidden, past=past, evidence=proofs)
        # No proof needs what was opened again, though a sum does.
        more = system.in_relations(thin) & cover & ~hidden
        if not more.any():
            more = thin_unions(system, hidden=hidden, known=past.known, enough=enough)
        forced = forced | more
    raise DisclosureRefused(
        "No way was found to keep the few people who moved since earlier releases hidden.",
        mend="Release again when more people have moved, or with coarser strata.",
    )


class _Past:
    """What the earlier releases demand of the next one."""

    def __init__(
        self, system: CellSystem, earlier: Sequence[Printed], since: Sequence[Incidence], *, enough: int
    ) -> None:
        size = system.values.size
        self.value = np.zeros(size, dtype=np.int64)
        self.as_of = np.full(size, -1, dtype=np.int64)
        self.held = np.zeros(size, dtype=np.bool_)
        self.stuck = np.zeros(size, dtype=np.bool_)
        self.known: list[Known] = []
        self.moved = np.zeros(size, dtype=np.int64)
        self._enough = enough
        self._moved_now = self.moved
        self._was_blank = np.zeros(size, dtype=np.bool_)
        self._moved_since = [people.moved(size) for people in since]
        for number, (release, people, moved) in enumerate(zip(earlier, since, self._moved_since, strict=True)):
            few = (moved > 0) & (moved < enough)
            self.held |= few & (release.as_of == number)
            self.stuck |= release.blank & (moved < enough) & system.printed
            self.known.append(Known(release.current, people))
            self._moved_now = moved
            self._was_blank |= release.blank
            self.value = np.where(release.blank, self.value, release.value)
            self.as_of = np.where(release.blank, self.as_of, release.as_of)
        for number, moved in enumerate(self._moved_since):
            self.moved = np.where(self.as_of == number, moved, self.moved)
        # A reader may guess that nobody moved, and is right: such a cell hides nothing.
        self.still = (self.as_of >= 0) & (self.moved == 0) & ~self.stuck

    def too_early(self, system: CellSystem, kinds: Ints, *, expected: int) -> Flags:
        """Cells that have to wait though enough people moved in them."""
        return too_early(
            values=system.values,
            kinds=kinds,
            said=self.value,
            as_of=self.as_of,
            moved_since=self._moved_since,
            expected=expected,
        )

    def prices(self, system: CellSystem) -> Floats:
        """What it costs to hold back each cell: by how new its number could be, little by how many people it counts."""
        price = np.where(self._moved_now >= self._enough, _FRESH_NOW, _FRESH)
        price = np.where((self.as_of >= 0) & (self.moved < self._enough), _STALE, price)
        price = np.where(self._was_blank & (self.as_of < 0), _STILL_BLANK, price)
        dearness = _DEARNESS[np.minimum(system.strata, _DEARNESS.size - 1)]
        return np.asarray(dearness * system.uses * (price + np.log2(system.values + 2.0)))


def _demand(system: CellSystem, policy: DisclosurePolicy) -> Demand:
    return Demand(policy.minimum_candidates, np.zeros(system.values.size, dtype=np.int64))


def _beside(system: CellSystem, *, forced: Flags, past: _Past, prices: Floats, policy: DisclosurePolicy) -> CellSystem:
    """The problem of this release: few people may be told neither of it nor of how it differs from earlier ones."""
    # A number that is kept tells that few may have moved, up or down, so also that nobody may be left.
    least = np.minimum(system.at_least, np.maximum(0, past.value - policy.minimum_cell))
    lowest = np.where(forced & (past.as_of >= 0), least, system.at_least)
    # What stays blank because it was may have become empty, whatever blanks are in a single table.
    lowest = np.where(forced, np.minimum(lowest, system.values), lowest)
    lowest = np.where(past.still, system.values + 1, lowest)
    sensitive = system.sensitive & ~past.still
    return replace(
        system,
        at_least=lowest,
        sensitive=sensitive | forced,
        reach=np.where(sensitive, system.reach, 0),
        own_prices=prices,
    )


def _print(system: CellSystem, hidden: Flags, *, past: _Past, evidence: Evidence) -> Next:
    """Old numbers stand where there are any; old blanks, and what a primary rule forbids, are blank."""
    number = len(past.known)
    primary = system.sensitive & ~past.held & ~past.still
    held = hidden & (past.as_of >= 0) & ~past.stuck & ~primary
    blank = hidden & ~held
    anew = ~hidden & ~past.still
    as_of = np.where(blank, -1, np.where(anew, number, past.as_of))
    value = np.where(anew, system.values, np.where(blank, 0, past.value))
    moved = np.where(past.as_of >= 0, past.moved, 0)
    return Next(Printed(value, as_of, ~hidden, blank), blank & primary, held, moved, past.still & ~hidden, evidence)
