import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt8s = npt.NDArray[np.uint8]

def covered_grid(
    with_rows: Int32s,
    offsets: Int64s,
    day: Int32s,
    code: Int32s,
    groups_of_code: UInt8s,
    supplies: list[Int32s],
    valid_from: Int32s,
    valid_until: Int32s,
    carry: Int32s,
    start: Int32s,
    end: Int32s,
    stays: tuple[Int64s, Int32s, Int32s] | None,
    covered: Int32s,
    *,
    lookback_days: int,
    stock_cap_64ths: int,
    all_groups: bool,
) -> None:
    """Count the days of [start, end) on which supply was at hand, for every supply and rule of carry-over.

    Args:
        with_rows: int32, ascending: positions of the persons who have rows.
        offsets: int64, persons + 1: rows of person i are [offsets[i], offsets[i + 1]).
        day: int32, one a row, ascending within a person; `code`: int32, one a row, the drug; -1 for none.
        groups_of_code: uint8, one a code: bit g for group g.
        supplies: at most 8 times int32, one a row, in 1/64 days.
        valid_from, valid_until: int32, one a group, at most 8: rows on other days do not count for it.
        carry: int32: 0 carries nothing over, 1 has one stock a group, 2 one for each drug.
        start: int32, one a person; `end`: int32, ends x persons, ascending for each person.
        stays: hospital stays by person and day of admission: offsets, days of admission, days of discharge. These days
            are not counted, and no stock is used on them; None where they do not matter.
        covered: int32, rules x supplies x ends x persons: written for persons with rows that count. 0 stands before.
        lookback_days: days before the start on which stocks start empty.
        stock_cap_64ths: the most that a stock may hold.
        all_groups: a day counts that every group covers; else one that any does.

    Raises:
        EventsRejected: lengths differ, days of a person descend, or a supply is negative; names the row.
    """
