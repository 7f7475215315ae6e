import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def covered_days(
    offsets: Int64s,
    day: Int32s,
    code: Int32s,
    groups_of_code: UInt8s,
    supply_64ths: Int32s,
    valid_from: Int32s,
    valid_until: Int32s,
    stay_offsets: Int64s,
    admitted: Int32s,
    discharged: Int32s,
    start: Int32s,
    end: Int32s,
    covered_by: UInt8s,
    done: UInt8s,
    home_days: Int32s,
    covered_any: Int32s,
    covered_all: Int32s,
    *,
    lookback_days: int,
    stock_cap_64ths: int,
    carry_over: bool,
    pooled: bool,
) -> None:
    """Count, for each person, the days at home in [start, end) and those covered by any and by all groups.

    Args:
        offsets: int64, persons + 1, into the rows; rows of a person are by day.
        day, code, supply_64ths: int32, one a row: day, dictionary id (-1 for none), supply in 1/64 days (>= 0).
        groups_of_code: bit g is set where the code belongs to group g.
        valid_from, valid_until: int32, one a group (at most 8): days on which the group's codes apply.
        stay_offsets, admitted, discharged: hospital stays [admitted, discharged) by day of admission.
        start: int32, one a person.
        end: int32, one a person for each end of observation, the persons of one end side by side; a person with
            end <= start gets zeros.
        covered_by: scratch, at least the longest observation; `done`: scratch, at least the longest history.
        home_days, covered_any, covered_all: int32, out, as `end`.
        lookback_days: days before `start` on which the stock starts empty.
        stock_cap_64ths: the most a stock may hold after a dispensing.
        carry_over: False lets a dispensing cover [day, day + whole days) and nothing else.
        pooled: one stock a group rather than one a code.

    Raises:
        EventsRejected: days of a person are not ascending, or a supply is negative; names the row.
    """
