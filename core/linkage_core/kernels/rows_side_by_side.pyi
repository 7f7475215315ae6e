import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

SIDE: int

def order_persons(
    with_rows: Int32s,
    offsets: Int64s,
    day: Int32s,
    code: Int32s,
    number: Int32s,
    room: Int32s,
    person: Int32s,
    drugs: Int32s,
    block_at: Int64s,
) -> None:
    """Number the drugs of each person and put persons into blocks of `SIDE` with about as many drugs and rows.

    Args:
        with_rows: int32, ascending: positions of the persons with rows.
        offsets: int64, persons + 1, into the rows; rows of a person are by day.
        day, code: int32, one a row: its day and drug.
        number: int32, one a row, out: the person's drugs as they come, from 0 on.
        room: int32, persons with rows and rows: what is written here is of no use.
        person: int32, blocks x `SIDE`, out: positions of persons, the last of all in every lane that
            is left.
        drugs: int32, one a block, out: the most drugs of one of its persons.
        block_at: int64, blocks + 1, out: rows of the persons with most before each block.

    Raises:
        EventsRejected: rows are out of order (names the row), or columns differ in length.
    """

def lay_column(
    offsets: Int64s,
    person: Int32s,
    block_at: Int64s,
    column: Int32s,
    laid: Int32s,
    *,
    of_no_row: int,
    may_be_negative: bool,
) -> None:
    """Write to `laid`, int32, rows x `SIDE`, what a column has of each person's rows, in her lane.

    Args:
        column: int32, one a row.
        of_no_row: what stands behind a person's last row.
        may_be_negative: rows of days may; else those of supply, which may not.

    Raises:
        EventsRejected: columns differ in length, or a row is negative that may not be (names the row).
    """
