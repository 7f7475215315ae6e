"""Moves as their file has them, some at a time, and what is asked of the moves of counts and sums alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage_client.certificate_check.dimensions import Ints
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.rules import Flags


@dataclass(frozen=True, slots=True)
class Batch:
    """Some moves.

    Args:
        first: number of the first of them.
        move: number within the batch, one an entry.
        cell: position, one an entry.
        change: one an entry.
        lowest, highest: multiples, one a move.
        proof_move, proof_cell: which move is kept for which cell.
    """

    first: int
    move: Ints
    cell: Ints
    change: Ints
    lowest: Ints
    highest: Ints
    proof_move: Ints
    proof_cell: Ints


def batches_of(certificates: pa.Table, row_place: Ints, *, moves: int) -> Iterator[Batch]:
    """Moves, so many at a time.

    Raises:
        CheckFailed: a move is not as the format says.
    """
    first = 0
    for chunk in certificates.to_batches(max_chunksize=moves):
        if any(column.null_count for column in chunk.columns):
            raise CheckFailed("certificates: a value is missing")
        cells, changes, proves = chunk["cells"], chunk["changes"], chunk["proves"]
        sizes = np.diff(cells.offsets.to_numpy())
        if not np.array_equal(sizes, np.diff(changes.offsets.to_numpy())):
            raise CheckFailed("certificates: a move has not one change for each cell")
        move = np.repeat(np.arange(chunk.num_rows), sizes)
        row = _numbers(cells.flatten())
        proof_row = _numbers(proves.flatten())
        for rows in (row, proof_row):
            if rows.size and not 0 <= rows.min() <= rows.max() < row_place.size:
                raise CheckFailed("certificates: a cell is no row of the officer's copy")
        batch = Batch(
            first,
            move,
            row_place[row],
            _numbers(changes.flatten()),
            _numbers(chunk["lowest"]),
            _numbers(chunk["highest"]),
            np.repeat(np.arange(chunk.num_rows), np.diff(proves.offsets.to_numpy())),
            row_place[proof_row],
        )
        twice = np.zeros(row.size, dtype=np.bool_)
        twice[1:] = (move[1:] == move[:-1]) & (row[1:] <= row[:-1])
        fail_at(batch, twice, "does not name its cells once and ascending")
        fail_at(batch, batch.change == 0, "has an impossible change")
        if np.any(batch.lowest > 0) or np.any(batch.highest < 0):
            raise CheckFailed("certificates: the multiples of a move do not hold 0 between them")
        yield batch
        first += chunk.num_rows


def check_reach(batch: Batch, *, most: int) -> None:
    """Check that no multiple of a move leaves the numbers in which whole arithmetic is exact."""
    furthest = np.maximum(size_of(batch.lowest), size_of(batch.highest))
    fail_at(batch, size_of(batch.change) * np.maximum(furthest, 1)[batch.move] >= most, "moves too far")


def size_of(numbers: Ints) -> npt.NDArray[np.float64]:
    """Without sign; of the smallest whole number of 64 bits there is none among whole numbers."""
    return np.abs(numbers.astype(np.float64))


def check_bounds(batch: Batch, room: Ints, movable: Flags) -> None:
    """Check that moves change no cell that is known, and let none fall further than its room."""
    fail_at(batch, ~movable[batch.cell], "changes a printed cell")
    for multiple in (batch.lowest, batch.highest):
        fail_at(batch, room[batch.cell] + multiple[batch.move] * batch.change < 0, "goes below what is known")


def places_of_proofs(batch: Batch, size: int) -> Ints:
    """For each cell that a move is kept for, the entry in which the move changes it.

    Args:
        batch: the moves.
        size: number of cells.

    Raises:
        CheckFailed: a move does not change a cell that it is kept for.
    """
    entry = batch.move * size + batch.cell
    order = np.argsort(entry, kind="stable")
    wanted = batch.proof_move * size + batch.proof_cell
    at = np.searchsorted(entry[order], wanted)
    at = order[np.minimum(at, max(entry.size - 1, 0))] if entry.size else at
    if wanted.size and (not entry.size or np.any(entry[at] != wanted)):
        raise CheckFailed("certificates: a move is kept for a cell that it does not change")
    return at


def _numbers(column: pa.Array) -> Ints:
    if not pa.types.is_integer(column.type) or column.null_count:
        raise CheckFailed("certificates: a column does not hold whole numbers")
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.int64)


def fail_at(batch: Batch, wrong: Flags, what: str) -> None:
    """Fail by the move of the first entry that is wrong, if there is one."""
    if np.any(wrong):
        raise CheckFailed(f"certificates, move {batch.first + int(batch.move[np.flatnonzero(wrong)[0]])}: {what}")
