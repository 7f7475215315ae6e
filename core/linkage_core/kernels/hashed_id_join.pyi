import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
UInt8s = npt.NDArray[np.uint8]
UInt32s = npt.NDArray[np.uint32]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def list_rows(starts: UInt32s, counts: UInt32s) -> UInt32s: ...
def select_rows(
    codes: Codes, validity: UInt8s | None, first_bit: int, wanted: UInt8s, starts: UInt32s, counts: UInt32s
) -> tuple[UInt32s, UInt32s, Int32s]: ...
def merge_by_day(days: Int32s, starts: Int64s, ends: Int64s, person_slices: Int64s) -> Int64s: ...
