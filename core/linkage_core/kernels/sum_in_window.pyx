# cython: freethreading_compatible = True
"""Exact sum of a column over the rows of a code set in a window of each person's own."""

from libc.stdint cimport int32_t, int64_t, uint8_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OVERFLOW,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)

# A row may weigh up to 2^40 and a person have 2^20 rows before an int64 could overflow.
cdef int64_t LARGEST_WEIGHT = 1 << 40

ctypedef struct Rows:
    const int32_t* day
    const int32_t* code
    const int64_t* weight
    const uint8_t* is_member


cdef KernelResult sum_all(
    const Rows* rows,
    const int64_t* offsets,
    int64_t persons,
    const int32_t* start,
    const int32_t* end,
    int64_t* sums,
    int32_t* rows_counted,
) noexcept nogil:
    cdef int64_t person, row
    for person in range(persons):
        sums[person] = 0
        rows_counted[person] = 0
        for row in range(offsets[person], offsets[person + 1]):
            if (
                start[person] <= rows.day[row] < end[person]
                and rows.code[row] >= 0
                and rows.is_member[rows.code[row]]
            ):
                if not -LARGEST_WEIGHT <= rows.weight[row] <= LARGEST_WEIGHT:
                    return kernel_failed(KERNEL_OVERFLOW, row)
                sums[person] += rows.weight[row]
                rows_counted[person] += 1
    return kernel_ok()


def sum_in_window(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] code,
    const int64_t[::1] weight,
    const uint8_t[::1] is_member,
    const int32_t[::1] start,
    const int32_t[::1] end,
    int64_t[::1] sums,
    int32_t[::1] rows_counted,
):
    cdef int64_t persons = start.shape[0]
    cdef KernelResult result
    cdef Rows rows
    if not (
        offsets.shape[0] == persons + 1
        and end.shape[0] == sums.shape[0] == rows_counted.shape[0] == persons
        and day.shape[0] == code.shape[0] == weight.shape[0] == offsets[persons]
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if persons == 0:
        return
    rows.day = &day[0] if day.shape[0] else NULL
    rows.code = &code[0] if code.shape[0] else NULL
    rows.weight = &weight[0] if weight.shape[0] else NULL
    rows.is_member = &is_member[0] if is_member.shape[0] else NULL
    with nogil:
        result = sum_all(&rows, &offsets[0], persons, &start[0], &end[0], &sums[0], &rows_counted[0])
    raise_if_failed(result, "weight")
