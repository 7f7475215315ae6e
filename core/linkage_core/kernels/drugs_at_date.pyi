import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def drugs_at_date(
    offsets: Int64s,
    day: Int32s,
    drug: Int32s,
    lasts_64ths: Int32s,
    weight: Int64s,
    at_day: Int32s,
    seen: Int32s,
    total: Int64s,
) -> None:
    """Write to `total` what the distinct drugs of a person weigh on each of her days: rows with day <= D < day + lasts.

    Args:
        offsets: int64, persons + 1, into the rows; order inside a person does not matter.
        day, drug: int32, one a row: day, number of the drug (-1 for none that counts).
        lasts_64ths: int32, one a row, in 1/64 days: supply, or the window that counts as "has"; 0 never counts.
        weight: int64, one a drug: 1 where drugs are counted.
        at_day: int32, days x persons: D.
        seen: int32, scratch, at least the longest history and not empty.
        total: int64, days x persons, out.

    Raises:
        EventsRejected: columns differ in length.
    """
