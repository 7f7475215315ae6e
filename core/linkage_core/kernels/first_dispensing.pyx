# cython: freethreading_compatible = True
"""First day in a window of each person's own on which a row counts."""

from libc.stdint cimport int32_t, int64_t, uint8_t

from linkage_core.kernels.kernel_result cimport KERNEL_LENGTH_MISMATCH, kernel_failed, raise_if_failed


cdef inline int32_t first_of(
    const int32_t* day, const uint8_t* counts, int64_t row, int64_t row_end, int32_t start, int32_t end, int32_t none
) noexcept nogil:
    cdef int32_t first = none
    for row in range(row, row_end):
        if start <= day[row] < end and day[row] < first and counts[row]:
            first = day[row]
    return first


def first_dispensing(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const uint8_t[::1] counts,
    const int32_t[::1] start,
    const int32_t[::1] end,
    int32_t[::1] first_day,
    *,
    int32_t none,
):
    cdef int64_t persons = start.shape[0], person
    cdef const int32_t* days = &day[0] if day.shape[0] else NULL
    cdef const uint8_t* counting = &counts[0] if counts.shape[0] else NULL
    if not (
        offsets.shape[0] == persons + 1
        and end.shape[0] == first_day.shape[0] == persons
        and day.shape[0] == counts.shape[0] == offsets[persons]
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    with nogil:
        for person in range(persons):
            first_day[person] = first_of(
                days, counting, offsets[person], offsets[person + 1], start[person], end[person], none
            )
