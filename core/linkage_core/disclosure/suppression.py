"""Which cells to leave blank: close, prove, repair, until each blank is proved to be hidden well enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linkage.errors import DisclosureRefused
from linkage_core.disclosure.boxes import BoxMoves, Grid
from linkage_core.disclosure.cell_system import CellSystem, Flags, Ints
from linkage_core.disclosure.components import components
from linkage_core.disclosure.evidence import Demand, Evidence
from linkage_core.disclosure.opening import Opening
from linkage_core.disclosure.repair import Repair
from linkage_core.disclosure.witnesses import ComponentProof

_MOST_ROUNDS = 60
_CHEAP_ATTEMPTS = 3
_LARGEST_PROVED_WHOLE = 1000


@dataclass(frozen=True, slots=True)
class Pattern:
    """What stays blank.

    Args:
        blank: unknown to the reader: suppressed, or never printed.
        suppressed: printed cells that stay blank.
        rounds: how often proof and repair ran.
        widened: cells whose whole relations were blanked because no cheaper way was found.
        opened: blanks that turned out not to be needed.
    """

    blank: Flags
    suppressed: Flags
    rounds: int
    widened: int
    opened: int


def suppress(
    system: CellSystem, demand: Demand, *, furthest: int, grids: Sequence[Grid] = (), cover: Flags | None = None
) -> Pattern:
    """Find a pattern in which every suppressed cell and every sensitive remainder is proved to be hidden.

    Args:
        system: cells and relations.
        demand: how well cells must be hidden.
        furthest: how far cells may move in proofs; larger finds more room and costs more time.
        grids: cubes in which boxes are looked for before a solver is asked.
        cover: cells that are blank to begin with, and proved to be hidden before others are looked for; opened if they
            turn out not to be needed. None for none.

    Raises:
        DisclosureRefused: no pattern was proved; nothing may be released.
    """
    return suppress_with_proof(system, demand, furthest=furthest, grids=grids, cover=cover)[0]


def suppress_with_proof(
    system: CellSystem, demand: Demand, *, furthest: int, grids: Sequence[Grid] = (), cover: Flags | None = None
) -> tuple[Pattern, Evidence]:
    """The pattern of `suppress`, and the moves by which every blank of it is proved; raises as it does."""
    work = _Suppression(system, demand, furthest, grids)
    if cover is not None:
        work.begin_with(cover)
    for rounds in range(1, _MOST_ROUNDS + 1):
        unproved = work.close_and_prove(patient=rounds > 1)
        if not unproved.size:
            opened = work.open_needless()
            blank = work.blank
            return Pattern(blank, blank & system.printed, rounds, work.widened, opened), work.evidence
        work.repair(unproved)
    raise DisclosureRefused(
        "No way was found to hide the small cells of this table well enough, so none of it is released.",
        mend="Order fewer or coarser strata.",
    )


class _Suppression:
    """The state of one search."""

    def __init__(self, system: CellSystem, demand: Demand, furthest: int, grids: Sequence[Grid]) -> None:
        self.blank = system.hidden_anyway
        self.widened = 0
        self._system = system
        self._demand = demand
        self._furthest = furthest
        self.evidence = Evidence(system, demand)
        self._boxes = BoxMoves(system, grids, self.evidence, furthest=furthest)
        self._repair = Repair(system, self.evidence, furthest=furthest)
        self._attempts: dict[int, int] = {}

    def close_and_prove(self, *, patient: bool) -> Ints:
        """Widen the pattern where a relation gives it away; return the targets that still resist proof."""
        before = -1
        while before != np.count_nonzero(self.blank):
            before = int(np.count_nonzero(self.blank))
            self.blank = self._system.unseen(self.blank)
            self._boxes.hide(self._unmet(), self.blank)
        return self._prove(patient=patient)

    def begin_with(self, cover: Flags) -> None:
        """Blank these cells and prove what they prove."""
        self.blank = self._system.unseen(self.blank | cover)
        self._prove(patient=True)

    def _prove(self, *, patient: bool) -> Ints:
        """Look for proofs of the blanks that there are; return the targets that resist."""
        for cells, rows, matrix in components(self._system, self.blank, self._unmet()):
            if cells.size > _LARGEST_PROVED_WHOLE:
                continue  # a neighbourhood at a time, by repair, is faster
            proof = ComponentProof(self._system, cells, rows, matrix, evidence=self.evidence, furthest=self._furthest)
            proof.run(patient=patient)
        return self._unmet()

    def open_needless(self) -> int:
        """Open blanks that the proofs can do without; returns how many.

        Raises:
            AssertionError: something is not proved any more, which cannot be.
        """
        opened = Opening(self._system, self.evidence, furthest=self._furthest).run(self.blank)
        assert not self._unmet().size, "a blank was opened that a proof needs"
        return opened

    def repair(self, unproved: Ints) -> None:
        """Blank further cells for each target, more of them with each attempt."""
        for target in unproved.tolist():
            attempt = self._attempts[target] = self._attempts.get(target, 0) + 1
            if attempt > _CHEAP_ATTEMPTS:
                self.widened += 1
                self.blank[self._repair.whole_relations(target, self.blank, hops=attempt - _CHEAP_ATTEMPTS)] = True
                continue
            for change in self._changes_wanted(target):
                self.blank[self._repair.partners(target, change, self.blank, hops=2 * attempt)] = True

    def _unmet(self) -> Ints:
        """What must be hidden and is not proved to be: cells, and relations numbered after the cells."""
        system = self._system
        needy = np.flatnonzero(self.blank & (system.printed | system.sensitive))
        guarded = np.flatnonzero(system.remainder_sensitive) + system.values.size
        targets = np.concatenate([needy, guarded])
        return targets[self.evidence.unmet(targets)]

    def _changes_wanted(self, target: int) -> list[int]:
        """Changes that would prove the target, those already proved left out."""
        name = np.array([target])
        evidence, cells = self.evidence, self._system.values.size
        wanted = {evidence.missing_rise(name).item()}
        if evidence.short_of_candidates(name).item():
            lowest = self._system.at_least[target] if target < cells else 0
            wanted |= {1, -1} if evidence.truth[target] > lowest else {1, 2}
        if (span := int(evidence.spans[target])) > evidence.high[target] - evidence.low[target]:
            wanted.add(span)
        return sorted(wanted - {0}, key=lambda change: (-abs(change), change))
