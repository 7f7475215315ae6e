import numpy as np
import numpy.typing as npt

UInt64s = npt.NDArray[np.uint64]
UInt32s = npt.NDArray[np.uint32]
Int64s = npt.NDArray[np.int64]

def directory_shift(keys_high: UInt64s) -> int: ...
def build_directory(keys_high: UInt64s, keys_low: UInt64s) -> UInt32s: ...
def probe_rows(
    keys_high: UInt64s,
    keys_low: UInt64s,
    directory: UInt32s,
    offsets: UInt32s,
    rows: int,
    hidden: Int64s,
    high: UInt64s,
    low: UInt64s,
) -> tuple[UInt32s, UInt32s, int]: ...
def walk_rows(
    keys_high: UInt64s,
    keys_low: UInt64s,
    offsets: UInt32s,
    rows: int,
    hidden: Int64s,
    high: UInt64s,
    low: UInt64s,
    first: int = 0,
) -> tuple[UInt32s, UInt32s, int]: ...
