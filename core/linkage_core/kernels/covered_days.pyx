# cython: freethreading_compatible = True
"""Days of an observation on which supply was at hand, with a stock for each drug, for all persons in one pass.

Supply is counted in 1/64 days. Hospital days are taken out of time before anything is covered: stock is neither used
nor lost there, so time without them is all the simulation has to know.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memset

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_NEGATIVE_VALUE,
    KERNEL_OUT_OF_ORDER,
    KERNEL_OUTPUT_FULL,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)

ctypedef struct Supply:
    const int32_t* day
    const int32_t* code
    const uint8_t* groups_of_code
    const int32_t* supply_64ths
    const int32_t* valid_from
    const int32_t* valid_until

ctypedef struct Stays:
    const int64_t* offsets
    const int32_t* admitted
    const int32_t* discharged

ctypedef struct Rule:
    int groups
    int32_t lookback_days
    int64_t stock_cap_64ths
    bint carry_over
    bint pooled

ctypedef struct Scratch:
    uint8_t* covered_by
    int64_t covered_by_size
    uint8_t* done
    int64_t done_size

# One person's view of time: where its rows and stays lie, and its days counted without hospital days.
ctypedef struct Person:
    int64_t row_start
    int64_t row_end
    int64_t stay_start
    int64_t stay_end
    int32_t first_day
    int32_t start
    int32_t end


# Hospital days before `day`, from the first day on. Stays are by day of admission and may overlap.
cdef inline int32_t hospital_days_before(const Stays* stays, const Person* person, int32_t day) noexcept nogil:
    cdef int32_t counted = 0
    cdef int32_t reached = person.first_day
    cdef int32_t last
    cdef int64_t stay
    for stay in range(person.stay_start, person.stay_end):
        if stays.admitted[stay] >= day:
            break
        last = min(stays.discharged[stay], day)
        if last > reached:
            counted += last - max(stays.admitted[stay], reached)
            reached = last
    return counted


cdef inline int32_t home_day(const Stays* stays, const Person* person, int32_t day) noexcept nogil:
    return day - person.first_day - hospital_days_before(stays, person, day)


cdef inline uint8_t groups_of_row(const Supply* supply, const Rule* rule, int64_t row) noexcept nogil:
    cdef uint8_t groups, kept = 0
    cdef int group
    if supply.code[row] < 0:
        return 0
    groups = supply.groups_of_code[supply.code[row]]
    for group in range(rule.groups):
        if (groups >> group) & 1 and supply.valid_from[group] <= supply.day[row] < supply.valid_until[group]:
            kept |= <uint8_t>(1 << group)
    return kept


cdef inline void mark(
    const Scratch* scratch, int32_t start, int32_t end, int32_t origin, int32_t length, uint8_t groups
) noexcept nogil:
    cdef int32_t day
    for day in range(max(start - origin, 0), min(end - origin, length)):
        scratch.covered_by[day] |= groups


# Follows one stock, that of row `first`'s drug or, when pooled, that of `group`, from its first row to the end.
cdef void follow_stock(
    const Supply* supply,
    const Stays* stays,
    const Rule* rule,
    const Scratch* scratch,
    const Person* person,
    int64_t first,
    uint8_t group,
    int32_t origin,
    int32_t length,
) noexcept nogil:
    cdef int64_t row
    cdef int64_t stock = 0
    cdef int32_t now = 0, then, used
    cdef uint8_t groups, holds = 0
    for row in range(first, person.row_end):
        if supply.day[row] >= person.end:
            break
        groups = groups_of_row(supply, rule, row)
        if rule.pooled:
            if not groups & group:
                continue
            groups = group
        elif supply.code[row] != supply.code[first] or not groups:
            continue
        scratch.done[row - person.row_start] = 1
        then = home_day(stays, person, supply.day[row])
        if not rule.carry_over:
            used = home_day(stays, person, supply.day[row] + (supply.supply_64ths[row] >> 6))
            mark(scratch, then, used, origin, length, groups)
            continue
        used = <int32_t>min(stock >> 6, <int64_t>(then - now))
        mark(scratch, now, now + used, origin, length, holds)
        stock -= <int64_t>used << 6
        stock += supply.supply_64ths[row]
        if stock > rule.stock_cap_64ths:
            stock = rule.stock_cap_64ths
        now = then
        holds = groups
    if rule.carry_over:
        used = <int32_t>min(stock >> 6, <int64_t>(origin + length - now))
        mark(scratch, now, now + used, origin, length, holds)


cdef void cover_person(
    const Supply* supply,
    const Stays* stays,
    const Rule* rule,
    const Scratch* scratch,
    const Person* person,
    int32_t* home_days,
    int32_t* covered_any,
    int32_t* covered_all,
) noexcept nogil:
    cdef int32_t origin = home_day(stays, person, person.start)
    cdef int32_t length = home_day(stays, person, person.end) - origin
    cdef int64_t row
    cdef int group
    cdef int32_t day
    cdef uint8_t full = <uint8_t>((1 << rule.groups) - 1)
    memset(scratch.covered_by, 0, length)
    memset(scratch.done, 0, person.row_end - person.row_start)
    for row in range(person.row_start, person.row_end):
        if supply.day[row] >= person.end:
            break
        if supply.day[row] < person.first_day or not groups_of_row(supply, rule, row):
            continue
        if rule.pooled:
            for group in range(rule.groups):
                follow_stock(
                    supply, stays, rule, scratch, person, row, <uint8_t>(1 << group), origin, length
                )
            break
        if not scratch.done[row - person.row_start]:
            follow_stock(supply, stays, rule, scratch, person, row, 0, origin, length)
    home_days[0] = length
    covered_any[0] = 0
    covered_all[0] = 0
    for day in range(length):
        covered_any[0] += scratch.covered_by[day] != 0
        covered_all[0] += scratch.covered_by[day] == full


cdef KernelResult cover_all(
    const int64_t* offsets,
    int64_t persons,
    const Supply* supply,
    const Stays* stays,
    const Rule* rule,
    const Scratch* scratch,
    const int32_t* start,
    const int32_t* end,
    int32_t* home_days,
    int32_t* covered_any,
    int32_t* covered_all,
) noexcept nogil:
    cdef int64_t i, row
    cdef Person person
    for i in range(persons):
        home_days[i] = covered_any[i] = covered_all[i] = 0
        if end[i] <= start[i]:
            continue
        person.row_start, person.row_end = offsets[i], offsets[i + 1]
        person.stay_start, person.stay_end = stays.offsets[i], stays.offsets[i + 1]
        person.start, person.end = start[i], end[i]
        person.first_day = start[i] - rule.lookback_days
        if end[i] - start[i] > scratch.covered_by_size or person.row_end - person.row_start > scratch.done_size:
            return kernel_failed(KERNEL_OUTPUT_FULL, person.row_start)
        for row in range(person.row_start, person.row_end):
            if row > person.row_start and supply.day[row] < supply.day[row - 1]:
                return kernel_failed(KERNEL_OUT_OF_ORDER, row)
            if supply.supply_64ths[row] < 0:
                return kernel_failed(KERNEL_NEGATIVE_VALUE, row)
        cover_person(supply, stays, rule, scratch, &person, &home_days[i], &covered_any[i], &covered_all[i])
    return kernel_ok()


def covered_days(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] code,
    const uint8_t[::1] groups_of_code,
    const int32_t[::1] supply_64ths,
    const int32_t[::1] valid_from,
    const int32_t[::1] valid_until,
    const int64_t[::1] stay_offsets,
    const int32_t[::1] admitted,
    const int32_t[::1] discharged,
    const int32_t[::1] start,
    const int32_t[::1] end,
    uint8_t[::1] covered_by,
    uint8_t[::1] done,
    int32_t[::1] home_days,
    int32_t[::1] covered_any,
    int32_t[::1] covered_all,
    *,
    int32_t lookback_days,
    int64_t stock_cap_64ths,
    bint carry_over,
    bint pooled,
):
    cdef int64_t persons = start.shape[0]
    cdef KernelResult result
    cdef Supply supply
    cdef Stays stays
    cdef Rule rule
    cdef Scratch scratch
    if not (
        offsets.shape[0] == stay_offsets.shape[0] == persons + 1
        and end.shape[0] == home_days.shape[0] == covered_any.shape[0] == covered_all.shape[0] == persons
        and day.shape[0] == code.shape[0] == supply_64ths.shape[0] == offsets[persons]
        and admitted.shape[0] == discharged.shape[0] == stay_offsets[persons]
        and valid_from.shape[0] == valid_until.shape[0] <= 8
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if persons == 0:
        return
    supply.day = &day[0] if day.shape[0] else NULL
    supply.code = &code[0] if code.shape[0] else NULL
    supply.supply_64ths = &supply_64ths[0] if supply_64ths.shape[0] else NULL
    supply.groups_of_code = &groups_of_code[0] if groups_of_code.shape[0] else NULL
    supply.valid_from, supply.valid_until = &valid_from[0], &valid_until[0]
    stays.offsets = &stay_offsets[0]
    stays.admitted = &admitted[0] if admitted.shape[0] else NULL
    stays.discharged = &discharged[0] if discharged.shape[0] else NULL
    rule.groups, rule.lookback_days, rule.stock_cap_64ths = <int>valid_from.shape[0], lookback_days, stock_cap_64ths
    rule.carry_over, rule.pooled = carry_over, pooled
    scratch.covered_by, scratch.covered_by_size = &covered_by[0], covered_by.shape[0]
    scratch.done, scratch.done_size = &done[0], done.shape[0]
    with nogil:
        result = cover_all(
            &offsets[0], persons, &supply, &stays, &rule, &scratch,
            &start[0], &end[0], &home_days[0], &covered_any[0], &covered_all[0],
        )
    raise_if_failed(result, "days_of_supply")
