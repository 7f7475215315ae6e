# Days covered of eight persons side by side, those with about as many rows together (person_lanes.h). Whose days are not
# counted as they lie, because of stays in hospital, has her rows copied with the days that she has without them.

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy, memset

from linkage_core.kernels.covered_asked cimport Asked, Person, Rule, Supply, person_of
from linkage_core.kernels.home_calendar cimport Calendar, calendar_of, home_day, home_day_after
from linkage_core.kernels.person_rows cimport Stays

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

cdef enum:
    # Persons of a block are sorted by their rows: so many kinds of lengths, the last for all longer ones.
    LENGTHS = 64
    MOST_STOCKS = 32
    MANY_ROWS = 48
    NO_DRUG = -2147483648

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
cdef inline void sort_block(Block* block) noexcept nogil:
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
cdef inline void copy_at_home(
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
cdef inline void lend_rows(Lanes* lanes, int lane, const Supply* supply, int64_t first, int32_t rows, int64_t all_rows) noexcept nogil:
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


cdef inline void empty_lane(Lanes* lanes, int lane) noexcept nogil:
    lend_copied(lanes, lane, 0)
    lanes.persons.from_day[lane] = lanes.persons.until_day[lane] = 0
    lanes.persons.first_day[lane] = lanes.persons.last_day[lane] = lanes.persons.start[lane] = 0


# The stocks of the drugs among a lane's rows; whether there is room for them.
cdef inline bint take_drugs(Lanes* lanes, int lane, const uint8_t* groups_of_code, int64_t i) noexcept nogil:
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
cdef inline bint take_person(
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


cdef inline void no_lanes(Lanes* lanes) noexcept nogil:
    cdef int32_t place
    lanes.count = lanes.longest = 0
    if not lanes.shared:
        lanes.persons.stocks = 0
        for place in range(MOST_STOCKS * LINKAGE_LANES):
            lanes.persons.drug[place] = NO_DRUG


cdef inline void walk_lanes(Lanes* lanes, const Asked* asked) noexcept nogil:
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


# How the stocks of a rule are kept in lanes; whether they can be.
cdef inline bint keep_in_lanes(Lanes* lanes, const Supply* supply, const Rule* rule, bint with_code) noexcept nogil:
    cdef bint by_drug = rule.carry_over and not rule.pooled
    if not by_drug:
        lanes.kept = LINKAGE_ONE_STOCK if rule.carry_over else LINKAGE_NO_STOCK
        return rule.groups == 1 and not with_code
    lanes.kept = LINKAGE_BOTH_GROUPS if rule.all_groups and rule.groups > 1 else LINKAGE_STOCK_OF_DRUG
    return rule.alike and (rule.groups <= 2 or not rule.all_groups)


# Where few codes are of any group, all persons have the same stocks.
cdef inline void share_stocks(Lanes* lanes, const uint8_t[::1] groups_of_code) noexcept:
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
