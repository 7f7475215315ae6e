import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def first_dispensing(
    offsets: Int64s, day: Int32s, counts: UInt8s, start: Int32s, end: Int32s, first_day: Int32s, *, none: int
) -> None:
    """Write to `first_day` the first day in [start, end) with a row that counts, or `none`.

    Args:
        offsets: int64, persons + 1, into the rows; order inside a person does not matter.
        day: int32, one a row; `counts`: uint8, one a row: 0 for one that does not.
        start, end: int32, one a person.
        first_day: int32, out, one a person.
        none: what stands for "no such row"; above every day.

    Raises:
        EventsRejected: columns differ in length.
    """
