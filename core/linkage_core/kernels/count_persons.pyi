import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]
UInt64s = npt.NDArray[np.uint64]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def count_persons(cell: Int32s, among: UInt8s, counts: Int64s) -> None:
    """Add the persons of a set to the counts of their cells.

    Args:
        cell: int32, one a person: position in `counts`.
        among: uint8, one a person: not 0 where she is in the set.
        counts: int64, in and out.

    Raises:
        EventsRejected: a cell is out of range; names the person's position.
    """

def add_values(cell: Int32s, among: UInt8s, value: Int64s, sums: Int64s) -> None:
    """Add the values of the persons of a set to the sums of their cells; arguments as in `count_persons`."""

def add_fractions(cell: Int32s, among: UInt8s, value: Int64s, of: Int64s, sums: Int64s, *, scale: int) -> None:
    """Add value / of (at least 1) of the persons of a set, each rounded half up to a whole 1 / scale."""

def find_subsets(bits: UInt64s) -> UInt8s:
    """uint8, sets x sets: 1 where every bit of the row's set is in the column's; `bits` is one row of words a set."""
