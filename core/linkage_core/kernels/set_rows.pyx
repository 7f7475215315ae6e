# cython: freethreading_compatible = True
"""Rows of some codes, with their days and who has them, in one pass."""

from libc.stdint cimport int32_t, int64_t, uint8_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_RANGE,
    kernel_failed,
    raise_if_failed,
)

# `member` begins with that of a row without a code, whose code is -1.
ctypedef struct Rows:
    const int64_t* offsets
    const int32_t* code
    const int32_t* day
    const uint8_t* member

ctypedef struct Picked:
    int64_t* place
    int32_t* day
    int64_t* offsets
    int32_t* with_rows
    uint8_t* without_rows


# Which row is picked, a processor guesses in vain: each is written, to be written over where it is not.
cdef int64_t pick(const Rows* rows, int64_t persons, const Picked* picked) noexcept nogil:
    cdef int64_t person, row, here = 0, before, having = 0
    picked.offsets[0] = 0
    for person in range(persons):
        before = here
        for row in range(rows.offsets[person], rows.offsets[person + 1]):
            picked.place[here], picked.day[here] = row, rows.day[row]
            here += rows.member[rows.code[row] + 1]
        picked.offsets[person + 1] = here
        picked.with_rows[having] = <int32_t>person
        picked.without_rows[person] = here == before
        having += here > before
    return having


def pick_rows(
    const int64_t[::1] offsets,
    const int32_t[::1] code,
    const int32_t[::1] day,
    const uint8_t[::1] member,
    int64_t[::1] place,
    int32_t[::1] picked_day,
    int64_t[::1] picked_offsets,
    int32_t[::1] with_rows,
    uint8_t[::1] without_rows,
):
    cdef int64_t persons = offsets.shape[0] - 1, length = code.shape[0], number
    cdef int64_t having = 0
    cdef Rows rows
    cdef Picked picked
    if not (
        day.shape[0] == place.shape[0] == picked_day.shape[0] == length == offsets[persons]
        and picked_offsets.shape[0] == persons + 1
        and with_rows.shape[0] == without_rows.shape[0] == persons
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "atc")
    for number in range(member.shape[0]):
        if member[number] > 1:
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, number), "member")
    if length == 0:
        picked_offsets[:] = 0
        without_rows[:] = 1
        return 0
    rows.offsets, rows.code, rows.day, rows.member = &offsets[0], &code[0], &day[0], &member[0]
    picked.place, picked.day, picked.offsets = &place[0], &picked_day[0], &picked_offsets[0]
    picked.with_rows, picked.without_rows = &with_rows[0], &without_rows[0]
    with nogil:
        having = pick(&rows, persons, &picked)
    return having
