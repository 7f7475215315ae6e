from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def dispensed_in_spans(
    with_rows: Int32s,
    offsets: Int64s,
    day: Int32s,
    code: Int32s | None,
    left: Int32s,
    index: Int32s,
    class_of_code: Int32s,
    calendar: Int32s,
    part_of_day: npt.NDArray[np.uint8],
    answers: npt.NDArray[np.uint64],
    cuts: Sequence[tuple[Int32s, int]],
    dispensed: npt.NDArray[np.uint8],
    *,
    first_day: int,
    none: int,
) -> None:
    """Write whether a row of each person answers each question, in one pass over the rows.

    Args:
        with_rows: int32, ascending: positions of the persons with at least one row; others answer nothing.
        offsets: int64, persons + 1, into the rows; order inside a person does not matter.
        day, code, left: int32, one a row: day, dictionary id (-1 for none), what is left; rows with 0 do not count.
            Without codes every row is of the first class.
        index: int32, one a person.
        class_of_code: int32, codes + 1: class of a row without a code, then of each code.
        calendar: int32, ascending: days on which answers change.
        part_of_day: uint8: part of the days around the index day; the first number is for day `first_day` after it
            and all earlier ones, the last for its day and all later ones.
        answers: uint64, calendar parts x classes x parts x words: bit i of word j is set where such a row answers
            question 64 * j + i.
        cuts: at most two: days, one a person or one for all, from which on rows do not answer the questions of bits, of
            all words as one number.
        dispensed: uint8, out, questions (at most 128) x persons.
        none: the day of a row without one, which answers nothing; above every day.

    Raises:
        EventsRejected: columns differ in length.
    """
