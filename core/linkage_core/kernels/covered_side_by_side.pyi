import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def covered_side_by_side(
    person: Int32s,
    drugs: Int32s,
    block_at: Int64s,
    day: Int32s,
    drug: Int32s,
    supply_64ths: Int32s,
    at_day: Int32s,
    exit_day: Int32s,
    covered: UInt8s,
    *,
    lookback_days: int,
    stock_cap_64ths: int,
    carry_over: bool,
    by_drug: bool,
) -> None:
    """Write to `covered` 1 where a whole day's supply is at hand on a day, else 0.

    Args:
        person, drugs, block_at: blocks of persons, as `order_persons` makes them.
        day, drug, supply_64ths: int32, rows x 8, as `lay_column` lays them: day, number of the drug, supply in
            1/64 days, not negative; 0 for a row that does not count or is none.
        at_day: int32, days x persons.
        exit_day: int32, one a person: from this day on nothing covers.
        covered: uint8, days x persons, out.
        lookback_days: stocks start empty so many days before each day; earlier rows do not count.
        stock_cap_64ths: the most that a stock holds.
        carry_over: what is left is carried; else each row covers its own days.
        by_drug: each drug has a stock of its own; else all share one.

    Raises:
        EventsRejected: columns differ in length.
    """
