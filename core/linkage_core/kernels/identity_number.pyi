from datetime import date

import numpy as np
import numpy.typing as npt

from linkage_core.kernels.arrow_loan import ArrowArrayLender

def parse_text_numbers(
    numbers: ArrowArrayLender,
    *,
    reference_date: date,
    kinds: npt.NDArray[np.uint8],
    problems: npt.NDArray[np.uint8],
    canonical: npt.NDArray[np.uint8],
    birth_days: npt.NDArray[np.int32],
    sexes: npt.NDArray[np.uint8],
) -> None: ...
def parse_fixed_numbers(
    numbers: ArrowArrayLender,
    *,
    reference_date: date,
    kinds: npt.NDArray[np.uint8],
    problems: npt.NDArray[np.uint8],
    canonical: npt.NDArray[np.uint8],
    birth_days: npt.NDArray[np.int32],
    sexes: npt.NDArray[np.uint8],
) -> None: ...
def parse_integer_numbers(
    numbers: ArrowArrayLender,
    *,
    reference_date: date,
    kinds: npt.NDArray[np.uint8],
    problems: npt.NDArray[np.uint8],
    canonical: npt.NDArray[np.uint8],
    birth_days: npt.NDArray[np.int32],
    sexes: npt.NDArray[np.uint8],
) -> None: ...
