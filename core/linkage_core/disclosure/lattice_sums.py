"""Which sums of a table with all its totals stay blank, found by boxes alone, with the moves that prove it.

A box that is guarded stays possible for whoever knows what they give themselves, so insiders need no search of their
own: a sum is safe from every coalition if for each of its contributors some box is guarded against all who do not have
that one among them. Relations are written down only for unions of blanks, which makes large tables possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import DisclosureRefused
from linkage_core.disclosure.blank_unions import cells_that_mend_unions
from linkage_core.disclosure.cell_system import CellSystem, Flags, Ints
from linkage_core.disclosure.insiders import Insiders
from linkage_core.disclosure.lattice import Axis, lattice_codes
from linkage_core.disclosure.lattice_suppression import prices
from linkage_core.disclosure.magnitude_suppression import HiddenSums
from linkage_core.disclosure.primary_rules import Contributions
from linkage_core.disclosure.suppression import Pattern
from linkage_core.kernels.sum_boxes import SumBoxes

_NOBODY, _NONE, _COALITIONS = -1, -3, -4
_NAMED = 4
_KEEP, _PATIENCE = 8, 2000
_MOST_ROUNDS = 60
_MOST_CORNERS = 1024
_ENTRIES = 1 << 20
_FARTHEST = 1 << 59

Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class SumMoves:
    """Moves: boxes of blanks that leave every printed sum as it is.

    Args:
        starts: move m has the entries [starts[m], starts[m + 1]).
        cells, signs: one an entry.
        rise, fall: how many units each may be added and taken away.
        target, holder: the cell that each was looked for, and the contributor whom it is guarded for: -1 nobody, -2
            everybody.
        reaches: whether it was looked for to hold its target possible far up; else to show a span of values.
    """

    starts: Ints
    cells: Int32s
    signs: npt.NDArray[np.int8]
    rise: Ints
    fall: Ints
    target: Int32s
    holder: Int32s
    reaches: Flags


@dataclass(frozen=True, slots=True)
class Givers:
    """Who gives to each cell, as `SumBoxes` takes it.

    Args:
        number: contributors.
        who: the largest contributors, shape (named, cells); -3 where there are fewer.
        own: what they know the cell to be at least, and what anybody not named knows at most, shape (named + 1, cells).
        needed: how far up each cell must be held possible by every coalition that does not have all of it.
        rows: who gives what to each cell.
    """

    number: Int32s
    who: Int32s
    own: Ints
    needed: Ints
    rows: Insiders

    def holders(self, cell: int) -> list[int]:
        """The contributors of a cell, of whom every coalition lacks one; as few as will do."""
        found = self.who[: self.rows.coalition + 1, cell]
        return [who for who in found.tolist() if who != _NONE]


def givers_of(given: Contributions, *, any_sign: Flags, policy: DisclosurePolicy) -> Givers:
    """Work out what coalitions know.

    Args:
        given: who gives what to each cell.
        any_sign: cells of which own contributions tell nothing, because others may be negative.
        policy: p_percent, and how many pool what they know.
    """
    cells, coalition = any_sign.size, policy.coalition
    rows = Insiders.of(given, cells=cells, p_percent=policy.p_percent, coalition=coalition)
    size = np.abs(rows.amount)
    order = np.lexsort((-size, rows.cell))
    cell, who, own = rows.cell[order], rows.contributor[order], size[order]
    rank = np.arange(cell.size) - np.searchsorted(cell, cell)
    total = np.zeros(cells, dtype=np.int64)
    np.add.at(total, cell, own)
    largest = np.zeros((_NAMED + 1, cells), dtype=np.int64)
    names = np.full((_NAMED, cells), _NONE, dtype=np.int32)
    for place in range(_NAMED + 1):
        at = rank == place
        largest[place, cell[at]] = own[at]
        if place < _NAMED:
            names[place, cell[at]] = who[at]
    between = total - largest[: coalition + 1].sum(axis=0)
    needed = np.maximum(-(-policy.p_percent * largest[0] // 100) - between, 0)
    number = np.bincount(cell, minlength=cells).astype(np.int32)
    return Givers(number, names, np.where(any_sign, 0, largest), needed, rows)


def hide_sums_in_lattice(
    system: CellSystem,
    shape: tuple[int, ...],
    axes: Sequence[Axis],
    *,
    upper: Ints,
    spans: Ints,
    given: Contributions,
    policy: DisclosurePolicy,
) -> tuple[HiddenSums, SumMoves]:
    """Find a pattern in which no sensitive sum, no union of blanks of a printed total and no contributor is given away.

    The same input gives the same result everywhere.

    Args:
        system: sums and their relations, in the order of the table's cells.
        shape: of the table, the total last on each axis.
        axes: the codes of each dimension.
        upper: how far up each sensitive sum must be held possible by those outside.
        spans: how wide the possible values of each blank must be.
        given: who gives what to each cell.
        policy: the rules; insiders are reckoned with where it has p_percent.

    Raises:
        DisclosureRefused: no such pattern was found; nothing may be released.
    """
    price = prices(system.values, shape)
    wanted = _Wanted(system, axes, upper, spans, givers_of(given, any_sign=system.at_least < 0, policy=policy), policy)
    search = _cheaper_of_two(wanted, price)
    for_unions = np.zeros(system.values.size, dtype=np.bool_)
    for rounds in range(1, _MOST_ROUNDS + 1):
        blank = search.needed_blanks(system.sensitive | for_unions)
        further, _ = cells_that_mend_unions(system, blank, given, policy)
        if not further.size:
            opened = int(np.count_nonzero(search.blank & ~blank))
            pattern = Pattern(blank, blank, rounds, widened=0, opened=opened)
            none = np.zeros(system.values.size, dtype=np.bool_)
            return HiddenSums(pattern, for_unions & blank, none), search.moves()
        for_unions[further] = True
        search.force(further)
    raise DisclosureRefused(
        "No way was found to hide these sums from their contributors, so none of them is released.",
        mend="Use fewer or coarser dimensions.",
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a search is for; fields as in `hide_sums_in_lattice`."""

    system: CellSystem
    axes: Sequence[Axis]
    upper: Ints
    spans: Ints
    givers: Givers
    policy: DisclosurePolicy


def _cheaper_of_two(wanted: _Wanted, price: Int32s) -> _Search:
    """A second search has the blanks that many moves of the first needed at half price; the cheaper of both."""
    sensitive = wanted.system.sensitive
    first = _Search(wanted, price)
    blank = first.needed_blanks(sensitive)
    partners = np.flatnonzero(blank & ~sensitive)
    if not partners.size:
        return first
    uses = np.bincount(first.moves().cells, minlength=price.size)[partners]
    popular = partners[uses >= np.median(uses)]
    cheaper = price.copy()
    cheaper[popular] = (price[popular] + 1) // 2
    second = _Search(wanted, cheaper)
    costs = [int(price[one.needed_blanks(sensitive)].sum()) for one in (first, second)]
    return second if costs[1] < costs[0] else first


class _Search:
    """The state of one search."""

    def __init__(self, wanted: _Wanted, price: Int32s) -> None:
        system = wanted.system
        room = np.minimum(system.values - system.at_least, _FARTHEST)
        self._sensitive, self._spans, self._policy = system.sensitive, wanted.spans, wanted.policy
        self._givers = wanted.givers
        self._upper = np.where(system.sensitive, wanted.upper, 0)
        self._needed = np.where(system.sensitive, self._givers.needed, 0)
        self._cost = np.where(system.sensitive, 0, price).astype(np.int32)
        self._shown = np.zeros(system.values.size, dtype=np.int64)
        self._boxes = SumBoxes(
            lattice_codes(wanted.axes),
            room,
            self._givers.number,
            self._givers.who,
            self._givers.own,
            self._cost,
            self._shown,
        )
        self._found: list[SumMoves] = []
        self._kept: Flags = np.empty(0, dtype=np.bool_)
        self._reach_and_span()

    @property
    def blank(self) -> Flags:
        """Cells blanked so far."""
        blank: Flags = self._cost == 0
        return blank

    def force(self, cells: Ints) -> None:
        """Blank further cells, and what they need."""
        self._cost[cells] = 0
        self._span()

    def needed_blanks(self, forced: Flags) -> Flags:
        """Blanks that the forced ones need, and those need in turn; others are printed again."""
        moves = self._all()
        move = np.repeat(np.arange(moves.rise.size), np.diff(moves.starts))
        span = moves.rise + moves.fall
        wide = span[move] >= self._spans[moves.cells]
        kept = moves.reaches & forced[moves.target]
        blank = forced.copy()
        proved = np.zeros(blank.size, dtype=np.bool_)
        while True:
            blank[moves.cells[kept[move]]] = True
            proved[moves.cells[kept[move] & wide]] = True
            left = wide & (blank & ~proved & (self._spans > 0))[moves.cells]
            if not left.any():
                self._kept = kept
                return blank
            _, first = np.unique(moves.cells[left], return_index=True)
            kept[move[left][first]] = True

    def moves(self) -> SumMoves:
        """The moves that are needed."""
        moves, kept = self._all(), self._kept
        entries = np.repeat(kept, np.diff(moves.starts))
        return SumMoves(
            np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(np.diff(moves.starts)[kept])]),
            moves.cells[entries],
            moves.signs[entries],
            moves.rise[kept],
            moves.fall[kept],
            moves.target[kept],
            moves.holder[kept],
            moves.reaches[kept],
        )

    def _reach_and_span(self) -> None:
        """Prove the sensitive cells against coalitions and against those outside, then every blank.

        Raises:
            DisclosureRefused: a sensitive sum cannot be hidden.
        """
        targets = _descending(self._needed)
        failed = self._find(targets, np.full(targets.size, _COALITIONS), reach=self._needed)
        if failed.size:
            pairs = [(cell, who) for cell in targets[failed].tolist() for who in self._givers.holders(cell)]
            several = np.array(pairs, dtype=np.int64).reshape(-1, 2)
            if self._find(several[:, 0], several[:, 1], reach=self._needed).size:
                self._refuse()
        targets = _descending(np.where(self._upper > self._needed, self._upper, 0))
        if self._find(targets, np.full(targets.size, _NOBODY), reach=self._upper).size:
            self._refuse()
        self._span()

    def _span(self) -> None:
        for _ in range(_MOST_ROUNDS):
            left = np.flatnonzero(self.blank & (self._shown < self._spans))
            if not left.size:
                return
            left = left[np.argsort(-self._spans[left], kind="stable")]
            if self._find(left, np.full(left.size, _NOBODY), reach=None).size:
                self._refuse()
        self._refuse()

    def _find(self, targets: Ints, holders: Ints, *, reach: Ints | None) -> Ints:
        """Look for boxes among blanks, then for the cheapest; returns the tasks that have none.

        Args:
            targets, holders: one a task.
            reach: how far each cell must rise; None where they must show their spans.
        """
        left = np.arange(targets.size)
        for opening in (False, True):
            done = 0
            proved = np.zeros(left.size, dtype=np.uint8)
            while done < left.size:
                some = left[done:]
                found, number = self._some(targets[some], holders[some], proved[done:], reach=reach, opening=opening)
                self._found.append(found)
                done += number
            left = left[proved == 0]
        return left

    def _some(
        self, targets: Ints, holders: Ints, proved: npt.NDArray[np.uint8], *, reach: Ints | None, opening: bool
    ) -> tuple[SumMoves, int]:
        """The boxes of the first tasks, as many as there is room for."""
        cells, signs = np.empty(_ENTRIES, dtype=np.int32), np.empty(_ENTRIES, dtype=np.int8)
        most = 4 * targets.size + 100
        starts, task_of = np.zeros(most + 1, dtype=np.int64), np.empty(most, dtype=np.int32)
        rooms = np.empty((2, most), dtype=np.int64)
        target, holder = targets.astype(np.int32), holders.astype(np.int32)
        none = np.zeros(targets.size, dtype=np.int64)
        tasks, moves = self._boxes.find(
            target,
            holder,
            none if reach is None else reach[targets],
            self._spans[targets] if reach is None else none,
            proved,
            cells,
            signs,
            starts,
            task_of,
            rooms,
            coalition=self._policy.coalition,
            opening=opening,
            keep=_KEEP,
            patience=_PATIENCE,
        )
        task, entries = task_of[:moves], int(starts[moves])
        # Boxes of a task that has not enough of them prove nothing of its target; of other cells they may.
        return SumMoves(
            starts[: moves + 1],
            cells[:entries].copy(),
            signs[:entries].copy(),
            rooms[0, :moves].copy(),
            rooms[1, :moves].copy(),
            target[task],
            holder[task],
            (proved[task] != 0) & (reach is not None),
        ), tasks

    def _all(self) -> SumMoves:
        sizes = [np.diff(one.starts) for one in self._found]
        every = SumMoves(
            np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(np.concatenate([np.zeros(0, np.int64), *sizes]))]),
            *(
                np.concatenate([getattr(one, name) for one in self._found] or [np.empty(0, np.int64)])
                for name in ("cells", "signs", "rise", "fall", "target", "holder", "reaches")
            ),
        )
        self._found = [every]
        return every

    def _refuse(self) -> None:
        raise DisclosureRefused(
            "No way was found to hide these sums from their contributors, so none of them is released.",
            mend="Use fewer or coarser dimensions.",
        )


def _descending(wanted: Ints) -> Ints:
    """Cells that anything is wanted of, the most first."""
    cells = np.flatnonzero(wanted > 0)
    return cells[np.argsort(-wanted[cells], kind="stable")]
