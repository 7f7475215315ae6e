import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def count_levels(
    person: Int32s,
    level: Int32s,
    value: Int64s | None,
    starts: Int64s,
    among: UInt8s,
    cell: Int32s,
    used: UInt8s,
    counts: Int64s,
    sums: Int64s | None,
) -> None:
    """Count the persons of a set by cell, period and row level, and add their values.

    Args:
        person, level: int32, one an entry; persons ascend within a period, each pair stands once a period.
        value: int64, one an entry; needed for `sums` only.
        starts: int64, periods + 1: entries of period p are [starts[p], starts[p + 1]).
        among: uint8, periods x persons: not 0 where the person is in the period's set.
        cell: int32, one a person.
        used: uint8, one a level, in and out: 1 where any entry has it, whoever's it is.
        counts: int64, cells x (periods + 1) x levels, in and out; the last period is all of them, each person once.
        sums: int64, cells x periods x levels, in and out; None where nothing is added.

    Raises:
        EventsRejected: an entry is out of range or out of order; names it.
    """
