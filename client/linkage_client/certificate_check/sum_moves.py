"""Checks the moves of one sum: each leaves every total as it is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from linkage_client.certificate_check.dimensions import Dimension, Ints
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.move_batches import Batch, batches_of, check_bounds, check_reach, size_of
from linkage_client.certificate_check.rules import Flags

_LARGEST_MOVE = 1 << 62
"""Nothing moves so far: sums of changes are numbers of 64 bits."""


def moves_of_sums(
    certificates: pa.Table,
    room: Ints,
    *,
    movable: Flags,
    dimensions: list[Dimension],
    shape: tuple[int, ...],
    row_place: Ints,
) -> Batch:
    """Check every move of one sum and return them all.

    Args:
        certificates: the moves of this sum.
        room: how far each cell may fall, flat.
        movable: cells that may move, flat.
        dimensions, shape: of the table.
        row_place: position of the cell of each row of the officer's copy.

    Raises:
        CheckFailed: names the move.
    """
    empty = np.empty(0, dtype=np.int64)
    nothing = Batch(0, *(empty for _ in range(7)))
    batch = next(batches_of(certificates.combine_chunks(), row_place, moves=max(certificates.num_rows, 1)), nothing)
    check_reach(batch, most=_LARGEST_MOVE)
    check_bounds(batch, room, movable)
    stride = room.size
    for dimension, codes in zip(dimensions, shape, strict=True):
        stride //= codes
        code = batch.cell // stride % codes
        of_move = batch.move * room.size + batch.cell - code * stride
        for number, family in enumerate(dimension.families):
            sign = np.zeros(codes, dtype=np.int64)
            sign[family.parent], sign[list(family.children)] = 1, -1
            plays = sign[code] != 0
            line, place = np.unique(of_move[plays], return_inverse=True)
            left = np.zeros(line.size, dtype=np.int64)
            np.add.at(left, place, sign[code[plays]] * batch.change[plays])
            # Many large changes of one sign could come round to 0.
            together = np.bincount(place, size_of(batch.change[plays]), line.size)
            if np.any(unequal := (left != 0) | (together >= _LARGEST_MOVE)):
                wrong = int(line[np.flatnonzero(unequal)[0]]) // room.size
                raise CheckFailed(f"certificates, move {wrong}: changes sum {number} along {dimension.name!r}")
    return batch
