import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def net_reversals(
    offsets: Int64s,
    day: Int32s,
    product: Int32s,
    quantity: Int32s,
    tie: Int32s,
    left: Int32s,
    *,
    by_row_order: bool,
) -> None:
    """Write to `left` what each row still has once reversed rows have taken theirs.

    Args:
        offsets: int64, persons + 1; rows of a person are by day.
        day, product, quantity, tie: int32, one a row; quantity below 0 is a reversed row, `tie` orders equals.
        left: int32, out: what a dispensing keeps (>= 0), what a reversed row could not take from any (<= 0).
        by_row_order: the rule `net_latest`: in row order from the latest earlier rows.

    Raises:
        EventsRejected: days of a person are not ascending; names the row.
    """
