import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def first_dispensing(
    offsets: Int64s,
    day: Int32s,
    code: Int32s,
    left: Int32s,
    is_member: UInt8s,
    start: Int32s,
    end: Int32s,
    first_day: Int32s,
    *,
    none: int,
) -> None:
    """Write to `first_day` the first day in [start, end) with a row of the code set, or `none`.

    Args:
        offsets: int64, persons + 1, into the rows; order inside a person does not matter.
        day, code, left: int32, one a row: day, dictionary id (-1 for none), what is left after reversals.
        is_member: 1 where a dictionary id belongs to the code set.
        start, end: int32, one a person.
        first_day: int32, out, one a person.
        none: what stands for "no such row"; above every day.

    Raises:
        EventsRejected: columns differ in length.
    """
