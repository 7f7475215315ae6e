import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt8s = npt.NDArray[np.uint8]

def pick_rows(
    offsets: Int64s,
    code: Int32s,
    day: Int32s,
    member: UInt8s,
    place: Int64s,
    picked_day: Int32s,
    picked_offsets: Int64s,
    with_rows: Int32s,
    without_rows: UInt8s,
) -> int:
    """Pick rows by their codes; how many persons have any is returned.

    Args:
        offsets: int64, persons + 1; `code`, `day`: int32, one a row; code -1 is none.
        member: uint8, 0 or 1, one for no code and then one a code: its rows are picked.
        place, picked_day: out, as long as the rows: positions of the picked rows, ascending, and their days. What
            stands behind the last of them means nothing.
        picked_offsets: out, int64, persons + 1: the picked rows of each person.
        with_rows: out, int32, persons: positions of persons with a picked row, ascending, as many as are returned.
        without_rows: out, uint8, persons: 1 for the others.

    Raises:
        EventsRejected: columns differ in length, or a member is neither 0 nor 1.
    """
