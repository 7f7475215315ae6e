# A person's days without those that she is in hospital: how far her stays were gone through.

from libc.stdint cimport int32_t, int64_t

from linkage_core.kernels.person_rows cimport Stays

# Stays before `next_stay` ended, and they and time before were counted.
ctypedef struct Calendar:
    const Stays* stays
    int64_t next_stay
    int64_t stay_end
    int32_t first_day
    int32_t reached
    int32_t in_hospital


# Days count from `first_day` on.
cdef inline Calendar calendar_of(const Stays* stays, int64_t person, int32_t first_day) noexcept nogil:
    cdef Calendar calendar
    calendar.stays, calendar.next_stay, calendar.stay_end = stays, 0, 0
    if stays.offsets != NULL:
        calendar.next_stay, calendar.stay_end = stays.offsets[person], stays.offsets[person + 1]
    calendar.first_day, calendar.reached, calendar.in_hospital = first_day, first_day, 0
    return calendar


# Hospital days before `day`, from the first day on. Stays are by day of admission and may overlap. Days that are asked
# for in order go through each stay once.
cdef inline int32_t hospital_days_before(Calendar* calendar, int32_t day) noexcept nogil:
    cdef const Stays* stays = calendar.stays
    cdef int32_t counted, reached, last
    cdef int64_t stay
    while calendar.next_stay < calendar.stay_end and stays.discharged[calendar.next_stay] <= day:
        last = stays.discharged[calendar.next_stay]
        if last > calendar.reached:
            calendar.in_hospital += last - max(stays.admitted[calendar.next_stay], calendar.reached)
            calendar.reached = last
        calendar.next_stay += 1
    counted, reached = calendar.in_hospital, calendar.reached
    for stay in range(calendar.next_stay, calendar.stay_end):
        if stays.admitted[stay] >= day:
            break
        last = min(stays.discharged[stay], day)
        if last > reached:
            counted += last - max(stays.admitted[stay], reached)
            reached = last
    return counted


cdef inline int32_t home_day(Calendar* calendar, int32_t day) noexcept nogil:
    if calendar.next_stay == calendar.stay_end:
        return day - calendar.first_day - calendar.in_hospital
    return day - calendar.first_day - hospital_days_before(calendar, day)


# A later day, which must not take the calendar with it.
cdef inline int32_t home_day_after(const Calendar* calendar, int32_t day) noexcept nogil:
    cdef Calendar ahead = calendar[0]
    return home_day(&ahead, day)
