from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[Any]
UInt8s = npt.NDArray[np.uint8]
UInt32s = npt.NDArray[np.uint32]
Int32s = npt.NDArray[np.int32]

def gather_runs(values: Integers, base: int, starts: UInt32s, counts: UInt32s, out: Integers) -> int: ...
def gather_listed(values: Integers, base: int, rows: UInt32s, out: Integers) -> int: ...
def renumber(codes: Int32s, table: Int32s, out: Int32s) -> bool: ...
def gather_validity(validity: UInt8s, first_bit: int, rows: UInt32s, out: UInt8s) -> None: ...
