# cython: freethreading_compatible = True
"""Days of an observation on which supply was at hand, with a stock for each drug, for all persons in one pass.

Supply is counted in 1/64 days. Hospital days are taken out of time before anything is covered: stock is neither used
nor lost there, so time without them is all the simulation has to know.

Eight persons are followed side by side, those with about as many rows together (person_lanes.h); whose days are not
counted as they lie, because of stays in hospital, has her rows copied with the days that they have without them. Several
groups with a stock each, or with other days of their own, are rare, and are followed person by person: what a stock holds
covers the days from now on, however many more rows come, so from one row to the next a group is covered up to the last
day that any of its stocks reaches. Persons without rows are not looked at one by one.
"""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy, memset

from linkage_core.kernels.home_calendar cimport Calendar, calendar_of, home_day, home_day_after
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

cdef extern from "person_lanes.h" nogil:
    enum:
        LINKAGE_LANES
        LINKAGE_FEW_STOCKS
        LINKAGE_LONGEST_WINDOW
        LINKAGE_MOST_STOCK

    ctypedef struct linkage_lanes:
        pass

    ctypedef enum linkage_stocks:
        LINKAGE_NO_STOCK
        LINKAGE_ONE_STOCK
        LINKAGE_STOCK_OF_DRUG
        LINKAGE_BOTH_GROUPS

    ctypedef struct linkage_persons:
        const int32_t* day[8]
        const int32_t* supply[8]
        const int32_t* code[8]
        int32_t rows[8]
        int32_t from_day[8]
        int32_t until_day[8]
        int32_t first_day[8]
        int32_t last_day[8]
        int32_t start[8]
        int32_t ends
        int32_t stocks
        int32_t stock_cap
        int32_t* end
        int32_t* covered
        int32_t* drug
        int32_t* groups
        linkage_lanes* until

    void linkage_cover_lanes(const linkage_persons* asked, int32_t longest, linkage_stocks kept) noexcept
    int64_t linkage_descents(
        const int32_t* day, const int32_t* supply, const int32_t* code, int64_t first, int64_t last
    ) noexcept

cdef extern from "one_stock.h" nogil:
    ctypedef struct linkage_stock_rows:
        const int64_t* offsets
        const int32_t* day
        const int32_t* supply_64ths
        int64_t stock_cap_64ths
        int32_t lookback_days
        int32_t valid_from
        int32_t valid_until

    ctypedef struct linkage_stock_persons:
        const int32_t* with_rows
        int64_t persons_with_rows
        int64_t persons
        int64_t ends
        const int32_t* start
        const int32_t* end
        int32_t* covered

    int64_t linkage_cover_from(
        const linkage_stock_rows* rows, const linkage_stock_persons* asked, int64_t place
    ) noexcept

cdef enum:
    MOST_GROUPS = 8
    PERSONS_TOGETHER = 256
    # Persons of a block are sorted by their rows: so many kinds of lengths, the last for all longer ones.
    LENGTHS = 64
    MOST_STOCKS = 32
    MANY_ROWS = 48
    # Where persons have so many rows each on average, or fewer, they are followed one after the other.
    FEW_ROWS = 4
    NO_DRUG = -2147483648

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
    const int32_t* observed
    int32_t* covered

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

# One person's view of time: where its rows and stays lie, and its days counted without hospital days.
ctypedef struct Person:
    int64_t row_start
    int64_t row_end
    int32_t first_day
    int32_t start
    int32_t end


cdef inline int32_t last_end(const Asked* asked, int64_t person) noexcept nogil:
    cdef int32_t last = asked.end[person]
    cdef int64_t place
    for place in range(1, asked.ends):
        last = max(last, asked.end[place * asked.persons + person])
    return last


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
cdef void follow_stocks(
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


# Several groups, each with a stock of its own or with days of its own, or more drugs than lanes have room for.
cdef KernelResult cover_person(
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


cdef Person person_of(
    const Supply* supply, const Rule* rule, const Asked* asked, int64_t i
) noexcept nogil:
    cdef Person person
    person.row_start, person.row_end = supply.offsets[i], supply.offsets[i + 1]
    person.start, person.end = asked.start[i], last_end(asked, i)
    person.first_day = person.start - rule.lookback_days
    return person


# Lanes of the persons that are walked next. `copied` has room for three columns of each lane's rows, every column `apart`
# from the next; `seen_by` tells of each code whose it was last. `shared` where all persons have the same stocks.
ctypedef struct Lanes:
    linkage_persons persons
    linkage_stocks kept
    int64_t of_person[8]
    int32_t count
    int32_t longest
    int32_t* copied
    int64_t apart
    int64_t* seen_by
    bint shared


# Persons of a block who are walked in lanes, and of each her rows that may count.
ctypedef struct Block:
    int64_t persons
    int64_t person[256]
    int64_t first_row[256]
    int32_t rows[256]
    int32_t by_length[256]


# First row of [first, last) on a day or later. Without a branch, which a processor would guess in vain.
cdef inline int64_t first_from(const int32_t* day, int64_t first, int64_t last, int32_t wanted) noexcept nogil:
    cdef int64_t half, left = last - first
    while left > 1:
        half = left >> 1
        first += half * (day[first + half - 1] < wanted)
        left -= half
    return first + (left == 1 and day[first] < wanted)


cdef inline bint has_stays(const Stays* stays, int64_t person) noexcept nogil:
    return stays.offsets != NULL and stays.offsets[person] < stays.offsets[person + 1]


# Picks the rows of a person that may count into a block; those before and after are only looked for where they are many.
cdef inline void pick_person(Block* block, const Supply* supply, const Rule* rule, const Asked* asked, int64_t i,
                             int32_t last) noexcept nogil:
    cdef int64_t first = supply.offsets[i], row_end = supply.offsets[i + 1]
    if row_end - first > MANY_ROWS:
        first = first_from(supply.day, first, row_end, max(asked.start[i] - rule.lookback_days, rule.valid_from))
        row_end = first_from(supply.day, first, row_end, min(last, rule.valid_until))
    block.person[block.persons], block.first_row[block.persons] = i, first
    block.rows[block.persons] = <int32_t>(row_end - first)
    block.persons += row_end > first


# Numbers of a block's persons, those with fewest rows first: lanes are as long as the longest of them.
cdef void sort_block(Block* block) noexcept nogil:
    cdef int32_t begins[64]
    cdef int32_t place, length, before = 0
    memset(begins, 0, sizeof(begins))
    for place in range(block.persons):
        begins[min(block.rows[place], LENGTHS - 1)] += 1
    for length in range(LENGTHS):
        before += begins[length]
        begins[length] = before - begins[length]
    for place in range(block.persons):
        length = min(block.rows[place], LENGTHS - 1)
        block.by_length[begins[length]] = place
        begins[length] += 1


# Copies a person's rows that count, on her days without hospital stays, which count from her first day on.
cdef void copy_at_home(
    Lanes* lanes, int lane, const Supply* supply, const Rule* rule, const Person* person, Calendar* calendar
) noexcept nogil:
    cdef int32_t* day = lanes.copied + 3 * lane * lanes.apart
    cdef int32_t* given = day + lanes.apart
    cdef int64_t row
    cdef int32_t place = 0
    for row in range(person.row_start, person.row_end):
        if not max(person.first_day, rule.valid_from) <= supply.day[row] < min(person.end, rule.valid_until):
            continue
        day[place], given[place] = home_day(calendar, supply.day[row]), supply.supply_64ths[row]
        if not rule.carry_over:
            given[place] = (home_day_after(calendar, supply.day[row] + (given[place] >> 6)) - day[place]) << 6
        if supply.code != NULL:
            given[lanes.apart + place] = supply.code[row]
        place += 1
    lend_copied(lanes, lane, place)
    lanes.persons.first_day[lane] = 0


cdef inline void lend_copied(Lanes* lanes, int lane, int32_t rows) noexcept nogil:
    cdef int32_t* day = lanes.copied + 3 * lane * lanes.apart
    lanes.persons.day[lane], lanes.persons.supply[lane] = day, day + lanes.apart
    lanes.persons.code[lane] = day + 2 * lanes.apart
    lanes.persons.rows[lane] = rows


# The last rows of all cannot be read eight at a time where they lie.
cdef void lend_rows(Lanes* lanes, int lane, const Supply* supply, int64_t first, int32_t rows, int64_t all_rows) noexcept nogil:
    cdef int32_t* copied = lanes.copied + 3 * lane * lanes.apart
    if first + rows + LINKAGE_LANES <= all_rows:
        lanes.persons.day[lane], lanes.persons.supply[lane] = supply.day + first, supply.supply_64ths + first
        lanes.persons.code[lane] = supply.code + first if supply.code != NULL else NULL
        lanes.persons.rows[lane] = rows
        return
    memcpy(copied, supply.day + first, rows * sizeof(int32_t))
    memcpy(copied + lanes.apart, supply.supply_64ths + first, rows * sizeof(int32_t))
    if supply.code != NULL:
        memcpy(copied + 2 * lanes.apart, supply.code + first, rows * sizeof(int32_t))
    lend_copied(lanes, lane, rows)


cdef void empty_lane(Lanes* lanes, int lane) noexcept nogil:
    lend_copied(lanes, lane, 0)
    lanes.persons.from_day[lane] = lanes.persons.until_day[lane] = 0
    lanes.persons.first_day[lane] = lanes.persons.last_day[lane] = lanes.persons.start[lane] = 0


# The stocks of the drugs among a lane's rows; whether there is room for them.
cdef bint take_drugs(Lanes* lanes, int lane, const uint8_t* groups_of_code, int64_t i) noexcept nogil:
    cdef int32_t row, code, place, stocks = 0
    for row in range(lanes.persons.rows[lane]):
        code = lanes.persons.code[lane][row]
        if code < 0 or lanes.seen_by[code] == i or not groups_of_code[code]:
            continue
        if stocks == MOST_STOCKS:
            return False
        place = stocks * LINKAGE_LANES + lane
        lanes.persons.drug[place], lanes.persons.groups[place] = code, groups_of_code[code]
        lanes.seen_by[code] = i
        stocks += 1
    lanes.persons.stocks = max(lanes.persons.stocks, stocks)
    return True


# Puts a person into the next lane; whether she fits.
cdef bint take_person(
    Lanes* lanes, const Block* block, int32_t number, const Supply* supply, const Stays* stays, const Rule* rule,
    const Asked* asked
) noexcept nogil:
    cdef int64_t i = block.person[number], end
    cdef int lane = lanes.count
    cdef Person person = person_of(supply, rule, asked, i)
    cdef Calendar calendar
    cdef bint at_home = not has_stays(stays, i)
    lanes.persons.from_day[lane] = max(person.first_day, rule.valid_from) if at_home else 0
    lanes.persons.until_day[lane] = min(person.end, rule.valid_until) if at_home else LINKAGE_LONGEST_WINDOW
    lanes.persons.start[lane] = rule.lookback_days
    if at_home:
        lanes.persons.first_day[lane], lanes.persons.last_day[lane] = person.first_day, person.end
        lend_rows(lanes, lane, supply, block.first_row[number], block.rows[number], supply.offsets[asked.persons])
    else:
        person.row_start, person.row_end = block.first_row[number], block.first_row[number] + block.rows[number]
        calendar = calendar_of(stays, i, person.first_day)
        copy_at_home(lanes, lane, supply, rule, &person, &calendar)
        calendar = calendar_of(stays, i, person.first_day)
        lanes.persons.start[lane] = home_day(&calendar, person.start)
        lanes.persons.last_day[lane] = home_day(&calendar, person.end)
    for end in range(asked.ends):
        lanes.persons.end[end * LINKAGE_LANES + lane] = (
            lanes.persons.start[lane] + asked.observed[end * asked.persons + i]
        )
    if not lanes.shared and lanes.kept >= LINKAGE_STOCK_OF_DRUG and not take_drugs(
        lanes, lane, supply.groups_of_code, i
    ):
        return False
    lanes.of_person[lane] = i
    lanes.longest = max(lanes.longest, lanes.persons.rows[lane])
    lanes.count += 1
    return True


cdef void no_lanes(Lanes* lanes) noexcept nogil:
    cdef int32_t place
    lanes.count = lanes.longest = 0
    if not lanes.shared:
        lanes.persons.stocks = 0
        for place in range(MOST_STOCKS * LINKAGE_LANES):
            lanes.persons.drug[place] = NO_DRUG


cdef void walk_lanes(Lanes* lanes, const Asked* asked) noexcept nogil:
    cdef int32_t lane, end
    if lanes.count == 0:
        return
    for lane in range(lanes.count, LINKAGE_LANES):
        empty_lane(lanes, lane)
    linkage_cover_lanes(&lanes.persons, lanes.longest, lanes.kept)
    for end in range(asked.ends):
        for lane in range(lanes.count):
            asked.covered[end * asked.persons + lanes.of_person[lane]] = lanes.persons.covered[end * LINKAGE_LANES + lane]
    no_lanes(lanes)


# Whether rows of a block are at fault: the rows of a person must be in order, and no supply is negative.
cdef bint are_faulty(const int32_t* with_rows, int64_t persons, const Supply* supply) noexcept nogil:
    cdef int64_t first = supply.offsets[with_rows[0]], last = supply.offsets[with_rows[persons - 1] + 1]
    cdef int64_t place, row, descents
    descents = linkage_descents(supply.day, supply.supply_64ths, supply.code, first, last)
    for place in range(1, persons):
        row = supply.offsets[with_rows[place]]
        descents -= supply.day[row] < supply.day[row - 1]
    return descents != 0


# Persons with few rows each, none of whom was in hospital, and one stock each.
cdef KernelResult cover_one_by_one(
    const int32_t* with_rows, int64_t persons_with_rows, const Supply* supply, const Rule* rule, const Asked* asked
) noexcept nogil:
    cdef int64_t place
    cdef KernelResult result
    cdef linkage_stock_rows rows
    cdef linkage_stock_persons persons
    rows.offsets, rows.day, rows.supply_64ths = supply.offsets, supply.day, supply.supply_64ths
    rows.stock_cap_64ths, rows.lookback_days = rule.stock_cap_64ths, rule.lookback_days
    rows.valid_from, rows.valid_until = rule.valid_from, rule.valid_until
    persons.with_rows, persons.persons_with_rows = with_rows, persons_with_rows
    persons.persons, persons.ends = asked.persons, asked.ends
    persons.start, persons.end, persons.covered = asked.start, asked.end, asked.covered
    place = linkage_cover_from(&rows, &persons, 0)
    if place == persons_with_rows:
        return kernel_ok()
    result = check_rows(supply, with_rows[place])
    assert result.status
    return result


cdef KernelResult cover_all(
    const int32_t* with_rows,
    int64_t persons_with_rows,
    const Supply* supply,
    const Stays* stays,
    const Rule* rule,
    const Scratch* scratch,
    const Asked* asked,
    Lanes* lanes,
    bint in_lanes,
) noexcept nogil:
    cdef int64_t first, last = 0, place, i
    cdef int32_t number, until
    cdef Block block
    cdef KernelResult result
    memset(asked.covered, 0, asked.ends * asked.persons * sizeof(int32_t))
    if (
        in_lanes and lanes.kept == LINKAGE_ONE_STOCK and stays.offsets == NULL
        and supply.offsets[asked.persons] <= FEW_ROWS * persons_with_rows
    ):
        return cover_one_by_one(with_rows, persons_with_rows, supply, rule, asked)
    no_lanes(lanes)
    while last < persons_with_rows:
        first, last = last, min(last + PERSONS_TOGETHER, persons_with_rows)
        block.persons = 0
        if are_faulty(with_rows + first, last - first, supply):
            for place in range(first, last):
                if last_end(asked, with_rows[place]) > asked.start[with_rows[place]]:
                    result = check_rows(supply, with_rows[place])
                    if result.status:
                        return result
        for place in range(first, last):
            i = with_rows[place]
            until = last_end(asked, i)
            if until <= asked.start[i]:
                continue
            if in_lanes and <int64_t>until - asked.start[i] + rule.lookback_days <= LINKAGE_LONGEST_WINDOW:
                pick_person(&block, supply, rule, asked, i, until)
            else:
                cover_person(supply, stays, rule, scratch, asked, i)
        sort_block(&block)
        for number in range(block.persons):
            if not take_person(lanes, &block, block.by_length[number], supply, stays, rule, asked):
                cover_person(supply, stays, rule, scratch, asked, block.person[block.by_length[number]])
            if lanes.count == LINKAGE_LANES:
                walk_lanes(lanes, asked)
        walk_lanes(lanes, asked)
    return kernel_ok()


# How the stocks of a rule are kept in lanes; whether they can be.
cdef bint keep_in_lanes(Lanes* lanes, const Supply* supply, const Rule* rule, bint with_code) noexcept nogil:
    cdef bint by_drug = rule.carry_over and not rule.pooled
    if not by_drug:
        lanes.kept = LINKAGE_ONE_STOCK if rule.carry_over else LINKAGE_NO_STOCK
        return rule.groups == 1 and not with_code
    lanes.kept = LINKAGE_BOTH_GROUPS if rule.all_groups and rule.groups > 1 else LINKAGE_STOCK_OF_DRUG
    return rule.alike and (rule.groups <= 2 or not rule.all_groups)


# Where few codes are of any group, all persons have the same stocks.
cdef void share_stocks(Lanes* lanes, const uint8_t[::1] groups_of_code) noexcept:
    cdef int32_t code, lane, stocks = 0
    for code in range(groups_of_code.shape[0]):
        stocks += groups_of_code[code] > 0
    lanes.shared = stocks <= LINKAGE_FEW_STOCKS
    lanes.persons.stocks = 0
    for lane in range(MOST_STOCKS * LINKAGE_LANES):
        lanes.persons.drug[lane] = NO_DRUG
    for code in range(groups_of_code.shape[0] if lanes.shared else 0):
        if groups_of_code[code]:
            for lane in range(LINKAGE_LANES):
                lanes.persons.drug[lanes.persons.stocks * LINKAGE_LANES + lane] = code
                lanes.persons.groups[lanes.persons.stocks * LINKAGE_LANES + lane] = groups_of_code[code]
            lanes.persons.stocks += 1


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
    const int32_t[:, ::1] observed,
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
    cdef Lanes lanes
    cdef int32_t[::1] stock_of_code, room
    cdef int64_t[::1] seen_by
    cdef uint8_t[::1] stocks
    cdef int64_t longest, in_lane
    cdef bint in_lanes
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
    # A row opens one stock at most.
    longest = longest_of(&offsets[0], with_rows)
    stocks = np.empty((rule.groups + longest) * sizeof(Stock), np.uint8)
    stock_of_code = np.full(max(groups_of_code.shape[0], 1), -1, np.int32)
    seen_by = np.full(stock_of_code.shape[0], -1, np.int64)
    scratch.stocks, scratch.stock_of_code = <Stock*>&stocks[0], &stock_of_code[0]
    # Eight rows may be read from any on.
    lanes.apart = longest + LINKAGE_LANES
    in_lane = 2 * asked.ends + 3 * MOST_STOCKS
    room = np.zeros(LINKAGE_LANES * (in_lane + 3 * lanes.apart), np.int32)
    lanes.persons.ends, lanes.persons.end = <int32_t>asked.ends, &room[0]
    lanes.persons.covered = lanes.persons.end + asked.ends * LINKAGE_LANES
    lanes.persons.drug = lanes.persons.covered + asked.ends * LINKAGE_LANES
    lanes.persons.groups = lanes.persons.drug + MOST_STOCKS * LINKAGE_LANES
    lanes.persons.until = <linkage_lanes*>(lanes.persons.groups + MOST_STOCKS * LINKAGE_LANES)
    lanes.copied, lanes.seen_by = &room[in_lane * LINKAGE_LANES], &seen_by[0]
    lanes.persons.stock_cap = <int32_t>min(stock_cap_64ths, <int64_t>LINKAGE_MOST_STOCK)
    share_stocks(&lanes, groups_of_code)
    in_lanes = keep_in_lanes(&lanes, &supply, &rule, code is not None)
    with nogil:
        result = cover_all(
            &with_rows[0] if with_rows.shape[0] else NULL, with_rows.shape[0], &supply, &hospital, &rule, &scratch,
            &asked, &lanes, in_lanes,
        )
    raise_if_failed(result, "days_of_supply")
