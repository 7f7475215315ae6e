# cython: freethreading_compatible = True
"""Days of an observation on which supply was at hand, with a stock for each drug, for all persons in one pass.

Supply is counted in 1/64 days. Hospital days are taken out of time before anything is covered: stock is neither used
nor lost there, so time without them is all the simulation has to know.

A stock does not know when observation ends: one simulation up to the last end answers for every end before it. What one
stock covers are intervals in order, which are added up; days are marked one by one only where stocks run side by side.
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


# What is covered goes here: into sums by end of observation, or, where `marks` is given, into a mark for each day.
# Days are home days; `home_days`, `any_group` and `all_groups` hold one number an end, `stride` apart.
ctypedef struct Cover:
    int32_t origin
    int32_t reached
    uint8_t full
    uint8_t* marks
    int64_t ends
    int64_t stride
    int32_t length
    int32_t* home_days
    int32_t* any_group
    int32_t* all_groups


# Intervals come with starts that do not descend; where they overlap, a day is added once.
cdef inline void cover(Cover* cover, int32_t start, int32_t end, uint8_t groups) noexcept nogil:
    cdef int32_t day, days
    cdef int64_t place
    start = max(start - cover.origin, 0)
    end = min(end - cover.origin, cover.length)
    if cover.marks != NULL:
        for day in range(start, end):
            cover.marks[day] |= groups
        return
    start = max(start, cover.reached)
    if end <= start:
        return
    cover.reached = end
    for place in range(cover.ends):
        days = min(end, cover.home_days[place * cover.stride]) - start
        if days > 0:
            cover.any_group[place * cover.stride] += days
            if groups == cover.full:
                cover.all_groups[place * cover.stride] += days


# Which rows a stock takes its supply from: all of the groups, those of one group, or those of one drug.
ctypedef struct Stock:
    int64_t first
    uint8_t group
    int32_t code
    bint every_row


# Follows one stock from its first row to the end.
cdef void follow_stock(
    const Supply* supply,
    const Stays* stays,
    const Rule* rule,
    const Person* person,
    const Stock* stock_of,
    uint8_t* done,
    Cover* covers,
) noexcept nogil:
    cdef int64_t row
    cdef int64_t stock = 0
    cdef int32_t now = 0, then, used
    cdef uint8_t groups, holds = 0
    for row in range(stock_of.first, person.row_end):
        if supply.day[row] >= person.end:
            break
        groups = groups_of_row(supply, rule, row)
        if stock_of.group:
            groups &= stock_of.group
        if not groups or not (stock_of.every_row or supply.code[row] == stock_of.code):
            continue
        done[row - person.row_start] = 1
        then = home_day(stays, person, supply.day[row])
        if not rule.carry_over:
            used = home_day(stays, person, supply.day[row] + (supply.supply_64ths[row] >> 6))
            cover(covers, then, used, groups)
            continue
        used = <int32_t>min(stock >> 6, <int64_t>(then - now))
        cover(covers, now, now + used, holds)
        stock -= <int64_t>used << 6
        stock += supply.supply_64ths[row]
        if stock > rule.stock_cap_64ths:
            stock = rule.stock_cap_64ths
        now = then
        holds = groups
    if rule.carry_over:
        used = <int32_t>min(stock >> 6, <int64_t>(covers.origin + covers.length - now))
        cover(covers, now, now + used, holds)


# Stocks side by side: a mark for each day, then counted.
cdef void cover_by_day(
    const Supply* supply,
    const Stays* stays,
    const Rule* rule,
    const Scratch* scratch,
    const Person* person,
    Stock* stock,
    Cover* covers,
) noexcept nogil:
    cdef int64_t row, place
    cdef int group
    cdef int32_t day, any_group, all_groups
    covers.marks = scratch.covered_by
    memset(scratch.covered_by, 0, covers.length)
    memset(scratch.done, 0, person.row_end - person.row_start)
    if rule.pooled:
        stock.every_row = True
        for group in range(rule.groups):
            stock.group = <uint8_t>(1 << group)
            follow_stock(supply, stays, rule, person, stock, scratch.done, covers)
    else:
        for row in range(stock.first, person.row_end):
            if supply.day[row] >= person.end:
                break
            if not scratch.done[row - person.row_start] and groups_of_row(supply, rule, row):
                stock.first, stock.code = row, supply.code[row]
                follow_stock(supply, stays, rule, person, stock, scratch.done, covers)
    for place in range(covers.ends):
        any_group = all_groups = 0
        for day in range(covers.home_days[place * covers.stride]):
            any_group += scratch.covered_by[day] != 0
            all_groups += scratch.covered_by[day] == covers.full
        covers.any_group[place * covers.stride] = any_group
        covers.all_groups[place * covers.stride] = all_groups


cdef void cover_person(
    const Supply* supply,
    const Stays* stays,
    const Rule* rule,
    const Scratch* scratch,
    const Person* person,
    Cover* covers,
) noexcept nogil:
    cdef int64_t row
    cdef bint one_drug = True
    cdef Stock stock
    stock.first, stock.group, stock.code, stock.every_row = -1, 0, -1, False
    for row in range(person.row_start, person.row_end):
        if supply.day[row] >= person.end:
            break
        if supply.day[row] < person.first_day or not groups_of_row(supply, rule, row):
            continue
        if stock.first < 0:
            stock.first, stock.code = row, supply.code[row]
        one_drug = one_drug and supply.code[row] == stock.code
    if stock.first < 0:
        return
    stock.every_row = rule.groups == 1 and (rule.pooled or not rule.carry_over)
    if stock.every_row or (one_drug and rule.carry_over and not rule.pooled):
        follow_stock(supply, stays, rule, person, &stock, scratch.done, covers)
    else:
        cover_by_day(supply, stays, rule, scratch, person, &stock, covers)


cdef KernelResult cover_all(
    const int64_t* offsets,
    int64_t persons,
    const Supply* supply,
    const Stays* stays,
    const Rule* rule,
    const Scratch* scratch,
    const int32_t* start,
    const int32_t* end,
    int64_t ends,
    int32_t* home_days,
    int32_t* covered_any,
    int32_t* covered_all,
) noexcept nogil:
    cdef int64_t i, row, place
    cdef Person person
    cdef Cover covers
    covers.full = <uint8_t>((1 << rule.groups) - 1)
    covers.ends, covers.stride = ends, persons
    for i in range(ends * persons):
        home_days[i] = covered_any[i] = covered_all[i] = 0
    for i in range(persons):
        person.row_start, person.row_end = offsets[i], offsets[i + 1]
        person.stay_start, person.stay_end = stays.offsets[i], stays.offsets[i + 1]
        person.start = person.end = start[i]
        person.first_day = start[i] - rule.lookback_days
        covers.origin = home_day(stays, &person, start[i])
        covers.length = covers.reached = 0
        for place in range(ends):
            if end[place * persons + i] <= start[i]:
                continue
            person.end = max(person.end, end[place * persons + i])
            home_days[place * persons + i] = home_day(stays, &person, end[place * persons + i]) - covers.origin
            covers.length = max(covers.length, home_days[place * persons + i])
        if person.end == start[i] or person.row_start == person.row_end:
            continue
        if person.end - start[i] > scratch.covered_by_size or person.row_end - person.row_start > scratch.done_size:
            return kernel_failed(KERNEL_OUTPUT_FULL, person.row_start)
        for row in range(person.row_start, person.row_end):
            if row > person.row_start and supply.day[row] < supply.day[row - 1]:
                return kernel_failed(KERNEL_OUT_OF_ORDER, row)
            if supply.supply_64ths[row] < 0:
                return kernel_failed(KERNEL_NEGATIVE_VALUE, row)
        # Most persons of a long register have nothing in a window of a year or two.
        if supply.day[person.row_end - 1] < person.first_day or supply.day[person.row_start] >= person.end:
            continue
        covers.marks = NULL
        covers.home_days, covers.any_group = home_days + i, covered_any + i
        covers.all_groups = covered_all + i
        cover_person(supply, stays, rule, scratch, &person, &covers)
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
        and end.shape[0] == home_days.shape[0] == covered_any.shape[0] == covered_all.shape[0]
        and (persons == 0 or end.shape[0] % persons == 0)
        and day.shape[0] == code.shape[0] == supply_64ths.shape[0] == offsets[persons]
        and admitted.shape[0] == discharged.shape[0] == stay_offsets[persons]
        and valid_from.shape[0] == valid_until.shape[0] <= 8
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if end.shape[0] == 0:
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
            &start[0], &end[0], end.shape[0] // persons, &home_days[0], &covered_any[0], &covered_all[0],
        )
    raise_if_failed(result, "days_of_supply")
