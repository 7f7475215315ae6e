# cython: freethreading_compatible = True
"""The drugs with which a person begins, which of her rows are of them, and who begins another one on which days.

The drugs are those of her rows with supply on the day of her start: mostly one, so it is looked for among these rows.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t

from linkage_core.kernels.kernel_result cimport KERNEL_LENGTH_MISMATCH, kernel_failed, raise_if_failed

# Rows of a person are by day.
ctypedef struct Rows:
    const int64_t* offsets
    const int32_t* day
    const int32_t* code
    const int32_t* supply_64ths

# Rows of the day of the start.
ctypedef struct Start:
    int64_t row
    int64_t row_end


cdef inline Start rows_of_start(const Rows* rows, int64_t person, int32_t day) noexcept nogil:
    cdef Start start
    cdef int64_t last = rows.offsets[person + 1]
    start.row = rows.offsets[person]
    while start.row < last and rows.day[start.row] < day:
        start.row += 1
    start.row_end = start.row
    while start.row_end < last and rows.day[start.row_end] == day:
        start.row_end += 1
    return start


cdef inline bint is_first(const Rows* rows, const Start* start, int32_t code) noexcept nogil:
    cdef int64_t row
    for row in range(start.row, start.row_end):
        if rows.code[row] == code and rows.supply_64ths[row] > 0:
            return True
    return False


cdef void keep_all(const Rows* rows, int64_t persons, const int32_t* start_day, int32_t* kept) noexcept nogil:
    cdef int64_t person, row
    cdef Start start
    for person in range(persons):
        if rows.offsets[person] == rows.offsets[person + 1]:
            continue
        start = rows_of_start(rows, person, start_day[person])
        for row in range(rows.offsets[person], rows.offsets[person + 1]):
            kept[row] = rows.supply_64ths[row] if is_first(rows, &start, rows.code[row]) else 0


# Rows of other drugs; `counts` is 0 for a row that is no dispensing.
ctypedef struct Others:
    const int64_t* offsets
    const int32_t* day
    const int32_t* code
    const uint8_t* counts


# No earlier row of the person is of the drug.
cdef inline bint begins(const Others* others, int64_t person, int64_t row) noexcept nogil:
    cdef int64_t before
    for before in range(others.offsets[person], row):
        if others.counts[before] and others.code[before] == others.code[row] and others.day[before] < others.day[row]:
            return False
    return True


cdef bint another_begins(
    const Rows* rows, const Others* others, int64_t person, int32_t start_day, int32_t from_day, int32_t last_day
) noexcept nogil:
    cdef int64_t row
    cdef Start start
    start.row = -1
    for row in range(others.offsets[person], others.offsets[person + 1]):
        if others.day[row] > last_day:
            break
        if others.day[row] < from_day or not others.counts[row] or not begins(others, person, row):
            continue
        if start.row < 0:
            start = rows_of_start(rows, person, start_day)
        if not is_first(rows, &start, others.code[row]):
            return True
    return False


def supply_of_first_drugs(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] code,
    const int32_t[::1] supply_64ths,
    const int32_t[::1] start,
    int32_t[::1] kept,
):
    cdef int64_t persons = start.shape[0]
    cdef Rows rows
    if not (
        offsets.shape[0] == persons + 1
        and day.shape[0] == code.shape[0] == supply_64ths.shape[0] == kept.shape[0] == offsets[persons]
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if persons == 0 or day.shape[0] == 0:
        return
    rows.offsets, rows.day, rows.code, rows.supply_64ths = &offsets[0], &day[0], &code[0], &supply_64ths[0]
    with nogil:
        keep_all(&rows, persons, &start[0], &kept[0])


def begins_another_drug(
    tuple own,
    tuple other,
    const int32_t[::1] start,
    const int32_t[:, ::1] from_day,
    const int32_t[:, ::1] last_day,
    uint8_t[:, ::1] begun,
):
    cdef int64_t persons = start.shape[0], spans = begun.shape[0], person, span
    cdef const int64_t[::1] offsets, other_offsets
    cdef const int32_t[::1] day, code, supply_64ths, other_day, other_code
    cdef const uint8_t[::1] counts
    cdef Rows rows
    cdef Others others
    offsets, day, code, supply_64ths = own
    other_offsets, other_day, other_code, counts = other
    if not (
        offsets.shape[0] == other_offsets.shape[0] == persons + 1
        and day.shape[0] == code.shape[0] == supply_64ths.shape[0] == offsets[persons]
        and other_day.shape[0] == other_code.shape[0] == counts.shape[0] == other_offsets[persons]
        and from_day.shape[0] == last_day.shape[0] == spans
        and from_day.shape[1] == last_day.shape[1] == begun.shape[1] == persons
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if persons == 0:
        return
    rows.offsets, others.offsets = &offsets[0], &other_offsets[0]
    rows.day = &day[0] if day.shape[0] else NULL
    rows.code = &code[0] if day.shape[0] else NULL
    rows.supply_64ths = &supply_64ths[0] if day.shape[0] else NULL
    others.day = &other_day[0] if other_day.shape[0] else NULL
    others.code = &other_code[0] if other_day.shape[0] else NULL
    others.counts = &counts[0] if other_day.shape[0] else NULL
    with nogil:
        for span in range(spans):
            for person in range(persons):
                begun[span, person] = from_day[span, person] <= last_day[span, person] and another_begins(
                    &rows, &others, person, start[person], from_day[span, person], last_day[span, person]
                )
