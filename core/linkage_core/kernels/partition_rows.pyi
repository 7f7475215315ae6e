from typing import Any

import numpy as np
import numpy.typing as npt

def partitions_of(ids: npt.NDArray[np.uint8], bits: int, partition: npt.NDArray[np.uint16]) -> None: ...
def order_by_partition(
    partition: npt.NDArray[np.uint16], order: npt.NDArray[np.uint16], partitions: int
) -> npt.NDArray[np.uint32]: ...
def mark_used(codes: npt.NDArray[Any], absent: npt.NDArray[np.uint8] | None, used: npt.NDArray[np.uint8]) -> None: ...
def deal_ids(
    ids: npt.NDArray[np.uint8],
    partition: npt.NDArray[np.uint16],
    high_places: npt.NDArray[np.int64],
    low_places: npt.NDArray[np.int64],
    target: npt.NDArray[np.uint8],
) -> None: ...
def deal(
    source: npt.NDArray[Any],
    base: int,
    table: npt.NDArray[np.uint32] | None,
    absent: npt.NDArray[np.uint8] | None,
    order: npt.NDArray[np.uint16],
    counts: npt.NDArray[np.uint32],
    places: npt.NDArray[np.int64],
    target: npt.NDArray[np.uint8],
    width: int,
) -> None: ...
