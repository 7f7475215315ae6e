import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def covered_on_days(
    with_rows: Int32s,
    offsets: Int64s,
    day: Int32s,
    code: Int32s | None,
    supply_64ths: Int32s,
    stays: tuple[Int64s, Int32s, Int32s] | None,
    at_day: Int32s,
    exit_day: Int32s,
    covered: UInt8s,
    *,
    lookback_days: int,
    stock_cap_64ths: int,
    carry_over: bool,
) -> None:
    """Write to `covered` 1 where a whole day's supply is at hand on a day, 2 where the person is in hospital, else 0.

    Args:
        with_rows: int32, ascending: positions of the persons with rows.
        offsets: int64, persons + 1, into the rows; rows of a person are by day.
        day, supply_64ths: int32, one a row: day, supply in 1/64 days, not negative; 0 for a row that does not count.
        code: int32, one a row: its drug, each with a stock of its own; None where all share one.
        stays: offsets of hospital stays, int64, persons + 1, and int32 days of admission and discharge, ascending by
            admission; None where hospital days are days like others.
        at_day: int32, days x persons.
        exit_day: int32, one a person: from this day on nothing covers, in hospital or not.
        covered: uint8, days x persons, out.
        lookback_days: stocks start empty so many days before each day; earlier rows do not count.
        stock_cap_64ths: the most that a stock holds.
        carry_over: what is left is carried; else each row covers its own days.

    Raises:
        EventsRejected: rows are out of order, a supply is negative (names the row), or columns differ in length.
    """
