from typing import Any

import numpy as np
import numpy.typing as npt

def split_ids(
    ids: npt.NDArray[np.uint8],
    bits: int,
    high: npt.NDArray[np.uint64],
    low: npt.NDArray[np.uint64],
    partition: npt.NDArray[np.uint16],
    counts: npt.NDArray[np.int64],
) -> None: ...
def order_by_partition(
    partition: npt.NDArray[np.uint16], order: npt.NDArray[np.uint32], partitions: int
) -> npt.NDArray[np.uint32]: ...
def deal(
    source: npt.NDArray[Any],
    base: int,
    absent: npt.NDArray[np.uint8] | None,
    order: npt.NDArray[np.uint32],
    counts: npt.NDArray[np.uint32],
    places: npt.NDArray[np.int64],
    target: npt.NDArray[np.uint8],
    width: int,
) -> None: ...
