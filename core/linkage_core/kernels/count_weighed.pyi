import numpy as np
import numpy.typing as npt

from linkage_core.kernels.sum_in_window import Levels, Periods, Weight

UInt8s = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

Bits = npt.NDArray[np.uint64]

Measure = tuple[int, tuple[int, ...], Bits | None, Bits | None]
"""The weight of which a person must have more than 0 in a window and level, -1 for any row; the weights to add up;
whom to count, and whose rows make a level one that is used, both as a bit a person: words of 64 persons x windows.
None for everybody."""

def count_weighed(
    offsets: Int64s,
    day: Int32s,
    weights: list[Weight],
    levels: Levels,
    measures: list[Measure],
    cell: Int32s,
    used: UInt8s,
    tally: npt.NDArray[np.int64],
    *,
    periods: Periods | None,
    valid: tuple[int, int],
    start: Int32s | None,
    end: npt.NDArray[np.int32],
) -> None:
    """Count persons and add up what their rows weigh, by cell, window and level, in one pass.

    Args:
        offsets, day, weights, levels, periods, valid, start, end: as in `sum_levels_in_windows`.
        measures: up to 8.
        cell: int32, one a person.
        used: uint8, one a level, in and out.
        tally: int64, cells x (windows + 1) x levels x columns, in and out. A measure has a column of persons, then one
            of each sum. The last window is all of them: each person once; its sums are not touched.

    Raises:
        EventsRejected: a weight, level or cell is out of range; names the row.
    """
