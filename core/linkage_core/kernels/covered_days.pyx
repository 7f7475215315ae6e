# cython: freethreading_compatible = True
"""Days of an observation on which supply was at hand, with a stock for each drug, for all persons in one pass.

Supply is counted in 1/64 days. Hospital days are taken out of time before anything is covered: stock is neither used
nor lost there, so time without them is all the simulation has to know.

A stock does not know when observation ends: one simulation up to the last end answers for every end before it. What one
stock covers are intervals in order, which are added up; days are marked one by one only where stocks run side by side.

Most persons have one stock and were never in hospital: their days are followed in registers, each row looked at once.
Persons without rows are not looked at one by one.
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

cdef extern from "one_stock.h" nogil:
    ctypedef struct linkage_stock_rows:
        const int64_t* offsets
        const int32_t* day
        const int32_t* supply_64ths
        const int32_t* code
        const uint8_t* member
        int64_t stock_cap_64ths
        int32_t lookback_days
        int32_t valid_from
        int32_t valid_until
        bint carry_over
        bint one_drug

    ctypedef struct linkage_stock_persons:
        const int32_t* with_rows
        int64_t persons_with_rows
        int64_t persons
        int64_t ends
        const int64_t* stays
        const int32_t* start
        const int32_t* end
        int32_t* covered

    int64_t linkage_cover_from(
        const linkage_stock_rows* rows, const linkage_stock_persons* asked, int64_t place
    ) noexcept


# `code` is NULL where every row is of the one group there is and its drug does not matter.
ctypedef struct Supply:
    const int64_t* offsets
    const int32_t* day
    const int32_t* code
    const uint8_t* groups_of_code
    const int32_t* supply_64ths
    const int32_t* valid_from
    const int32_t* valid_until

# `offsets` is NULL where nobody was in hospital.
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
    bint all_groups

# What is asked: ends of observation, the persons of one end side by side, and so are the answers.
ctypedef struct Asked:
    int64_t persons
    int64_t ends
    const int32_t* start
    const int32_t* end
    int32_t* observed
    int32_t* covered

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


cdef inline int32_t last_end(const Asked* asked, int64_t person) noexcept nogil:
    cdef int32_t last = asked.end[person]
    cdef int64_t place
    for place in range(1, asked.ends):
        last = max(last, asked.end[place * asked.persons + person])
    return last


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


cdef inline int32_t code_of_row(const Supply* supply, int64_t row) noexcept nogil:
    return supply.code[row] if supply.code != NULL else 0


cdef inline uint8_t groups_of_row(const Supply* supply, const Rule* rule, int64_t row) noexcept nogil:
    cdef uint8_t groups, kept = 0
    cdef int group
    if code_of_row(supply, row) < 0:
        return 0
    groups = supply.groups_of_code[supply.code[row]] if supply.code != NULL else 1
    for group in range(rule.groups):
        if (groups >> group) & 1 and supply.valid_from[group] <= supply.day[row] < supply.valid_until[group]:
            kept |= <uint8_t>(1 << group)
    return kept


# What is covered goes here: into sums by end of observation, or, where `marks` is given, into a mark for each day.
# Days are home days; `observed` and `covered` hold one number an end, `stride` apart.
ctypedef struct Cover:
    int32_t origin
    int32_t reached
    uint8_t full
    bint all_groups
    uint8_t* marks
    int64_t ends
    int64_t stride
    int32_t length
    int32_t* observed
    int32_t* covered


# Intervals come with starts that do not descend; where they overlap, a day is added once.
cdef inline void cover(Cover* cover, int32_t start, int32_t end, uint8_t groups) noexcept nogil:
    cdef int32_t day
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
    if cover.all_groups and groups != cover.full:
        return
    for place in range(cover.ends):
        cover.covered[place * cover.stride] += max(min(end, cover.observed[place * cover.stride]) - start, 0)


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
    cdef int32_t day, days
    cdef uint8_t least = covers.full if rule.all_groups else 1
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
    # All groups together are the largest mark that there is.
    for place in range(covers.ends):
        days = 0
        for day in range(covers.observed[place * covers.stride]):
            days += scratch.covered_by[day] >= least
        covers.covered[place * covers.stride] = days


cdef void cover_stocks(
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
            stock.first, stock.code = row, code_of_row(supply, row)
        one_drug = one_drug and code_of_row(supply, row) == stock.code
    if stock.first < 0:
        return
    stock.every_row = rule.groups == 1 and (rule.pooled or not rule.carry_over)
    if stock.every_row or (one_drug and rule.carry_over and not rule.pooled):
        follow_stock(supply, stays, rule, person, &stock, scratch.done, covers)
    else:
        cover_by_day(supply, stays, rule, scratch, person, &stock, covers)


# The rows of a person are in order, and none has a negative supply.
cdef KernelResult check_rows(const Supply* supply, int64_t person) noexcept nogil:
    cdef int64_t row
    for row in range(supply.offsets[person], supply.offsets[person + 1]):
        if row > supply.offsets[person] and supply.day[row] < supply.day[row - 1]:
            return kernel_failed(KERNEL_OUT_OF_ORDER, row)
        if supply.supply_64ths[row] < 0:
            return kernel_failed(KERNEL_NEGATIVE_VALUE, row)
    return kernel_ok()


# Hospital stays, several groups, or several drugs with a stock each.
cdef KernelResult cover_person(
    const Supply* supply, const Stays* stays, const Rule* rule, const Scratch* scratch, const Asked* asked, int64_t i
) noexcept nogil:
    cdef Person person = person_of(supply, stays, rule, asked, i)
    cdef Cover covers
    cdef KernelResult result = check_rows(supply, i)
    cdef int64_t place
    if result.status:
        return result
    covers.full, covers.all_groups = <uint8_t>((1 << rule.groups) - 1), rule.all_groups
    covers.ends, covers.stride = asked.ends, asked.persons
    covers.observed, covers.covered = asked.observed + i, asked.covered + i
    covers.origin, covers.length, covers.reached = home_day(stays, &person, person.start), 0, 0
    covers.marks = NULL
    for place in range(asked.ends):
        covers.covered[place * covers.stride] = 0
        covers.length = max(covers.length, covers.observed[place * covers.stride])
    if covers.length > scratch.covered_by_size or person.row_end - person.row_start > scratch.done_size:
        return kernel_failed(KERNEL_OUTPUT_FULL, person.row_start)
    cover_stocks(supply, stays, rule, scratch, &person, &covers)
    return kernel_ok()


cdef Person person_of(
    const Supply* supply, const Stays* stays, const Rule* rule, const Asked* asked, int64_t i
) noexcept nogil:
    cdef Person person
    person.row_start, person.row_end = supply.offsets[i], supply.offsets[i + 1]
    person.stay_start = person.stay_end = 0
    if stays.offsets != NULL:
        person.stay_start, person.stay_end = stays.offsets[i], stays.offsets[i + 1]
    person.start, person.end = asked.start[i], last_end(asked, i)
    person.first_day = person.start - rule.lookback_days
    return person


cdef void observe_all(const Supply* supply, const Stays* stays, const Rule* rule, const Asked* asked) noexcept nogil:
    cdef int64_t i, place, cell
    cdef Person person
    for place in range(asked.ends):
        cell = place * asked.persons
        for i in range(asked.persons):
            asked.observed[cell + i] = max(asked.end[cell + i] - asked.start[i], 0)
    if stays.offsets == NULL:
        return
    for i in range(asked.persons):
        if stays.offsets[i] == stays.offsets[i + 1]:
            continue
        person = person_of(supply, stays, rule, asked, i)
        for place in range(asked.ends):
            cell = place * asked.persons + i
            if asked.end[cell] > person.start:
                asked.observed[cell] -= (
                    hospital_days_before(stays, &person, asked.end[cell])
                    - hospital_days_before(stays, &person, person.start)
                )


cdef linkage_stock_rows stock_rows(const Supply* supply, const Rule* rule) noexcept nogil:
    cdef linkage_stock_rows rows
    rows.offsets, rows.day, rows.supply_64ths = supply.offsets, supply.day, supply.supply_64ths
    rows.code, rows.member = supply.code, supply.groups_of_code
    rows.stock_cap_64ths, rows.lookback_days = rule.stock_cap_64ths, rule.lookback_days
    rows.valid_from, rows.valid_until = supply.valid_from[0], supply.valid_until[0]
    rows.carry_over, rows.one_drug = rule.carry_over, not rule.pooled
    return rows


cdef linkage_stock_persons stock_persons(
    const int32_t* with_rows, int64_t persons_with_rows, const Stays* stays, const Asked* asked
) noexcept nogil:
    cdef linkage_stock_persons persons
    persons.with_rows, persons.persons_with_rows = with_rows, persons_with_rows
    persons.persons, persons.ends, persons.stays = asked.persons, asked.ends, stays.offsets
    persons.start, persons.end, persons.covered = asked.start, asked.end, asked.covered
    return persons


cdef KernelResult cover_all(
    const int32_t* with_rows,
    int64_t persons_with_rows,
    const Supply* supply,
    const Stays* stays,
    const Rule* rule,
    const Scratch* scratch,
    const Asked* asked,
) noexcept nogil:
    cdef int64_t place = 0
    cdef linkage_stock_rows rows = stock_rows(supply, rule)
    cdef linkage_stock_persons persons = stock_persons(with_rows, persons_with_rows, stays, asked)
    cdef KernelResult result
    observe_all(supply, stays, rule, asked)
    memset(asked.covered, 0, asked.ends * asked.persons * sizeof(int32_t))
    while place < persons_with_rows:
        if rule.groups == 1:
            place = linkage_cover_from(&rows, &persons, place)
        if place < persons_with_rows:
            result = cover_person(supply, stays, rule, scratch, asked, with_rows[place])
            if result.status:
                return result
            place += 1
    return kernel_ok()


def covered_days(
    const int32_t[::1] with_rows,
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] code,
    const uint8_t[::1] groups_of_code,
    const int32_t[::1] supply_64ths,
    const int32_t[::1] valid_from,
    const int32_t[::1] valid_until,
    stays,
    const int32_t[::1] start,
    const int32_t[:, ::1] end,
    uint8_t[::1] covered_by,
    uint8_t[::1] done,
    int32_t[:, ::1] observed,
    int32_t[:, ::1] covered,
    *,
    int32_t lookback_days,
    int64_t stock_cap_64ths,
    bint carry_over,
    bint pooled,
    bint all_groups,
):
    cdef int64_t persons = start.shape[0], rows = day.shape[0]
    cdef const int64_t[::1] stay_offsets
    cdef const int32_t[::1] admitted, discharged
    cdef KernelResult result
    cdef Supply supply
    cdef Stays hospital
    cdef Rule rule
    cdef Scratch scratch
    cdef Asked asked
    if not (
        offsets.shape[0] == persons + 1
        and end.shape[0] == observed.shape[0] == covered.shape[0]
        and end.shape[1] == observed.shape[1] == covered.shape[1] == persons
        and rows == supply_64ths.shape[0] == offsets[persons]
        and 1 <= valid_from.shape[0] == valid_until.shape[0] <= 8
        and (code.shape[0] == rows if code is not None else valid_from.shape[0] == 1 and (pooled or not carry_over))
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if end.shape[0] == 0 or persons == 0:
        return
    hospital.offsets = NULL
    if stays is not None:
        stay_offsets, admitted, discharged = stays
        if not (
            stay_offsets.shape[0] == persons + 1 and admitted.shape[0] == discharged.shape[0] == stay_offsets[persons]
        ):
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "admission_date")
        if admitted.shape[0]:
            hospital.offsets, hospital.admitted, hospital.discharged = &stay_offsets[0], &admitted[0], &discharged[0]
    supply.offsets = &offsets[0]
    supply.day = &day[0] if rows else NULL
    supply.supply_64ths = &supply_64ths[0] if rows else NULL
    supply.code = &code[0] if code is not None and rows else NULL
    supply.groups_of_code = &groups_of_code[0] if groups_of_code.shape[0] else NULL
    supply.valid_from, supply.valid_until = &valid_from[0], &valid_until[0]
    rule.groups, rule.lookback_days, rule.stock_cap_64ths = <int>valid_from.shape[0], lookback_days, stock_cap_64ths
    rule.carry_over, rule.pooled, rule.all_groups = carry_over, pooled, all_groups
    scratch.covered_by, scratch.covered_by_size = &covered_by[0] if covered_by.shape[0] else NULL, covered_by.shape[0]
    scratch.done, scratch.done_size = &done[0] if done.shape[0] else NULL, done.shape[0]
    asked.persons, asked.ends, asked.start, asked.end = persons, end.shape[0], &start[0], &end[0, 0]
    asked.observed, asked.covered = &observed[0, 0], &covered[0, 0]
    with nogil:
        result = cover_all(
            &with_rows[0] if with_rows.shape[0] else NULL, with_rows.shape[0],
            &supply, &hospital, &rule, &scratch, &asked,
        )
    raise_if_failed(result, "days_of_supply")
