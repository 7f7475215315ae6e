from typing import Any

import numpy as np
import numpy.typing as npt

def collect(pieces: npt.NDArray[np.uint64], target: npt.NDArray[Any]) -> None: ...
def arrange(source: npt.NDArray[Any], order: npt.NDArray[np.uint32], target: npt.NDArray[Any]) -> None: ...
def arrange_lists(
    source: npt.NDArray[Any],
    starts: npt.NDArray[np.int64],
    order: npt.NDArray[np.uint32],
    target: npt.NDArray[Any],
) -> None: ...
def persons_in_order(
    high: npt.NDArray[np.uint64],
    low: npt.NDArray[np.uint64],
    order: npt.NDArray[np.uint32],
    keys_hi: npt.NDArray[np.uint64],
    keys_lo: npt.NDArray[np.uint64],
    starts: npt.NDArray[np.uint32],
) -> int: ...
