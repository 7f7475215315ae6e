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
def deal(
    source: npt.NDArray[Any],
    base: int,
    absent: npt.NDArray[np.uint8] | None,
    partition: npt.NDArray[np.uint16],
    places: npt.NDArray[np.int64],
    target: npt.NDArray[np.uint8],
    width: int,
) -> None: ...
