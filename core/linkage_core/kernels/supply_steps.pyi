from typing import Any

import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt8s = npt.NDArray[np.uint8]
Integers = npt.NDArray[Any]
Step = tuple[int, Integers | None, Int32s | None, Int64s, Int64s, UInt8s | None]

def serve_rows(
    offsets: Int64s,
    left: Int32s,
    quantity: Int32s,
    steps: list[Step],
    supply: Int32s,
    step: UInt8s,
    told: Int64s,
    *,
    cap: int,
) -> None:
    """Days of supply of each row of which something is left, by the first step that says more than nothing.

    Args:
        offsets: int64, persons + 1: the rows of each person.
        left, quantity: int32, one a row: packages left, and packages of the row as it was.
        steps: 1 to 60, each of six parts:
            share: what the amount is of, and what becomes of it where packages of the row were taken: 0 each package
                that is left; 1 the row, of which a share is left; 2 the same in whole days, at least one; 3 the row,
                which keeps all of it.
            amount: int32 or int64, one a row, below 0 is 0; None for 1.
            code: int32, one a row: which of the next applies, -1 the first; None where all rows have the first.
            above, below: int64, as many as codes and one: 1/64 days of an amount are amount * above // below; 0 where
                `below` is 0.
            served: uint8, one a row: 1 where the step answers even if it says nothing; None for nowhere.
        supply: out, int32, one a row: 1/64 days, at most `cap`; 0 without an answer.
        step: out, uint8, one a row: position of the step that answered, `len(steps)` where none could, and one
            more where nothing is left of the row.
        told: int64, 2 x (steps + 3), added to: rows, and persons with such a row, by step, without a step, cut at the
            cap, and not cut.
    """
