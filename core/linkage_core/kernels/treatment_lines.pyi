import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def treatment_lines(
    offsets: Int64s,
    day: Int32s,
    drug: Int32s,
    supply_64ths: Int32s,
    groups_of_drug: Int32s,
    start: Int32s,
    end: Int32s,
    lines: Int32s,
    treatment: Int32s,
    line_start: Int32s,
    line_end: Int32s,
    *,
    longest: int,
    lookback_days: int,
    stock_cap_64ths: int,
    carry_over: bool,
    collapse_gap_days: int,
    least_era_days: int,
    combination_days: int,
    least_piece_days: int,
    which: int,
) -> None:
    """Find the first treatment lines of each person in [start, end).

    Args:
        offsets: int64, persons + 1, into the rows; rows of a person are by day.
        day, drug, supply_64ths: int32, one a row: day, number of the drug (-1: does not count), supply in 1/64 days.
        groups_of_drug: int32, one a drug: bit g is set where it belongs to group g; at most 16 groups.
        start, end: int32, one a person; a person with end <= start has no line.
        lines: int32, one a person, out: how many, no more than there is room for.
        treatment, line_start, line_end: int32, lines x persons, out: groups as bits, first day, first day after it.
        longest: rows of the person with most.
        lookback_days: days before `start` on which each stock starts empty.
        stock_cap_64ths: the most a stock may hold after a dispensing.
        carry_over: a drug's supply is used up day after day; else a row covers [day, day + whole days) and no more.
        collapse_gap_days: days without supply that an era of a group may have at once.
        least_era_days: shorter eras are left out before anything else.
        combination_days: eras that overlap for so many days are combined, and so is one that lies inside another; of
            others the earlier ends where the later begins.
        least_piece_days: shorter pieces before, in and after an overlap are left out.
        which: 0 every line, 1 lines of one treatment in a row as one, 2 the first line of each treatment.

    Raises:
        EventsRejected: days of a person are not ascending, or a supply is negative; names the row.
    """
