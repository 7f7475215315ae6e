import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def incident_use(
    offsets: Int64s,
    day: Int32s,
    left: Int32s,
    base: Int32s,
    bounds: Int32s,
    known_from: Int32s,
    exit_day: Int32s,
    events: npt.NDArray[np.int32],
    days: npt.NDArray[np.int32],
    *,
    washout: int,
    repeated: bool,
) -> None:
    """Count, by window and person, first rows after a washout and days on which there could have been one.

    A day is at risk when it lies `washout` days or more after `known_from`, and none of the `washout` days before it
    has a row. The day of an event is still at risk. Without `repeated` a person's time ends with her first event in
    any window.

    Args:
        offsets: int64, persons + 1, into the rows; rows of a person are by day.
        day, left: int32, one a row; rows with nothing left do not count.
        base: int32, one a person, or one for all.
        bounds: int32, windows + 1, ascending: window w is [base + bounds[w], base + bounds[w + 1]).
        known_from: int32, one a person: first day on which her rows are known.
        exit_day: int32, one a person: first day on which she is no longer observed.
        events, days: int32, windows x persons, zeros, out.

    Raises:
        EventsRejected: days of a person are out of order; names the row. Columns differ in length.
    """
