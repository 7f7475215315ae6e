"""Checks the moves of one count: each leaves every total as it is, and together they show enough for every blank."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from linkage_client.certificate_check.dimensions import Dimension, Ints
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.move_batches import (
    Batch,
    batches_of,
    check_bounds,
    check_reach,
    fail_at,
    places_of_proofs,
    size_of,
)
from linkage_client.certificate_check.rests import Rests
from linkage_client.certificate_check.rules import CountRules, Flags

_CHANGE_BITS = 17
_LARGEST_CHANGE = 1 << (_CHANGE_BITS - 1)
_KEY_BITS = 62
_LARGEST_COUNT = 1 << 36
"""No move of a count is followed so far: keys of all cells and of all that is shown of them are numbers of 64 bits."""
_BATCH = 50_000


@dataclass(frozen=True, slots=True)
class Free:
    """What readers see, flat.

    Args:
        blank: cells that they do not see.
        shown: cells that some table shows.
        known: cells whose numbers they have from elsewhere.
        lowest: the smallest number that they hold possible for each blank.
    """

    blank: Flags
    shown: Flags
    known: Flags
    lowest: Ints


@dataclass(frozen=True, slots=True)
class Shown:
    """What the moves show: other values of cells, as changes from the truth; one an entry."""

    cell: Ints
    change: Ints


def check_moves(
    certificates: pa.Table,
    counts: Ints,
    free: Free,
    *,
    dimensions: list[Dimension],
    rules: CountRules,
    row_place: Ints,
) -> tuple[Shown, Shown]:
    """Check every move of one count.

    Returns what they show of cells, and of the rests beside codes that do not add up.

    Args:
        certificates: the moves of this count.
        counts: true counts, one axis a dimension.
        free: cells that may move; what no table shows may be anything from 0 up.
        row_place: position of the cell of each row of the officer's copy.

    Raises:
        CheckFailed: names the move.
    """
    room = counts.ravel() - np.where(free.shown, free.lowest, 0)
    movable = (free.blank | ~free.shown) & ~free.known
    rests = Rests(counts, dimensions)
    shown: list[Shown] = []
    beside: list[Shown] = []
    for batch in batches_of(certificates, row_place, moves=_BATCH):
        fail_at(batch, size_of(batch.change) >= _LARGEST_CHANGE, "has an impossible change")
        check_reach(batch, most=_LARGEST_COUNT)
        check_bounds(batch, room, movable)
        _check_sums(batch, counts.shape, dimensions)
        at = places_of_proofs(batch, counts.size)
        shown.append(_shown(batch, batch.proof_move, batch.proof_cell, batch.change[at], candidates=rules.candidates))
        if rests.values.size:
            move, rest, change = rests.changes(batch.move, batch.cell, batch.change)
            for multiple in (batch.lowest, batch.highest):
                if np.any(rests.values[rest] + multiple[move] * change < 0):
                    raise CheckFailed("certificates: a move leaves fewer than none beside a code")
            beside.append(_shown(batch, move, rest, change, candidates=rules.candidates))
    return _together(shown), _together(beside)


def check_blanks(
    shown: tuple[Shown, Shown],
    counts: Ints,
    blank: Flags,
    must_reach: Flags,
    *,
    dimensions: list[Dimension],
    rules: CountRules,
) -> None:
    """Check that every blank is shown to fit enough values, and every small one to reach the threshold.

    The same is asked of small rests beside codes that do not add up, which are blank wherever a blank is in them.

    Raises:
        CheckFailed: names the first cell by its position.
    """
    cells, beside = shown
    _check_values(cells, counts.ravel(), blank, must_reach, rules=rules, what="cell")
    rests = Rests(counts, dimensions)
    small, reaching = rests.small(rules)
    _check_values(beside, rests.values, small, reaching, rules=rules, what="rest beside a code")


def _check_values(
    shown: Shown, values: Ints, hidden: Flags, must_reach: Flags, *, rules: CountRules, what: str
) -> None:
    offset = int(np.abs(shown.change).max(initial=0)) + 1
    # Sorting is many times faster here than the hashing of np.unique.
    seen = np.sort(shown.cell * (2 * offset) + shown.change + offset)
    seen = seen[np.diff(seen, prepend=-1) > 0]
    # The truth itself is one candidate.
    candidates = 1 + np.bincount(seen // (2 * offset), minlength=values.size)
    rise = np.zeros(values.size, dtype=np.int64)
    np.maximum.at(rise, shown.cell, shown.change)
    for wrong, why in (
        (hidden & (candidates < rules.candidates), "is blank without enough values that fit"),
        (must_reach & (values + rise < rules.threshold), "is small and not shown to reach the threshold"),
    ):
        if np.any(wrong):
            raise CheckFailed(f"released table, {what} {int(np.flatnonzero(wrong)[0])}: {why}")


def _check_sums(batch: Batch, shape: tuple[int, ...], dimensions: list[Dimension]) -> None:
    """Every whole changes as its parts do together: one sorted pass over all relations that the moves touch."""
    size = int(np.prod(shape))
    for axis, dimension in enumerate(dimensions):
        if not dimension.families:
            continue
        stride = int(np.prod(shape[axis + 1 :]))
        families = len(dimension.families)
        code = batch.cell // stride % shape[axis]
        line = batch.cell - code * stride
        together = (1 << (_KEY_BITS - _CHANGE_BITS)) // (families * size)
        if not together:
            raise CheckFailed("layout: too large a table to be checked")
        for start in range(0, batch.lowest.size, together):
            within = slice(*np.searchsorted(batch.move, [start, start + together]))
            keys: list[Ints] = []
            for family, sign in _roles(dimension):
                plays = sign[code[within]] != 0
                relation = (batch.move[within][plays] - start) * families + family[code[within][plays]]
                signed = batch.change[within][plays] * sign[code[within][plays]]
                keys.append(((relation * size + line[within][plays]) << _CHANGE_BITS) + signed + _LARGEST_CHANGE)
            ordered = np.sort(np.concatenate(keys))
            relation = ordered >> _CHANGE_BITS
            begins = np.flatnonzero(np.diff(relation, prepend=-1))
            changed = (ordered & ((1 << _CHANGE_BITS) - 1)) - _LARGEST_CHANGE
            sums = np.add.reduceat(changed, begins) if begins.size else changed
            if np.any(sums):
                wrong = int(relation[begins[np.flatnonzero(sums)[0]]]) // (families * size) + start
                raise CheckFailed(f"certificates, move {batch.first + wrong}: changes a sum along {dimension.name!r}")


def _roles(dimension: Dimension) -> Iterator[tuple[Ints, Ints]]:
    """For each code the families it stands in, one at a time: number and sign (whole +1, part -1; 0 is none)."""
    roles: list[list[tuple[int, int]]] = [[] for _ in dimension.codes]
    for number, family in enumerate(dimension.families):
        roles[family.parent].append((number, 1))
        for child in family.children:
            roles[child].append((number, -1))
    for turn in range(max(map(len, roles))):
        own = [role[turn] if turn < len(role) else (0, 0) for role in roles]
        yield np.array([number for number, _ in own]), np.array([sign for _, sign in own])


def _shown(batch: Batch, move: Ints, cell: Ints, change: Ints, *, candidates: int) -> Shown:
    """Values that moves show of cells: the ends of each, and those nearest to the truth."""
    lowest, highest = batch.lowest[move], batch.highest[move]
    cells: list[Ints] = []
    changes: list[Ints] = []
    for multiple in (lowest, highest, *(np.full(move.size, k) for k in range(-candidates, candidates + 1))):
        fits = (multiple >= lowest) & (multiple <= highest) & (multiple != 0)
        cells.append(cell[fits])
        changes.append((multiple * change)[fits])
    return Shown(np.concatenate(cells), np.concatenate(changes))


def _together(shown: list[Shown]) -> Shown:
    none = np.empty(0, dtype=np.int64)
    return Shown(
        np.concatenate([none, *(one.cell for one in shown)]), np.concatenate([none, *(one.change for one in shown)])
    )
