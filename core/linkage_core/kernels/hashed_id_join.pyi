import numpy as np
import numpy.typing as npt

UInt32s = npt.NDArray[np.uint32]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def count_rows(found: Int64s, offsets: UInt32s, rows: int) -> Int64s: ...
def expand_rows(found: Int64s, counts: Int64s, offsets: UInt32s) -> UInt32s: ...
def merge_by_day(days: Int32s, starts: Int64s, ends: Int64s, person_slices: Int64s) -> Int64s: ...
