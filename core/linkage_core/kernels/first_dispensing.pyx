# cython: freethreading_compatible = True
"""First day in a window of each person's own on which a row of a code set has something left."""

from libc.stdint cimport int32_t, int64_t, uint8_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)

ctypedef struct Rows:
    const int32_t* day
    const int32_t* code
    const int32_t* left
    const uint8_t* is_member


cdef KernelResult find_all(
    const Rows* rows,
    const int64_t* offsets,
    int64_t persons,
    const int32_t* start,
    const int32_t* end,
    int32_t none,
    int32_t* first_day,
) noexcept nogil:
    cdef int64_t person, row
    for person in range(persons):
        first_day[person] = none
        for row in range(offsets[person], offsets[person + 1]):
            if (
                start[person] <= rows.day[row] < end[person]
                and rows.day[row] < first_day[person]
                and rows.left[row] > 0
                and rows.code[row] >= 0
                and rows.is_member[rows.code[row]]
            ):
                first_day[person] = rows.day[row]
    return kernel_ok()


def first_dispensing(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] code,
    const int32_t[::1] left,
    const uint8_t[::1] is_member,
    const int32_t[::1] start,
    const int32_t[::1] end,
    int32_t[::1] first_day,
    *,
    int32_t none,
):
    cdef int64_t persons = start.shape[0]
    cdef KernelResult result
    cdef Rows rows
    if not (
        offsets.shape[0] == persons + 1
        and end.shape[0] == first_day.shape[0] == persons
        and day.shape[0] == code.shape[0] == left.shape[0] == offsets[persons]
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if persons == 0:
        return
    rows.day = &day[0] if day.shape[0] else NULL
    rows.code = &code[0] if code.shape[0] else NULL
    rows.left = &left[0] if left.shape[0] else NULL
    rows.is_member = &is_member[0] if is_member.shape[0] else NULL
    with nogil:
        result = find_all(&rows, &offsets[0], persons, &start[0], &end[0], none, &first_day[0])
    raise_if_failed(result, "dispensing_date")
