import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def covered_days(
    with_rows: Int32s,
    offsets: Int64s,
    day: Int32s,
    code: Int32s | None,
    groups_of_code: UInt8s,
    supply_64ths: Int32s,
    valid_from: Int32s,
    valid_until: Int32s,
    stays: tuple[Int64s, Int32s, Int32s] | None,
    start: Int32s,
    end: npt.NDArray[np.int32],
    observed: npt.NDArray[np.int32],
    covered: npt.NDArray[np.int32],
    *,
    lookback_days: int,
    stock_cap_64ths: int,
    carry_over: bool,
    pooled: bool,
    all_groups: bool,
) -> None:
    """Count, for each person, the days at home in [start, end) that are covered by any or by all groups.

    Args:
        with_rows: int32, ascending: positions of the persons with at least one row; others are not looked at.
        offsets: int64, persons + 1, into the rows; rows of a person are by day.
        day, code, supply_64ths: int32, one a row: day, dictionary id (-1 for none), supply in 1/64 days (>= 0). Without
            codes (one group, and one stock of it or none) every row is of the group.
        groups_of_code: bit g is set where the code belongs to group g.
        valid_from, valid_until: int32, one a group (at most 8): days on which the group's codes apply.
        stays: offsets (int64, persons + 1) and hospital stays [admitted, discharged) by day of admission, or None.
        start: int32, one a person.
        end: int32, ends of observation x persons; a person with end <= start gets zeros.
        observed: int32, as `end`: days at home of each observation, as `days_at_home` has them.
        covered: int32, out, as `end`.
        lookback_days: days before `start` on which the stock starts empty.
        stock_cap_64ths: the most a stock may hold after a dispensing.
        carry_over: False lets a dispensing cover [day, day + whole days) and nothing else.
        pooled: one stock a group rather than one a code.
        all_groups: a day counts where all groups cover it, rather than any.

    Raises:
        EventsRejected: days of an observed person are not ascending, or a supply is negative; names the row.
    """
