# cython: freethreading_compatible = True
"""Rows of the last day, in days of each person's own, on which she has one that counts."""

from libc.stdint cimport int32_t, int64_t, uint8_t

from linkage_core.kernels.kernel_result cimport KERNEL_LENGTH_MISMATCH, kernel_failed, raise_if_failed

# Rows of a person are by day.
ctypedef struct Rows:
    const int64_t* offsets
    const int32_t* day
    const uint8_t* counts


cdef int64_t find_all(
    const Rows* rows,
    int64_t persons,
    const int32_t* start,
    const int32_t* end,
    int64_t* place,
    int64_t* person_of_place,
    uint8_t* found,
) noexcept nogil:
    cdef int64_t person, row, first, last, known = 0
    for person in range(persons):
        first, last = rows.offsets[person], rows.offsets[person + 1] - 1
        while last >= first and (rows.day[last] >= end[person] or not rows.counts[last]):
            last -= 1
        found[person] = last >= first and rows.day[last] >= start[person]
        if not found[person]:
            continue
        row = last
        while row > first and rows.day[row - 1] == rows.day[last]:
            row -= 1
        for row in range(row, last + 1):
            if rows.counts[row]:
                place[known], person_of_place[known] = row, person
                known += 1
    return known


def last_rows(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const uint8_t[::1] counts,
    const int32_t[::1] start,
    const int32_t[::1] end,
    int64_t[::1] place,
    int64_t[::1] person,
    uint8_t[::1] found,
):
    cdef int64_t persons = found.shape[0], known = 0
    cdef Rows rows
    if not (
        offsets.shape[0] == persons + 1
        and start.shape[0] == end.shape[0] == persons
        and day.shape[0] == counts.shape[0] == place.shape[0] == person.shape[0] == offsets[persons]
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if persons == 0:
        return 0
    rows.offsets = &offsets[0]
    rows.day = &day[0] if day.shape[0] else NULL
    rows.counts = &counts[0] if day.shape[0] else NULL
    with nogil:
        known = find_all(
            &rows, persons, &start[0], &end[0],
            &place[0] if day.shape[0] else NULL, &person[0] if day.shape[0] else NULL, &found[0],
        )
    return known
