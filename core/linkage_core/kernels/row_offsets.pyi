import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt8s = npt.NDArray[np.uint8]
UInt32s = npt.NDArray[np.uint32]

def offsets_of_counts(counts: UInt32s, first: int, offsets: Int64s) -> None:
    """Write where the rows of each person begin and, behind them, how many there are.

    Args:
        counts: uint32, rows of the persons from position `first` on; all others have none.
        offsets: out, int64, persons + 1.

    Raises:
        EventsRejected: there are more counts than persons from there on.
    """

def persons_with_rows(offsets: Int64s, with_rows: Int32s, without_rows: UInt8s) -> int:
    """Tell who has rows; how many persons do is returned.

    Args:
        offsets: int64, persons + 1.
        with_rows: out, int32, one a person: positions of those with rows, ascending, as many as are returned.
        without_rows: out, uint8, one a person: 1 for the others.

    Raises:
        EventsRejected: columns differ in length.
    """
