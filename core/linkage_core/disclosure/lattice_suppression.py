"""Which cells of a count table with all its totals stay blank, found by boxes alone, with the moves that prove it.

Boxes suffice: one that raises a cell together with all its totals always fits, so every cell can be hidden at some
price, and the rest of the work is to pay less. Relations are never written down, which is what makes tables of
millions of cells possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linkage.errors import DisclosureRefused
from linkage_core.disclosure.cell_system import Flags, Ints
from linkage_core.disclosure.lattice import Axis, lattice_codes, strata_of
from linkage_core.disclosure.suppression import Pattern
from linkage_core.kernels.suppression_boxes import BoxSearch

_DEARNESS = np.array([10, 2, 1])
"""What a blank costs beside one among crossed strata: in a grand total, in the margin of one stratum."""
_CELL_PRICE, _DOUBLING_PRICE, _DEAREST = 16, 4, 1 << 17
"""Each blank costs so much, beside its count or so much for each doubling of its amount; none costs more than the
dearest."""
_KEEP, _PATIENCE = 8, 1000
_WORK, _WORK_PER_CELL, _MEDIUM_TABLE = 80_000_000, 50, 50_000
"""Bounds the search for needless blanks, the same on every machine. Tables below the medium get up to five times it."""
_BENDS, _LARGEST_BENT = 4, 50_000
"""So many dear corners of a box are led around; in larger tables none, for the time it takes."""
_MOST_ROUNDS = 12
_MORE_SEARCHES, _SPREADS = ((63, 3_000), (15, 40_000)), (150, 700)
"""Small tables are searched so often again, or as often as so many cells are together, whichever of the two is more;
each price up to so many thousandths more or less, in turn."""
_LARGEST_GROUP = 20


Groups = tuple[npt.NDArray[np.int32], Ints]
"""Cells, one group after another, and where each begins."""


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Moves: changes of blanks that leave every printed number as it is, and which blanks each is kept for.

    Args:
        starts: move m has the entries [starts[m], starts[m + 1]).
        cells, changes: one an entry; the cells of a move ascend.
        lowest, highest: the multiples of each move, all in between included, that stay within bounds.
        proof_starts: move m is kept for the cells [proof_starts[m], proof_starts[m + 1]) of `proves`.
        proves: cells.
    """

    starts: Ints
    cells: npt.NDArray[np.int32]
    changes: npt.NDArray[np.int16]
    lowest: npt.NDArray[np.int16]
    highest: npt.NDArray[np.int16]
    proof_starts: Ints
    proves: npt.NDArray[np.int32]


def hide_in_lattice(
    counts: Ints,
    axes: Sequence[Axis],
    *,
    sensitive: Flags,
    reach: Ints,
    lowest: int,
    candidates: int,
    published: Flags | None = None,
    known: Flags | None = None,
) -> tuple[Pattern, Witnesses]:
    """Find blanks so that each is proved to fit enough values, and the sensitive ones a value large enough.

    Where several tables are published of one crossing, what none of them shows may be anything from 0 up.

    The same input gives the same result everywhere.

    Args:
        counts: all cells with their totals, one axis a dimension, the total last on each.
        axes: the codes of each dimension.
        sensitive: cells that must be blank, flat.
        reach: the number up to which a reader must hold each sensitive cell possible; 0 for no demand. Flat.
        lowest: what a reader knows of a blank in advance (1 where zeros are shown).
        candidates: so many different whole numbers must fit each blank.
        published: cells that some table shows, flat; all if it is left out. Others are not sensitive.
        known: cells whose numbers a reader has from elsewhere, flat, none of them sensitive: they are no partners.

    Raises:
        DisclosureRefused: a sensitive cell cannot be hidden, such as a zero where zeros are shown.
    """
    values = counts.ravel()
    shown = np.ones(values.size, dtype=np.bool_) if published is None else published
    room = values - np.where(shown, lowest, 0)
    if known is not None:
        shown, room = shown | known, np.where(known, -1, room)
    price = count_prices(values, counts.shape)

    def searched(paid: npt.NDArray[np.int32]) -> tuple[Pattern, BoxSearch]:
        return _searched(
            counts, axes, paid, sensitive=sensitive, reach=reach, room=room, candidates=candidates, shown=shown
        )

    pattern, search = searched(price)
    random = np.random.default_rng(1)
    # Another order of dear and cheap finds another pattern, and what a small table takes is little.
    for number in range(max(min(most, cells // values.size) for most, cells in _MORE_SEARCHES)):
        spread = _SPREADS[number % len(_SPREADS)]
        paid = price.astype(np.int64) * random.integers(1000 - spread, 1001 + spread, price.size) // 1000
        other = searched(paid.astype(np.int32))
        if price[other[0].suppressed].sum() < price[pattern.suppressed].sum():
            pattern, search = other
    return pattern, _witnesses(search, pattern.suppressed, search_reach=reach > values, candidates=candidates)


def _searched(
    counts: Ints,
    axes: Sequence[Axis],
    price: npt.NDArray[np.int32],
    *,
    sensitive: Flags,
    reach: Ints,
    room: Ints,
    candidates: int,
    shown: Flags,
) -> tuple[Pattern, BoxSearch]:
    """One search under given prices; `room` is how far each cell may fall, -1 where it is known."""
    values = counts.ravel()
    blank = (sensitive | ~shown).astype(np.uint8)
    search = BoxSearch(
        lattice_codes(axes),
        room,
        price,
        sensitive.astype(np.uint8),
        np.where(shown, np.where(sensitive, np.maximum(reach - values, 0), 0), -1).astype(np.int16),
        blank,
        candidates=candidates,
    )
    rounds = _prove(search, np.flatnonzero(sensitive), values)
    hidden = int(np.count_nonzero(blank))
    _pay_less(search, blank, shown & ~sensitive, price, counts.shape)
    assert not search.unmet().size, "a blank was opened that a proof needs"
    suppressed = shown & (blank != 0)
    opened = hidden - int(np.count_nonzero(blank))
    return Pattern(blank.astype(np.bool_), suppressed, rounds, widened=0, opened=opened), search


def count_prices(counts: Ints, shape: tuple[int, ...]) -> npt.NDArray[np.int32]:
    """What blanks of counts cost: a cell and the persons counted in it, times how many read such a cell first."""
    return np.minimum((_CELL_PRICE + np.maximum(counts, 0)) * _dearness(shape), _DEAREST).astype(np.int32)


def prices(values: Ints, shape: tuple[int, ...]) -> npt.NDArray[np.int32]:
    """What blanks of amounts cost: by how many read the cell first, and a little more with each doubling."""
    doublings = np.log2(np.maximum(values, 0) + 1).astype(np.int64)
    return np.asarray((_CELL_PRICE + _DOUBLING_PRICE * doublings) * _dearness(shape), dtype=np.int32)


def _dearness(shape: tuple[int, ...]) -> Ints:
    return np.asarray(_DEARNESS[np.minimum(strata_of(shape), _DEARNESS.size - 1)])


def _prove(search: BoxSearch, sensitive: Ints, values: Ints) -> int:
    """Blank what the sensitive cells need, and what those blanks need; returns the rounds it took."""
    targets = sensitive[np.argsort(values[sensitive], kind="stable")].astype(np.int32)
    for rounds in range(1, _MOST_ROUNDS + 1):
        search.prove(targets, opening=False, keep=_KEEP, patience=_PATIENCE)
        search.prove(targets, opening=True, keep=_KEEP, patience=_PATIENCE, bends=_bends(values.size))
        targets = search.unmet()
        if not targets.size:
            return rounds
    raise DisclosureRefused(
        "No way was found to hide the small cells of this table well enough, so none of it is released.",
        mend="Order fewer or coarser strata.",
    )


def _bends(cells: int) -> int:
    return _BENDS if cells <= _LARGEST_BENT else 0


def _pay_less(
    search: BoxSearch,
    blank: npt.NDArray[np.uint8],
    may_open: Flags,
    price: npt.NDArray[np.int32],
    shape: tuple[int, ...],
) -> None:
    """Open blanks that cheaper ones can stand in for, singly and a line of the table at a time."""
    size = max(blank.size, _MEDIUM_TABLE // 5)
    end = search.work + _WORK * max(_MEDIUM_TABLE, size) // size + _WORK_PER_CELL * blank.size
    for rounds in range(_MOST_ROUNDS):
        better = 0
        for axis in range(-1, len(shape) if rounds else 0):
            partners = np.flatnonzero((blank != 0) & may_open)
            cells, starts = _by_line(partners, shape, axis, price) if axis >= 0 else _singly(partners, price, search)
            better += search.try_without(
                cells,
                starts,
                opening=rounds > 0,
                keep=_KEEP,
                patience=_PATIENCE,
                work=max(end - search.work, 0),
                bends=_bends(blank.size),
            )
        if rounds > 0 and better * 500 < np.count_nonzero(blank):
            return


def _singly(partners: Ints, price: npt.NDArray[np.int32], search: BoxSearch) -> Groups:
    """Each cell alone, those first that cost much for the few moves that need them: these are done without soonest."""
    uses = np.bincount(search.moves()[3], minlength=price.size)[partners]
    cells = partners[np.argsort(-1000 * price[partners].astype(np.int64) // (1 + uses), kind="stable")]
    return cells.astype(np.int32), np.arange(cells.size + 1)


def _by_line(partners: Ints, shape: tuple[int, ...], axis: int, price: npt.NDArray[np.int32]) -> Groups:
    """Cells that stand in one line along an axis, where they are few enough to be done without together."""
    stride = int(np.prod(shape[axis + 1 :]))
    line = partners - partners // stride % shape[axis] * stride
    cells = partners[np.argsort(line, kind="stable")]
    begins = np.flatnonzero(np.diff(np.sort(line), prepend=-1))
    sizes = np.diff(np.append(begins, cells.size))
    worth = np.add.reduceat(price[cells].astype(np.int64), begins) if begins.size else begins
    order = np.argsort(-worth, kind="stable")
    order = order[(sizes[order] > 1) & (sizes[order] <= _LARGEST_GROUP)]
    starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes[order])])
    at = np.arange(starts[-1]) + np.repeat(begins[order] - starts[:-1], sizes[order])
    return cells[at].astype(np.int32), starts


def _witnesses(search: BoxSearch, suppressed: Flags, *, search_reach: Flags, candidates: int) -> Witnesses:
    """The moves that are needed, each once: for each blank those that show its reach and its values."""
    starts, lowest, highest, cells, changes = search.moves()
    (up, _, high), (up_by, down_by, high_by) = search.evidence()
    blanks = np.flatnonzero(suppressed)
    enough_above = 1 + up + (high > up) >= candidates
    kept_for = [
        (blanks[needed[blanks]], by[blanks[needed[blanks]]])
        for needed, by in (
            (search_reach | (high > up), high_by),
            (up > 0, up_by),
            (~enough_above, down_by),
        )
    ]
    cell = np.concatenate([one for one, _ in kept_for])
    move = np.concatenate([one for _, one in kept_for])
    known = move >= 0
    # Sorting is many times faster here than the hashing of np.unique.
    pairs = np.sort(move[known].astype(np.int64) * suppressed.size + cell[known])
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    moves, proved = pairs // suppressed.size, pairs % suppressed.size
    first = np.flatnonzero(np.diff(moves, prepend=-1))
    used = moves[first]
    sizes = starts[used + 1] - starts[used]
    own_starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])
    entries = np.arange(own_starts[-1]) + np.repeat(starts[used] - own_starts[:-1], sizes)
    # Cells of a move ascend, so that whoever reads them sees at once that none stands twice.
    of_move = np.repeat(np.arange(used.size), sizes)
    entries = entries[np.argsort(of_move * suppressed.size + cells[entries])]
    return Witnesses(
        own_starts,
        cells[entries],
        changes[entries],
        lowest[used],
        highest[used],
        np.append(first, proved.size).astype(np.int64),
        proved.astype(np.int32),
    )
