import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def sum_in_window(
    offsets: Int64s,
    day: Int32s,
    code: Int32s,
    weight: Int64s,
    is_member: UInt8s,
    start: Int32s,
    end: Int32s,
    sums: Int64s,
    rows_counted: Int32s,
) -> None:
    """Write the sum of `weight` and the number of rows of the code set in [start, end), for each person.

    Args:
        offsets: int64, persons + 1, into the rows; order inside a person does not matter.
        day, code: int32, one a row: day, dictionary id (-1 for none).
        weight: int64, one a row, exact; at most 2^40 either way.
        is_member: 1 where a dictionary id belongs to the code set.
        start, end: int32, one a person.
        sums: int64, out; `rows_counted`: int32, out; one a person.

    Raises:
        EventsRejected: a weight is out of range; names the row.
    """
