"""What contributors learn who know what they give themselves, alone or two who pool it.

An insider knows that no cell is smaller than their own part of it, and knows a cell exactly that nobody else gives to.
Under that knowledge each sensitive sum must still be held possible so far up that the largest other contributor is not
estimated to within p per cent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np

from linkage_core.disclosure.cell_system import CellSystem, Flags, Ints
from linkage_core.disclosure.components import components
from linkage_core.disclosure.evidence import Demand, Evidence, Move
from linkage_core.disclosure.primary_rules import Contributions
from linkage_core.disclosure.sum_witnesses import KeptMoves
from linkage_core.disclosure.witnesses import ComponentProof

Coalition = tuple[int, ...]
Wanted = dict[Coalition, dict[int, int]]
"""By coalition, the sums that it must hold possible further up than they are, and how far."""

_MOST_MOVES = 60

_LARGEST_IN_PAIRS = 5
"""Pairs are made of so many of the largest contributors of a cell: smaller ones need less room than these do."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a coalition knows.

    Args:
        cells: that it gives to, ascending.
        own: how much.
        alone: whether nobody else gives to the cell.
    """

    cells: Ints
    own: Ints
    alone: Flags

    def least(self, system: CellSystem) -> Ints:
        """What it knows each cell of the table to be at least: one more than the value marks a cell as known.

        Its own part says nothing of a cell where others may be negative.
        """
        least = system.at_least.copy()
        known = least[self.cells]
        least[self.cells] = np.where(known >= 0, np.maximum(known, self.own), known)
        least[self.cells[self.alone]] = system.values[self.cells[self.alone]] + 1
        return least


@dataclass(frozen=True)
class Insiders:
    """Who could pool what they know.

    Args:
        cell, contributor, amount: one row a cell and contributor, what they give added up, ordered by cell.
        cells: number of cells.
        p_percent: how closely nobody may be estimated.
        coalition: how many pool what they know, 1 or 2.
    """

    cell: Ints
    contributor: Ints
    amount: Ints
    cells: int
    p_percent: int
    coalition: int

    @classmethod
    def of(cls, given: Contributions, *, cells: int, p_percent: int, coalition: int) -> Insiders:
        """Add up the rows of each contributor and cell."""
        order = np.lexsort((given.contributor, given.cell))
        cell, who, amount = given.cell[order], given.contributor[order], given.amount[order]
        first = np.ones(cell.size, dtype=np.bool_)
        first[1:] = (cell[1:] != cell[:-1]) | (who[1:] != who[:-1])
        starts = np.flatnonzero(first)
        added = np.add.reduceat(amount, starts) if starts.size else amount
        return cls(cell[starts], who[starts], added, cells, p_percent, coalition)

    def parts(self, cell: int) -> dict[int, int]:
        """What each contributor gives to a cell."""
        rows = slice(*np.searchsorted(self.cell, [cell, cell + 1]))
        return dict(zip(self.contributor[rows].tolist(), self.amount[rows].tolist(), strict=True))

    def wanted(self, blank: Flags, targets: Ints) -> Wanted:
        """What coalitions must be kept from, the largest contributors and those who are alone in a blank first of all.

        Args:
            blank: cells unknown to a reader.
            targets: sensitive sums.
        """
        found: Wanted = {}
        inside, knowing = self.of_blanks(blank)
        for target in targets.tolist():
            for coalition, room in self.against(target, inside, knowing).items():
                found.setdefault(coalition, {})[target] = room
        return found

    def against(self, target: int, inside: list[int], knowing: list[int]) -> dict[Coalition, int]:
        """Coalitions that must hold a target possible further up than it is, and how far.

        Args:
            target: a sensitive sum.
            inside: contributors to any blank.
            knowing: contributors to a blank that nobody else gives to.
        """
        sizes = {who: abs(amount) for who, amount in self.parts(target).items()}
        coalitions: list[Coalition] = [(one,) for one in (inside if self.needed(sizes, ()) else sizes)]
        if self.coalition > 1:
            largest = sorted(sizes, key=lambda who: -sizes[who])[:_LARGEST_IN_PAIRS]
            coalitions += combinations(sorted({*largest, *knowing}), 2)
        needed = {one: self.needed(sizes, one) for one in coalitions}
        return {one: room for one, room in needed.items() if room > 0}

    def of_blanks(self, blank: Flags) -> tuple[list[int], list[int]]:
        """Contributors to any blank, and those who are alone in one."""
        inside = blank[self.cell]
        alone = inside & (self._givers[self.cell] == 1)
        return np.unique(self.contributor[inside]).tolist(), np.unique(self.contributor[alone]).tolist()

    def knowledge(self, coalition: Coalition) -> Knowledge:
        """What a coalition knows of the cells that it gives to."""
        rows = np.concatenate([self._rows_of(one) for one in coalition])
        cells, place, members = np.unique(self.cell[rows], return_inverse=True, return_counts=True)
        own = np.zeros(cells.size, dtype=np.int64)
        np.add.at(own, place, self.amount[rows])
        return Knowledge(cells, own, members == self._givers[cells])

    def needed(self, sizes: dict[int, int], coalition: Coalition) -> int:
        """How far above its truth a coalition must hold a sum possible, of whose contributors we know the sizes."""
        others = [size for who, size in sizes.items() if who not in coalition]
        if not others:
            return 0
        largest = max(others)
        return -(-self.p_percent * largest // 100) - (sum(others) - largest)

    @cached_property
    def everybody(self) -> set[int]:
        """All contributors."""
        return set(self.contributor.tolist())

    @cached_property
    def _givers(self) -> Ints:
        return np.bincount(self.cell, minlength=self.cells).astype(np.int64)

    @cached_property
    def _by_contributor(self) -> tuple[Ints, Ints]:
        order = np.argsort(self.contributor, kind="stable")
        return order, self.contributor[order]

    def _rows_of(self, who: int) -> Ints:
        order, sorted_ = self._by_contributor
        rows: Ints = order[slice(*np.searchsorted(sorted_, [who, who + 1]))]
        return rows


def breached(
    system: CellSystem, blank: Flags, wanted: Wanted, insiders: Insiders, kept: KeptMoves
) -> Iterator[CellSystem]:
    """Problems of coalitions that come too close to a target: the cells as they see them, blanks free to move.

    Most coalitions are answered by moves that were found for everybody; the others get programmes of their own.

    Args:
        system: sums as any reader sees them.
        blank: cells unknown to a reader.
        wanted: coalitions, and what they must be kept from.
        insiders: who knows what.
        kept: takes the moves that answer a coalition.
    """
    if not wanted:
        return
    furthest = np.zeros(system.values.size, dtype=np.int64)
    for rooms in wanted.values():
        for target, room in rooms.items():
            furthest[target] = max(furthest[target], room)
    found = _proved(_view(system, blank, dict(enumerate(furthest.tolist()))), blank)
    moves = {target: _rising(found, target) for target in np.flatnonzero(furthest).tolist()}
    for coalition, rooms in sorted(wanted.items()):
        least = insiders.knowledge(coalition).least(system)
        left: dict[int, int] = {}
        for target, room in rooms.items():
            fitting = (
                move for rise, factor, move in moves[target] if rise >= room and _fits(move, factor, system, least)
            )
            if (answer := next(fitting, None)) is None:
                left[target] = room
            else:
                kept.keep(answer, target)
        if not left:
            continue
        # What the coalition knows exactly is as good as printed to it.
        view = replace(_view(system, blank & (system.values >= least), left), at_least=least)
        evidence = _proved(view, blank)
        names = np.array(sorted(left), dtype=np.int64)
        kept.keep_evidence(evidence, names)
        known = names[evidence.unmet(names)]
        if known.size:
            yield replace(view, sensitive=np.isin(np.arange(view.values.size), known))


def _view(system: CellSystem, blank: Flags, rooms: dict[int, int]) -> CellSystem:
    """The cells with blanks free to move, and targets that must be held possible so far up."""
    sensitive = np.zeros(system.values.size, dtype=np.bool_)
    reach = system.values.copy()
    for target, room in rooms.items():
        sensitive[target], reach[target] = room > 0, system.values[target] + room
    return replace(system, printed=~blank, sensitive=sensitive, reach=reach)


def _proved(view: CellSystem, blank: Flags) -> Evidence:
    """Moves of blanks by which the targets of a view are held possible, as far as there are any."""
    evidence = Evidence(view, Demand(1, np.zeros(view.values.size, dtype=np.int64)))
    movable = blank & (view.values >= view.at_least)
    targets = np.flatnonzero(view.sensitive & movable)
    if targets.size:
        furthest = 2 * int((view.reach - view.values).max())
        for cells, rows, matrix in components(view, movable, targets):
            ComponentProof(view, cells, rows, matrix, evidence=evidence, furthest=furthest).run(patient=False)
    return evidence


def _rising(found: Evidence, target: int) -> list[tuple[int, int, Move]]:
    """Moves that raise a target, by how far and by which factor, the widest first; enough of them to choose from."""
    rising = [
        (factor * step, factor, move)
        for move in found.moves_of(target)
        for step in move.step[move.names == target].tolist()
        for factor in move.factors
        if factor * step > 0
    ]
    return sorted(rising, key=lambda one: (-one[0], one[2].names.size))[:_MOST_MOVES]


def _fits(move: Move, factor: int, system: CellSystem, least: Ints) -> bool:
    """Whether a move leaves every cell of the table at what is known of it, and moves none that is known."""
    cells = move.names < system.values.size
    names, step = move.names[cells], move.step[cells]
    known = least[names]
    return bool(np.all(known <= system.values[names]) and np.all(system.values[names] + factor * step >= known))
