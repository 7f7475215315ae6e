import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Lists = tuple[Int32s, Int32s]
"""int32, one more than there are lists: where each begins; and int32, their entries."""

def supply_together(
    offsets: Int64s,
    day: Int32s,
    drug: Int32s,
    supply_64ths: Int32s,
    counters_of_drug: Lists,
    conditions_of_counter: Lists,
    need: Int32s,
    least: Int32s,
    slot: Int32s,
    start: Int32s,
    end: Int32s,
    together: Int32s,
    drug_days: Int64s,
    *,
    longest: int,
    lookback_days: int,
    stock_cap_64ths: int,
    carry_over: bool,
    in_a_row: bool,
) -> None:
    """Count, for each person and slot, the days of [start, end) on which a condition about her drugs is met.

    Args:
        offsets: int64, persons + 1, into the rows; rows of a person are by day.
        day, drug, supply_64ths: int32, one a row: day, number of the drug (-1: does not count), supply in 1/64 days.
        counters_of_drug: the counters that count each drug.
        conditions_of_counter: the conditions that ask for each counter.
        need, least: int32, conditions x 3: a counter (-1 for none), and how many drugs it must count at least.
        slot: int32, one a condition: where its days go.
        start: int32, one a person; `end`: int32, ends of observation x persons, ascending for each person. A person
            with end <= start gets zeros.
        together: int32, ends x slots x persons, out: days, of the condition of the slot that has most.
        drug_days: int64, ends x persons, out: days covered of each drug, added up; or 0 x persons.
        longest: rows of the person with most.
        lookback_days: days before `start` on which each stock starts empty.
        stock_cap_64ths: the most a stock may hold after a dispensing.
        carry_over: a drug's supply is used up day after day; else a row covers [day, day + whole days) and no more.
        in_a_row: the longest run of days instead of all days.

    Raises:
        EventsRejected: days of a person are not ascending, or a supply is negative; names the row.
    """
