import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

Weight = Int64s | tuple[Int32s, Int32s | None, bool]
"""What each row adds: int64 numbers; or an int32 amount, times a factor if there is one, or only the sign of that."""

Levels = tuple[Int32s | Int64s, Int32s, int]
"""Code of each row (int32, -1 for none) and level of each code; or offsets (int64, rows + 1) and level of each entry.
Last the number of levels; the last level is that of rows without a code."""

Periods = tuple[Int32s, int, int]
"""Period of each day, from a first day on; the number of periods."""

def sum_in_windows(
    offsets: Int64s,
    day: Int32s,
    weights: list[Weight],
    sums: npt.NDArray[np.int64],
    *,
    periods: Periods | None,
    valid: tuple[int, int],
    start: Int32s | None,
    end: npt.NDArray[np.int32],
) -> None:
    """Add up what rows weigh, for each weight, window and person, in one pass.

    Args:
        offsets: int64, persons + 1, into the rows; order inside a person does not matter.
        day: int32, one a row.
        weights: up to 8; at most 2^40 a row either way.
        sums: int64, weights x windows x persons or more, in and out; what lies behind the persons is not touched.
        periods: calendar periods as the windows of everybody; `end` is then 1 x persons, the first day not observed.
        valid: first day on which rows count and first on which they no longer do.
        start: int32, one a person; None with periods.
        end: int32, windows x persons.

    Raises:
        EventsRejected: a weight is out of range; names the row.
    """

def add_by_cell(
    offsets: Int64s,
    day: Int32s,
    weights: list[Weight],
    among: npt.NDArray[np.uint64],
    cell: Int32s,
    sums: npt.NDArray[np.int64],
    *,
    periods: Periods | None,
    valid: tuple[int, int],
    start: Int32s | None,
    end: npt.NDArray[np.int32],
) -> None:
    """Add up by cell, window and weight what the rows of some persons weigh, in one pass.

    Args:
        offsets, day, weights, periods, valid, start, end: as in `sum_in_windows`.
        among: uint64, windows x words of 64 persons: whose rows are added up.
        cell: int32, one a person.
        sums: int64, cells x windows x weights, in and out.

    Raises:
        EventsRejected: a weight or cell is out of range; names the row or person.
    """

def mark_windows(
    offsets: Int64s,
    day: Int32s,
    weights: list[Weight],
    has_rows: npt.NDArray[np.uint8],
    above: npt.NDArray[np.uint8],
    *,
    periods: Periods | None,
    valid: tuple[int, int],
    start: Int32s | None,
    end: npt.NDArray[np.int32],
) -> None:
    """Tell who has rows in each window, and for each weight whether her rows there come to more than 0, in one pass.

    Args:
        offsets, day, weights, periods, valid, start, end: as in `sum_in_windows`; weights may be none.
        has_rows: uint8, (windows + 1) x persons or more, zeros, out: 1 where a row lies in the window. The last window
            is scratch, and what lies behind the persons is not touched.
        above: uint8, weights x (windows + 1) x as many, zeros, out.

    Raises:
        EventsRejected: a weight is out of range; names the row.
    """

def entries_in_windows(
    offsets: Int64s,
    day: Int32s,
    levels: Levels,
    counts: Int64s,
    *,
    periods: Periods | None,
    valid: tuple[int, int],
    start: Int32s | None,
    end: npt.NDArray[np.int32],
) -> None:
    """Add to `counts`, one a window, how many levels the rows in it have: room that is enough for its entries."""

def sum_levels_in_windows(
    offsets: Int64s,
    day: Int32s,
    weights: list[Weight],
    levels: Levels,
    starts: Int64s,
    filled: Int64s,
    entry: npt.NDArray[np.int64],
    latest: Int64s,
    *,
    periods: Periods | None,
    valid: tuple[int, int],
    start: Int32s | None,
    end: npt.NDArray[np.int32],
) -> None:
    """Add up what rows weigh by window, person and level, one entry each, in one pass.

    Args:
        starts: int64, windows + 1: entries of window w have room from starts[w] up to starts[w + 1].
        filled: int64, one a window, in and out: starts[w] at first, then where its entries end.
        entry: int64, out, entries x (1 + weights): person and level as two int32 in the first, then the values;
            ascending by person and level within a window.
        latest: int64, windows x levels: scratch, zeros.

    Raises:
        EventsRejected: a weight is out of range, or there is no room; names the row.
    """
