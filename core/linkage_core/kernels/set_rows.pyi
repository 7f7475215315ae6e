from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt8s = npt.NDArray[np.uint8]
UInt32s = npt.NDArray[np.uint32]

MOST_GROUPS: int
MOST_COLUMNS: int

def count_rows(
    offsets: Int64s,
    code: Int32s,
    groups_of_code: UInt32s,
    picked_offsets: Int64s,
    with_rows: Int32s,
    without_rows: UInt8s,
) -> list[int]:
    """Count each person's rows of groups of codes; how many persons have any is returned, one a group.

    Args:
        offsets: int64, persons + 1; `code`: int32, one a row; code -1 is none.
        groups_of_code: uint32, one for no code and then one a code: a bit for each group that picks its rows.
        picked_offsets: out, int64, groups x (persons + 1): the picked rows of each person.
        with_rows: out, int32, groups x persons: positions of persons with a picked row, ascending, as many as are
            returned.
        without_rows: out, uint8, groups x persons: 1 for the others.

    Raises:
        EventsRejected: columns differ in length, or there are more than `MOST_GROUPS` groups.
    """

def pick_rows(
    offsets: Int64s,
    code: Int32s,
    groups_of_code: UInt32s,
    columns: list[Int32s],
    room: list[int],
    places: Sequence[Int64s | None],
    picked: Sequence[Sequence[Int32s | None]],
) -> None:
    """Pick the rows that were counted.

    Args:
        columns: int32, one a row: what is told of rows; at most `MOST_COLUMNS`.
        room: how many rows of each group were counted.
        places: out, one a group: int64, positions of its rows, ascending; None where nobody asks.
        picked: out, groups x columns: int32, one a picked row: what is told of it; None where nobody asks.

    Raises:
        EventsRejected: columns differ in length, there is no room for all rows, or there are too many groups or
            columns.
    """
