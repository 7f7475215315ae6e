import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
UInt8s = npt.NDArray[np.uint8]
UInt64s = npt.NDArray[np.uint64]

def pack_codes(
    code: list[UInt8s], wanted: UInt8s, row: Int64s, bits: UInt64s, persons: Int64s, *, everybody: int
) -> None:
    """Write the persons who have a code, set by set.

    Args:
        code: for each set uint8, one a person.
        wanted: uint8, the code that each set is of.
        row: int64, the row of `bits` that each set is written to.
        bits: uint64, sets x words of 64 persons: the first in the lowest bit, none set behind the last person.
        persons: int64, one a row of `bits`: how many persons it has.
        everybody: persons of the block.

    Raises:
        EventsRejected: lengths differ, or a row does not exist.
    """

def pack_positive(
    value: list[npt.NDArray[np.generic]],
    within: Int64s,
    row: Int64s,
    bits: UInt64s,
    persons: Int64s,
    *,
    everybody: int,
) -> None:
    """Write the persons with more than 0 who are also in another set.

    Args:
        value: for each set bool, uint8, int32 or int64, one a person.
        within: int64, for each set the row of the other one.

    Other arguments, and what is raised, as in `pack_codes`.
    """

def find_subsets(row: Int64s, bits: UInt64s, persons: Int64s, *, everybody: int) -> UInt8s:
    """Which sets lie in which: uint8, sets x sets, 1 where everybody of the row's set is in the column's.

    Args:
        row: int64, sets x periods: rows of `bits`; a set lies in another where it does so in every period.

    Other arguments, and what is raised, as in `pack_codes`.
    """
