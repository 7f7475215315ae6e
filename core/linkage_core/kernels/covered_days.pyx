# cython: freethreading_compatible = True
"""Days of an observation on which supply was at hand, with a stock for each drug, for all persons in one pass.

Supply is counted in 1/64 days. Hospital days are taken out of time before anything is covered: stock is neither used
nor lost there, so time without them is all the simulation has to know.

Most persons have one stock and were never in hospital: their days are followed in registers, each row looked at once.
All others too have each row looked at once, whatever the number of their stocks: what a stock holds covers the days from
now on, however many more rows come, so from one row to the next a group is covered up to the last day that any of its
stocks reaches. Persons without rows are not looked at one by one.
"""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memset

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_NEGATIVE_VALUE,
    KERNEL_OUT_OF_ORDER,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)
from linkage_core.kernels.person_rows cimport Stays, hold_stays, longest_of

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


cdef extern from "drug_stocks.h" nogil:
    ctypedef struct linkage_drug_stock:
        uint32_t walk

    bint linkage_cover_drugs(
        const linkage_stock_rows* rows, const linkage_stock_persons* asked, int64_t person, linkage_drug_stock* stocks,
        uint32_t* walk, bint both, bint* several
    ) noexcept

cdef enum:
    MOST_GROUPS = 8

# `code` is NULL where every row is of the one group there is and its drug does not matter.
ctypedef struct Supply:
    const int64_t* offsets
    const int32_t* day
    const int32_t* code
    const uint8_t* groups_of_code
    const int32_t* supply_64ths
    const int32_t* valid_from
    const int32_t* valid_until

# From `valid_from` until `valid_until` the codes of all groups apply; `alike` where no other days are any group's.
ctypedef struct Rule:
    int groups
    int32_t valid_from
    int32_t valid_until
    int32_t lookback_days
    int64_t stock_cap_64ths
    bint carry_over
    bint pooled
    bint all_groups
    bint alike

# What is asked: ends of observation, the persons of one end side by side, and so are the answers.
ctypedef struct Asked:
    int64_t persons
    int64_t ends
    const int32_t* start
    const int32_t* end
    int32_t* observed
    int32_t* covered

# What is left of a stock, the home day up to which it was used, and the groups that it covers.
ctypedef struct Stock:
    int64_t left_64ths
    int32_t now
    int32_t code
    uint8_t groups

# `stock_of_code` is -1 where the person has no stock of it. `drug_stocks` have one for each code.
ctypedef struct Scratch:
    Stock* stocks
    int32_t* stock_of_code
    linkage_drug_stock* drug_stocks

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


# How far a person's stays were gone through: those before `next_stay` ended, and they and time before were counted.
ctypedef struct Calendar:
    const Stays* stays
    const Person* person
    int64_t next_stay
    int32_t reached
    int32_t in_hospital


cdef inline Calendar calendar_of(const Stays* stays, const Person* person) noexcept nogil:
    cdef Calendar calendar
    calendar.stays, calendar.person = stays, person
    calendar.next_stay, calendar.reached, calendar.in_hospital = person.stay_start, person.first_day, 0
    return calendar


# Hospital days before `day`, from the first day on. Stays are by day of admission and may overlap. Days that are asked
# for in order go through each stay once.
cdef inline int32_t hospital_days_before(Calendar* calendar, int32_t day) noexcept nogil:
    cdef const Stays* stays = calendar.stays
    cdef int32_t counted, reached, last
    cdef int64_t stay
    while calendar.next_stay < calendar.person.stay_end and stays.discharged[calendar.next_stay] <= day:
        last = stays.discharged[calendar.next_stay]
        if last > calendar.reached:
            calendar.in_hospital += last - max(stays.admitted[calendar.next_stay], calendar.reached)
            calendar.reached = last
        calendar.next_stay += 1
    counted, reached = calendar.in_hospital, calendar.reached
    for stay in range(calendar.next_stay, calendar.person.stay_end):
        if stays.admitted[stay] >= day:
            break
        last = min(stays.discharged[stay], day)
        if last > reached:
            counted += last - max(stays.admitted[stay], reached)
            reached = last
    return counted


cdef inline int32_t home_day(Calendar* calendar, int32_t day) noexcept nogil:
    if calendar.next_stay == calendar.person.stay_end:
        return day - calendar.person.first_day - calendar.in_hospital
    return day - calendar.person.first_day - hospital_days_before(calendar, day)


cdef inline int32_t code_of_row(const Supply* supply, int64_t row) noexcept nogil:
    return supply.code[row] if supply.code != NULL else 0


cdef inline uint8_t groups_of_row(const Supply* supply, const Rule* rule, int64_t row) noexcept nogil:
    cdef uint8_t groups, kept = 0
    cdef int group
    if code_of_row(supply, row) < 0:
        return 0
    groups = supply.groups_of_code[supply.code[row]] if supply.code != NULL else 1
    if rule.valid_from <= supply.day[row] < rule.valid_until:
        return groups
    for group in range(rule.groups):
        if (groups >> group) & 1 and supply.valid_from[group] <= supply.day[row] < supply.valid_until[group]:
            kept |= <uint8_t>(1 << group)
    return kept


# A person's home days from row to row: up to `now` they are counted, and from there on each group is covered until the
# day that it `reached`. Observation is [origin, horizon), of each end `observed` home days.
ctypedef struct Cover:
    const Scratch* scratch
    const Asked* asked
    int64_t person
    int64_t stocks
    int groups
    int32_t now
    int32_t origin
    int32_t horizon
    int32_t reached[MOST_GROUPS]


# A day counts that any stock covers, or that each group has a stock for.
cdef inline void count_until(Cover* covers, int32_t then) noexcept nogil:
    cdef int32_t last = covers.reached[0], first = max(covers.now, covers.origin)
    cdef int64_t place, cell = covers.person
    cdef int group
    for group in range(1, covers.groups):
        last = min(last, covers.reached[group])
    last = min(last, then)
    covers.now = then
    for place in range(covers.asked.ends):
        covers.asked.covered[cell] += max(min(last, covers.origin + covers.asked.observed[cell]) - first, 0)
        cell += covers.asked.persons


cdef inline int64_t new_stock(Cover* covers, int32_t code, uint8_t groups) noexcept nogil:
    cdef int64_t place = covers.stocks
    cdef Stock* stock = covers.scratch.stocks + place
    stock.left_64ths, stock.now, stock.code, stock.groups = 0, 0, code, groups
    covers.stocks += 1
    return place


cdef inline void use_until(Stock* stock, int32_t then) noexcept nogil:
    stock.left_64ths -= min(stock.left_64ths >> 6, <int64_t>(then - stock.now)) << 6
    stock.now = then


cdef inline void reach(Cover* covers, uint8_t groups, int32_t until) noexcept nogil:
    cdef int group
    for group in range(covers.groups):
        if groups >> group & 1:
            covers.reached[group] = max(covers.reached[group], until)


# The first home day that a stock no longer covers, as far as it matters.
cdef inline int32_t end_of(const Cover* covers, const Stock* stock) noexcept nogil:
    return stock.now + <int32_t>min(stock.left_64ths >> 6, <int64_t>max(covers.horizon - stock.now, 0))


cdef inline void dispense(
    Cover* covers, const Rule* rule, Stock* stock, int32_t then, int32_t supply_64ths
) noexcept nogil:
    use_until(stock, then)
    stock.left_64ths = min(stock.left_64ths + supply_64ths, rule.stock_cap_64ths)
    reach(covers, stock.groups, end_of(covers, stock))


cdef inline Stock* stock_of_drug(Cover* covers, int32_t code, uint8_t groups) noexcept nogil:
    cdef int64_t place = covers.scratch.stock_of_code[code]
    if place < 0:
        place = new_stock(covers, code, groups)
        covers.scratch.stock_of_code[code] = <int32_t>place
    return covers.scratch.stocks + place


# From a day on a drug is of other groups: those that it left are covered by what else they have.
cdef void regroup(Cover* covers, Stock* stock, uint8_t groups) noexcept nogil:
    cdef int64_t place
    cdef int group
    stock.groups = groups
    for group in range(covers.groups):
        covers.reached[group] = 0
    for place in range(covers.stocks):
        reach(covers, covers.scratch.stocks[place].groups, end_of(covers, covers.scratch.stocks + place))


# Every row of the person goes to its stock: of its drug, or of each of its groups.
cdef void follow_stocks(const Supply* supply, Calendar* calendar, const Rule* rule, Cover* covers) noexcept nogil:
    cdef const Person* person = calendar.person
    cdef bint by_drug = rule.carry_over and not rule.pooled
    cdef int64_t row, place
    cdef int32_t then
    cdef int group
    cdef uint8_t groups, own
    cdef Stock* stock
    if not by_drug:
        for group in range(rule.groups):
            new_stock(covers, -1, <uint8_t>(1 << group) if rule.all_groups else 1)
    for row in range(person.row_start, person.row_end):
        if supply.day[row] >= person.end:
            break
        groups = groups_of_row(supply, rule, row) if supply.day[row] >= person.first_day else 0
        if not groups:
            continue
        then = home_day(calendar, supply.day[row])
        count_until(covers, then)
        if by_drug:
            own = groups if rule.all_groups else 1
            stock = stock_of_drug(covers, supply.code[row], own)
            if stock.groups != own:
                regroup(covers, stock, own)
            dispense(covers, rule, stock, then, supply.supply_64ths[row])
        elif rule.carry_over:
            for group in range(rule.groups):
                if groups >> group & 1:
                    dispense(covers, rule, covers.scratch.stocks + group, then, supply.supply_64ths[row])
        else:
            own = groups if rule.all_groups else 1
            reach(covers, own, home_day_after(calendar, supply.day[row] + (supply.supply_64ths[row] >> 6)))
    count_until(covers, covers.horizon)
    for place in range(covers.stocks if by_drug else 0):
        covers.scratch.stock_of_code[covers.scratch.stocks[place].code] = -1


# A later day, which must not take the calendar with it.
cdef inline int32_t home_day_after(const Calendar* calendar, int32_t day) noexcept nogil:
    cdef Calendar ahead = calendar[0]
    return home_day(&ahead, day)


# The rows of a person are in order, and none has a negative supply.
cdef KernelResult check_rows(const Supply* supply, int64_t person) noexcept nogil:
    cdef int64_t row, first = supply.offsets[person], last = supply.offsets[person + 1]
    cdef bint faulty = first < last and supply.supply_64ths[first] < 0
    for row in range(first + 1, last):
        faulty |= (supply.day[row] < supply.day[row - 1]) | (supply.supply_64ths[row] < 0)
    if not faulty:
        return kernel_ok()
    for row in range(first, last):
        if row > first and supply.day[row] < supply.day[row - 1]:
            return kernel_failed(KERNEL_OUT_OF_ORDER, row)
        if supply.supply_64ths[row] < 0:
            break
    return kernel_failed(KERNEL_NEGATIVE_VALUE, row)


# Hospital stays, several groups, or several drugs with a stock each; `several` says whether there were several stocks.
cdef KernelResult cover_person(
    const Supply* supply, const Stays* stays, const Rule* rule, const Scratch* scratch, const Asked* asked, int64_t i,
    bint* several
) noexcept nogil:
    cdef Person person = person_of(supply, stays, rule, asked, i)
    cdef Calendar calendar = calendar_of(stays, &person)
    cdef Cover covers
    cdef KernelResult result = check_rows(supply, i)
    cdef int64_t place
    if result.status:
        return result
    covers.scratch, covers.asked, covers.person, covers.stocks = scratch, asked, i, 0
    covers.groups, covers.now = rule.groups if rule.all_groups else 1, 0
    covers.origin = covers.horizon = home_day_after(&calendar, person.start)
    for place in range(covers.groups):
        covers.reached[place] = 0
    for place in range(asked.ends):
        covers.horizon = max(covers.horizon, covers.origin + asked.observed[place * asked.persons + i])
    follow_stocks(supply, &calendar, rule, &covers)
    several[0] = rule.groups > 1 or covers.stocks > 1
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
    cdef Calendar calendar
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
                calendar = calendar_of(stays, &person)
                asked.observed[cell] += hospital_days_before(&calendar, person.start)
                asked.observed[cell] -= hospital_days_before(&calendar, asked.end[cell])


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
    cdef bint several = rule.groups > 1
    cdef bint by_drug = rule.carry_over and not rule.pooled and rule.alike and (rule.groups <= 2 or not rule.all_groups)
    cdef bint both = rule.all_groups and rule.groups > 1
    cdef uint32_t walk = 0
    memset(asked.covered, 0, asked.ends * asked.persons * sizeof(int32_t))
    while place < persons_with_rows:
        # Somebody with several stocks is mostly followed by others.
        if not several:
            place = linkage_cover_from(&rows, &persons, place)
        if place == persons_with_rows:
            break
        # The same for each of several drugs; without an answer there is a fault to be told of.
        if not by_drug or not linkage_cover_drugs(
            &rows, &persons, with_rows[place], scratch.drug_stocks, &walk, both, &several
        ):
            result = cover_person(supply, stays, rule, scratch, asked, with_rows[place], &several)
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
    cdef KernelResult result
    cdef Supply supply
    cdef Stays hospital
    cdef Rule rule
    cdef Scratch scratch
    cdef Asked asked
    cdef int32_t[::1] stock_of_code
    cdef uint8_t[::1] stocks, drug_stocks
    if not (
        offsets.shape[0] == persons + 1
        and end.shape[0] == observed.shape[0] == covered.shape[0]
        and end.shape[1] == observed.shape[1] == covered.shape[1] == persons
        and rows == supply_64ths.shape[0] == offsets[persons]
        and 1 <= valid_from.shape[0] == valid_until.shape[0] <= MOST_GROUPS
        and (code.shape[0] == rows if code is not None else valid_from.shape[0] == 1 and (pooled or not carry_over))
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if end.shape[0] == 0 or persons == 0:
        return
    held = hold_stays(&hospital, stays, persons)
    supply.offsets = &offsets[0]
    supply.day = &day[0] if rows else NULL
    supply.supply_64ths = &supply_64ths[0] if rows else NULL
    supply.code = &code[0] if code is not None and rows else NULL
    supply.groups_of_code = &groups_of_code[0] if groups_of_code.shape[0] else NULL
    supply.valid_from, supply.valid_until = &valid_from[0], &valid_until[0]
    rule.groups, rule.lookback_days, rule.stock_cap_64ths = <int>valid_from.shape[0], lookback_days, stock_cap_64ths
    rule.carry_over, rule.pooled, rule.all_groups = carry_over, pooled, all_groups
    rule.valid_from, rule.valid_until = max(valid_from), min(valid_until)
    rule.alike = rule.valid_from == min(valid_from) and rule.valid_until == max(valid_until)
    asked.persons, asked.ends, asked.start, asked.end = persons, end.shape[0], &start[0], &end[0, 0]
    asked.observed, asked.covered = &observed[0, 0], &covered[0, 0]
    with nogil:
        observe_all(&supply, &hospital, &rule, &asked)
    # A row opens one stock at most.
    stocks = np.empty((rule.groups + longest_of(&offsets[0], with_rows)) * sizeof(Stock), np.uint8)
    stock_of_code = np.full(max(groups_of_code.shape[0], 1), -1, np.int32)
    drug_stocks = np.zeros(stock_of_code.shape[0] * sizeof(linkage_drug_stock), np.uint8)
    scratch.stocks, scratch.stock_of_code = <Stock*>&stocks[0], &stock_of_code[0]
    scratch.drug_stocks = <linkage_drug_stock*>&drug_stocks[0]
    with nogil:
        result = cover_all(
            &with_rows[0] if with_rows.shape[0] else NULL, with_rows.shape[0],
            &supply, &hospital, &rule, &scratch, &asked,
        )
    raise_if_failed(result, "days_of_supply")
