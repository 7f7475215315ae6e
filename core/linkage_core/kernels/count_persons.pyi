import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt64s = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.integer]

def count_sets(bits: UInt64s, persons: Int64s, row: Int64s, cell: Int32s, counts: Int64s) -> None:
    """Count the persons of sets by cell.

    Args:
        bits: uint64, sets x words of 64 persons: the first in the lowest bit, none set behind the last person.
        persons: int64, one a row of `bits`: how many persons it has.
        row: int64, one a column: the set that it counts; a set may be counted by several.
        cell: int32, one a person.
        counts: int64, columns x cells, zeros; written.

    Raises:
        EventsRejected: lengths differ, or a row or cell does not exist; names the person's position.
    """

def add_values(bits: UInt64s, value: Integers, cell: Int32s, sums: Int64s) -> None:
    """Add the values of the persons of one set to the sums of their cells.

    Args:
        bits: uint64, one row of sets as in `count_sets`.
        value: int32 or int64, one a person.
        sums: int64, one a cell; added to.

    Raises:
        EventsRejected: lengths differ, or a cell does not exist; names the person's position.
    """

def add_fractions(bits: UInt64s, value: Integers, of: Integers, cell: Int32s, sums: Int64s, *, scale: int) -> None:
    """Add `value / of` in units of 1 / `scale`, rounded half up for each person; `of` is taken as 1 at least."""
