import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def count_levels(
    person: list[Int32s],
    level: list[Int32s],
    value: list[Int64s] | None,
    among: list[UInt8s],
    cell: Int32s,
    used: UInt8s,
    counts: Int64s,
    sums: Int64s | None,
) -> None:
    """Count the persons of a set by cell, period and row level, and add their values.

    Args:
        person, level: int32, for each period one an entry, with any strides; persons ascend, each pair stands once.
        value: int64, one an entry; needed for `sums` only.
        among: uint8, for each period one a person: not 0 where she is in the period's set.
        cell: int32, one a person.
        used: uint8, one a level, in and out: 1 where any entry has it, whoever's it is.
        counts: int64, cells x (periods + 1) x levels, in and out; the last period is all of them, each person once.
        sums: int64, cells x periods x levels, in and out; None where nothing is added.

    Raises:
        EventsRejected: an entry is out of range or out of order; names it.
    """
