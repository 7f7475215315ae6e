import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def last_rows(
    offsets: Int64s,
    day: Int32s,
    counts: UInt8s,
    start: Int32s,
    end: Int32s,
    place: Int64s,
    person: Int64s,
    found: UInt8s,
) -> int:
    """Find the rows of each person's last day in [start, end) with a row that counts; how many is returned.

    Args:
        offsets: int64, persons + 1, into the rows; rows of a person are by day.
        day: int32, one a row; `counts`: uint8, one a row: 0 for one that does not.
        start, end: int32, one a person.
        place, person: int64, as long as the rows, out: positions of the rows found, ascending, and whose they are. What
            stands behind the last of them means nothing.
        found: uint8, one a person, out: she has such a day.

    Raises:
        EventsRejected: columns differ in length.
    """
