# cython: freethreading_compatible = True
"""Days of an observation that a person was not in hospital."""

from libc.stdint cimport int32_t, int64_t

from linkage_core.kernels.home_calendar cimport Calendar, calendar_of, hospital_days_before
from linkage_core.kernels.kernel_result cimport KERNEL_LENGTH_MISMATCH, kernel_failed, raise_if_failed
from linkage_core.kernels.person_rows cimport Stays, hold_stays


cdef void count_all(
    const Stays* stays, const int32_t* start, const int32_t* end, int64_t persons, int64_t ends, int32_t* days
) noexcept nogil:
    cdef int64_t person, place, cell
    cdef Calendar calendar
    for place in range(ends):
        cell = place * persons
        for person in range(persons):
            days[cell + person] = max(end[cell + person] - start[person], 0)
    if stays.offsets == NULL:
        return
    for person in range(persons):
        if stays.offsets[person] == stays.offsets[person + 1]:
            continue
        for place in range(ends):
            cell = place * persons + person
            if end[cell] > start[person]:
                # Of time before the start nothing is asked.
                calendar = calendar_of(stays, person, start[person])
                days[cell] -= hospital_days_before(&calendar, end[cell])


def days_at_home(stays, const int32_t[::1] start, const int32_t[:, ::1] end, int32_t[:, ::1] days):
    cdef int64_t persons = start.shape[0]
    cdef Stays hospital
    if not (end.shape[0] == days.shape[0] and end.shape[1] == days.shape[1] == persons):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "admission_date")
    if end.shape[0] == 0 or persons == 0:
        return
    held = hold_stays(&hospital, stays, persons)
    with nogil:
        count_all(&hospital, &start[0], &end[0, 0], persons, end.shape[0], &days[0, 0])
