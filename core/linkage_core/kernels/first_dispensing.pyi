import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def first_dispensing(
    offsets: Int64s,
    day: Int32s,
    code: Int32s,
    left: Int32s,
    is_member: UInt8s,
    start: Int32s,
    end: Int32s,
    first_day: Int32s,
    *,
    none: int,
) -> None:
    """Write to `first_day` the first day in [start, end) with a row of the code set, or `none`.

    Args:
        offsets: int64, persons + 1, into the rows; order inside a person does not matter.
        day, code, left: int32, one a row: day, dictionary id (-1 for none), what is left after reversals.
        is_member: 1 where a dictionary id belongs to the code set.
        start, end: int32, one a person.
        first_day: int32, out, one a person.
        none: what stands for "no such row"; above every day.

    Raises:
        EventsRejected: columns differ in length.
    """

def first_dispensings(
    offsets: Int64s,
    day: Int32s,
    code: Int32s,
    left: Int32s,
    sets_of_code: npt.NDArray[np.uint64],
    sets_of_every_row: npt.NDArray[np.uint64],
    valid_from: Int32s,
    valid_until: Int32s,
    questions_of_set: Int64s,
    window_of_question: Int32s,
    start: npt.NDArray[np.int32],
    end: npt.NDArray[np.int32],
    first_day: npt.NDArray[np.int32],
    *,
    none: int,
) -> None:
    """Write the first day of each question (a code set in a window) and person, in one pass over the rows.

    Args:
        offsets: int64, persons + 1, into the rows; order inside a person does not matter.
        day, code, left: int32, one a row: day, dictionary id (-1 for none), what is left; rows with 0 do not count.
        sets_of_code: uint64, codes x words: bit i of word w is set where the code belongs to code set 64 w + i.
        sets_of_every_row: uint64, one a word: code sets to which every row belongs, also one without a code.
        valid_from, valid_until: int32, one a code set, half-open.
        questions_of_set: int64, code sets + 1: questions of set i are [i, i + 1) of it.
        window_of_question: int32: row of `start` and `end`; -1 for any day.
        start, end: int32, windows x persons, half-open.
        first_day: int32, out, questions x persons; `none` where there is no such row.
    """
