import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt8s = npt.NDArray[np.uint8]

def episode_grid(
    offsets: Int64s,
    day: Int32s,
    code: Int32s,
    supplies: list[Int32s],
    from_day: Int32s,
    until_day: Int32s,
    last_day: Int32s,
    gap_64ths: Int32s,
    carry: Int32s,
    start: Int32s,
    end: Int32s,
    episodes: list[list[Int32s]],
    first: list[list[Int32s]],
    exit_day: Int32s,
    questions: Int32s,
    answers: UInt8s,
    *,
    days: int,
    append_gap: bool,
) -> None:
    """Find treatment episodes for every supply, rule of carry-over and permitted gap.

    Args:
        offsets: int64, persons + 1: rows of person i are [offsets[i], offsets[i + 1]).
        day: int32, one a row, ascending within a person; `code`: int32, one a row, the drug.
        supplies: at most 8 times int32, one a row, in 1/64 days; 0 where the row is no dispensing.
        from_day, until_day: int32, one a person: the first dispensing lies in [from_day, until_day).
        last_day: int32, one a person: follow-up ends here at the latest.
        gap_64ths: int32, at most 8, not negative, in 1/64 days: an episode ends with a gap of more.
        carry: int32, at most 3: 0 carries nothing over, 1 has one stock, 2 one for each drug.
        start, end: int32, supplies x persons: written; the largest int32 for who has no first dispensing.
        episodes: by rule of carry-over and supply int32, gaps x persons: written, or empty where nobody asks.
        first: as `episodes`: length of the first episode in 1/64 days, 0 where there is none.
        exit_day: int32, one a person: the day of her exit.
        questions: int32, at most 64 x 3: position of a gap; 0 for whether the first episode by it ended more than so
            many days before the exit or the end of the days of follow-up, whichever comes first, 1 for whether it lasts
            longer than so many days; and how many.
        answers: uint8, rules of carry-over x supplies x questions x persons: written, 1 for yes; 0 where nothing began.
        days: of follow-up from the first dispensing.
        append_gap: an episode that a gap ended lasts until the end of the permitted gap.

    Raises:
        EventsRejected: lengths differ, days of a person descend, or a supply is negative; names the row.
    """
