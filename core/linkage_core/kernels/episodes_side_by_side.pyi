import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Table = np.ndarray[tuple[int, int], np.dtype[np.int32]]

MOST_GAPS: int

def episodes_side_by_side(
    person: Int32s,
    drugs: Int32s,
    block_at: Int64s,
    day: Int32s,
    drug: Int32s,
    supply_64ths: Int32s,
    from_day: Int32s,
    until_day: Int32s,
    last_day: Int32s,
    gap_64ths: Int32s,
    start: Int32s,
    end: Int32s,
    first: Table,
    episodes: Table,
    second_start: Table,
    *,
    days: int,
    carry: int,
    append_gap: bool,
) -> None:
    """Follow-up and, by permitted gap, length of the first episode, number of episodes, and start of the second.

    Args:
        person, drugs, block_at: blocks of persons, as `order_persons` makes them.
        day, drug, supply_64ths: int32, rows x 8, as `lay_column` lays them: day, number of the drug, supply in
            1/64 days, not negative; 0 for a row that does not count or is none.
        from_day, until_day, last_day: int32, one a person: the first dispensing lies in [from_day, until_day), and
            follow-up ends on `last_day` at the latest.
        gap_64ths: int32, at most 8 permitted gaps, in 1/64 days.
        start, end: int32, one a person, out: follow-up; 2**31 - 1 for who has no first dispensing.
        first: int32, gaps x persons, out: length of the first episode in 1/64 days.
        episodes: int32, gaps x persons, out; 0 x persons where nobody asks.
        second_start: int32, gaps x persons, out: 2**31 - 1 where there is none; 0 x persons where nobody asks.
        days: length of follow-up.
        carry: 0 nothing, 1 in one stock, 2 in one of each drug.
        append_gap: an episode that a gap ends lasts for the permitted gap as well.

    Raises:
        EventsRejected: columns differ in length, or there are more gaps.
    """
