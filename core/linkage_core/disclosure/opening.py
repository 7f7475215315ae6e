"""Last step: blanks that turn out not to be needed are opened, the dearest first.

Blanks are chosen one target at a time; a later choice often makes an earlier one needless. A blank is opened only if
every proof that leaned on it is replaced by another one, so that what is promised of all other blanks still holds.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from linkage_core.disclosure.cell_system import CellSystem, Flags, Ints
from linkage_core.disclosure.evidence import Evidence
from linkage_core.disclosure.witnesses import ComponentProof

_HOPS = 4
_LARGEST_NEIGHBOURHOOD = 400
_MOST_SOLVED = 60_000
"""Cells in all programmes together: bounds the time, the same on every machine. What is dearest comes first."""


class Opening:
    """Tries to open blanks of a pattern that is proved."""

    def __init__(self, system: CellSystem, evidence: Evidence, *, furthest: int) -> None:
        self._system = system
        self._evidence = evidence
        self._furthest = furthest
        self._solved = 0
        shape = (system.remainder.size, system.values.size)
        self._matrix = sparse.csr_array((system.signs, system.members, system.starts), shape=shape)
        self._by_cell = sparse.csr_array(self._matrix.T)

    def run(self, blank: Flags) -> int:
        """Open what can be opened; returns how many cells.

        Args:
            blank: changed in place.
        """
        opened = 0
        for group in self._groups(blank):
            cells = group[blank[group]]
            if not cells.size or self._gives_away(cells, blank):
                continue
            blank[cells] = False
            if self._proved_without(cells, blank):
                opened += cells.size
                continue
            blank[cells] = True
            if self._solved >= _MOST_SOLVED:
                break
        return opened

    def _groups(self, blank: Flags) -> list[Ints]:
        """Cells that must be open together for a line to show, dearest first; none of them sensitive."""
        system = self._system
        pairs = system.pairs if system.pairs.size else np.repeat(np.flatnonzero(system.printed)[:, np.newaxis], 2, 1)
        open_or_needless = ~blank | (system.printed & ~system.sensitive)
        pairs = pairs[blank[pairs].any(axis=1) & open_or_needless[pairs].all(axis=1)]
        pairs = np.unique(np.sort(pairs, axis=1), axis=0)
        worth = np.where(blank, system.prices, 0.0)
        worth = np.where(pairs[:, 0] == pairs[:, 1], worth[pairs[:, 0]], worth[pairs].sum(axis=1))
        return [np.unique(pair) for pair in pairs[np.argsort(-worth, kind="stable")]]

    def _gives_away(self, cells: Ints, blank: Flags) -> bool:
        """Whether a total and its levels would be left with one blank: no solver is needed to say no."""
        system = self._system
        for row in np.unique(self._by_cell[cells].indices).tolist():
            members = system.members[system.starts[row] : system.starts[row + 1]]
            left = np.setdiff1d(members[blank[members]], cells)
            if not system.implied[row] and left.size == 1 and system.printed[left[0]]:
                return True
        return False

    def _proved_without(self, cells: Ints, blank: Flags) -> bool:
        """Whether all that leaned on these cells can be proved while they are open; forgets those proofs if so."""
        evidence = self._evidence
        leaning = evidence.forget(cells)
        targets = leaning.names[self._must_be_hidden(leaning.names, blank)]
        for target in targets.tolist():
            if evidence.unmet(np.array([target])).item():
                self._proof_around(target, blank).run(patient=True)
                if evidence.unmet(np.array([target])).item():
                    evidence.restore(leaning)
                    return False
        return True

    def _must_be_hidden(self, names: Ints, blank: Flags) -> Flags:
        """Which of these cells, and relations numbered after the cells, need a proof."""
        system, size = self._system, self._system.values.size
        hidden = np.concatenate([blank & (system.printed | system.sensitive), system.remainder_sensitive])
        assert hidden.size == size + system.remainder.size
        return hidden[names]

    def _proof_around(self, target: int, blank: Flags) -> ComponentProof:
        """The programme of the blanks near a target; all others stay put, so what it finds holds in the whole table."""
        size = self._system.values.size
        near = np.array([target]) if target < size else np.empty(0, dtype=np.int64)
        rows = self._by_cell[near].indices if target < size else np.array([target - size])
        for _ in range(_HOPS):
            members = np.unique(np.concatenate([near, self._matrix[np.unique(rows)].indices]))
            wider = members[blank[members]].astype(np.int64)
            if near.size and wider.size > _LARGEST_NEIGHBOURHOOD:
                break
            near = wider
            rows = self._by_cell[near].indices
        self._solved += near.size
        rows = np.unique(rows).astype(np.int64)
        matrix = sparse.csr_array(self._matrix[rows].tocsc()[:, near])
        return ComponentProof(
            self._system, near, rows, matrix, evidence=self._evidence, furthest=self._furthest, only=target
        )
