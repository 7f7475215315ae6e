import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def serve(
    lasts: Int32s | Int64s,
    left: Int32s,
    supply: Int32s,
    step: UInt8s,
    capped: UInt8s,
    *,
    cap: int,
    place: int,
    none: int,
) -> None:
    """Give the rows that still wait, and that a step can answer for, the supply it tells.

    Args:
        lasts: one a row: 1/64 days by this step, 0 or less where it cannot answer.
        left: one a row: what is left after reversals; rows without anything left are not served.
        supply, step, capped: one a row, written where this step serves it: 1/64 days, `place`, and 1 where the cap
            cut it. A row waits while its `step` is `none`.
        cap: the most that a row may last, in 1/64 days.

    Raises:
        EventsRejected: the columns differ in length.
    """
