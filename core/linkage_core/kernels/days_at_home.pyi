import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def days_at_home(stays: tuple[Int64s, Int32s, Int32s] | None, start: Int32s, end: Int32s, days: Int32s) -> None:
    """Write to `days` those of each observation that its person was not in hospital; 0 where it ends before it starts.

    Args:
        stays: int64, persons + 1, offsets; int32, one a stay: days of admission, ascending for each person, and of
            discharge, which is not counted. None where nobody has any.
        start: int32, one a person: the first day that is observed.
        end: int32, ends x persons: the first day that is not.
        days: int32, ends x persons, out.

    Raises:
        EventsRejected: columns differ in length.
    """
