# Days covered of one person, with a stock of each drug or group: several groups with a stock each, or with days of their
# own, are rare. What a stock holds covers the days from now on, however many more rows come, so from one row to the next a
# group is covered up to the last day that any of its stocks reaches.

from libc.stdint cimport int32_t, int64_t, uint8_t

from linkage_core.kernels.covered_asked cimport Asked, Person, Rule, Supply, check_rows, person_of
from linkage_core.kernels.home_calendar cimport Calendar, calendar_of, home_day, home_day_after
from linkage_core.kernels.kernel_result cimport KernelResult, kernel_ok
from linkage_core.kernels.person_rows cimport Stays

cdef enum:
    MOST_GROUPS = 8

# What is left of a stock, the home day up to which it was used, and the groups that it covers.
ctypedef struct Stock:
    int64_t left_64ths
    int32_t now
    int32_t code
    uint8_t groups

# `stock_of_code` is -1 where the person has no stock of it.
ctypedef struct Scratch:
    Stock* stocks
    int32_t* stock_of_code


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
cdef inline void regroup(Cover* covers, Stock* stock, uint8_t groups) noexcept nogil:
    cdef int64_t place
    cdef int group
    stock.groups = groups
    for group in range(covers.groups):
        covers.reached[group] = 0
    for place in range(covers.stocks):
        reach(covers, covers.scratch.stocks[place].groups, end_of(covers, covers.scratch.stocks + place))


# Every row of the person goes to its stock: of its drug, or of each of its groups.
cdef inline void follow_stocks(
    const Supply* supply, const Person* person, Calendar* calendar, const Rule* rule, Cover* covers
) noexcept nogil:
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


# Several groups, each with a stock of its own or with days of its own, or more drugs than lanes have room for.
cdef inline KernelResult cover_person(
    const Supply* supply, const Stays* stays, const Rule* rule, const Scratch* scratch, const Asked* asked, int64_t i
) noexcept nogil:
    cdef Person person = person_of(supply, rule, asked, i)
    cdef Calendar calendar = calendar_of(stays, i, person.first_day)
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
    follow_stocks(supply, &person, &calendar, rule, &covers)
    return kernel_ok()
