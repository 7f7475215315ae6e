import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def net_reversals(
    offsets: Int64s,
    day: Int32s,
    quantity: Int32s,
    products: list[Int32s],
    ties: list[tuple[Int32s, Int32s | None]],
    reversed_rows: Int64s,
    left: Int32s,
    *,
    by_row_order: bool,
) -> None:
    """Write to `left` what each row still has once reversed rows have taken theirs.

    Args:
        offsets: int64, persons + 1; rows of a person are by day.
        day, quantity: int32, one a row; quantity below 0 is a reversed row.
        products: at most 8 columns, int32, one a row: rows of one product have the same numbers in all of them.
        ties: at most 8 columns whose first difference orders rows of one product, day and quantity: int32, one a row;
            and where the numbers do not say the order themselves int32, one a number from -1 on: its place.
        reversed_rows: int64, ascending: positions of all reversed rows.
        left: int32, out: what a dispensing keeps (>= 0), what a reversed row could not take from any (<= 0).
        by_row_order: the rule `net_latest`: in row order from the latest earlier rows.

    Raises:
        EventsRejected: days of a person with a reversed row are not ascending; names the row.
    """
