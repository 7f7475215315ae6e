import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

LONGEST_WINDOW: int
"""The most days from the first on which a stock may be filled to the last that is observed."""

def covered_days_side_by_side(
    person: Int32s,
    drugs: Int32s,
    block_at: Int64s,
    day: Int32s,
    drug: Int32s,
    supply_64ths: Int32s,
    stays: tuple[Int64s, Int32s, Int32s] | None,
    start: Int32s,
    end: Int32s,
    covered: Int32s,
    *,
    lookback_days: int,
    stock_cap_64ths: int,
    carry_over: bool,
    by_drug: bool,
) -> None:
    """Count, for each person, the days at home in [start, end) on which supply was at hand.

    Args:
        person, drugs, block_at: blocks of persons, as `order_persons` makes them.
        day, drug, supply_64ths: int32, rows x 8, as `lay_column` lays them: day, number of the drug, supply in
            1/64 days, not negative; 0 for a row that does not count or is none.
        stays: offsets (int64, persons + 1) and hospital stays [admitted, discharged) by day of admission, or None.
        start: int32, one a person.
        end: int32, ends of observation x persons; a person with end <= start gets zeros.
        covered: int32, out, as `end`.
        lookback_days: days before `start` on which the stock starts empty.
        stock_cap_64ths: the most a stock may hold after a dispensing.
        carry_over: False lets a dispensing cover [day, day + whole days) and nothing else.
        by_drug: each drug has a stock of its own; else all share one.

    Raises:
        EventsRejected: columns differ in length, or an observation with its look-back is longer than `LONGEST_WINDOW`.
    """
