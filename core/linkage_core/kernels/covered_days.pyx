# cython: freethreading_compatible = True
"""Days of an observation on which supply was at hand, with a stock for each drug, for all persons in one pass.

Supply is counted in 1/64 days. Hospital days are taken out of time before anything is covered: stock is neither used
nor lost there, so time without them is all the simulation has to know.

Eight persons are followed side by side (stocks_in_lanes.pxd); several groups with a stock each, or with other days of
their own, person by person (stocks_of_person.pxd), and so is who has few rows and one stock (one_stock.h). Persons
without rows are not looked at one by one.
"""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memset

from linkage_core.kernels.covered_asked cimport Asked, Rule, Supply, check_rows, last_end
from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)
from linkage_core.kernels.person_rows cimport Stays, hold_stays, longest_of
from linkage_core.kernels.stocks_in_lanes cimport (
    LINKAGE_LANES,
    LINKAGE_LONGEST_WINDOW,
    LINKAGE_MOST_STOCK,
    LINKAGE_ONE_STOCK,
    MOST_STOCKS,
    Block,
    Lanes,
    keep_in_lanes,
    linkage_descents,
    linkage_lanes,
    no_lanes,
    pick_person,
    share_stocks,
    sort_block,
    take_person,
    walk_lanes,
)
from linkage_core.kernels.stocks_of_person cimport MOST_GROUPS, Scratch, Stock, cover_person

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
    PERSONS_TOGETHER = 256
    # Where persons have so many rows each on average, or fewer, they are followed one after the other.
    FEW_ROWS = 4


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
