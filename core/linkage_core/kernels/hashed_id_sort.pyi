import numpy as np
import numpy.typing as npt

def sort_order(
    high: npt.NDArray[np.uint64], low: npt.NDArray[np.uint64], days: npt.NDArray[np.int32]
) -> npt.NDArray[np.uint32]: ...
