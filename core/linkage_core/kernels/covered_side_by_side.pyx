# cython: freethreading_compatible = True
"""Who has a whole day's supply at hand on days of her own, eight persons at once.

What is said is what the kernel covered_on_days says without hospital stays. The twin is the same,
tests/reference/drug_indicators.py.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memset

import numpy as np

from linkage_core.kernels.kernel_result cimport KERNEL_LENGTH_MISMATCH, kernel_failed, raise_if_failed
from linkage_core.kernels.side_rows cimport LINKAGE_LANES, hold_side_rows, linkage_lanes, linkage_side_rows

cdef extern from * nogil:
    """
    #include "side_by_side.h"

    /* In 1/64 days: more than any look-back, and two of them are still a number. */
    #define LINKAGE_MOST_STOCK (1 << 29)

    /* Days and answers lie by day, the persons of one day side by side. */
    typedef struct {
        linkage_side_rows rows;
        const int32_t *at_day, *exit_day;
        int64_t persons, days;
        int32_t lookback_days, stock_cap, carry_over, by_drug;
        uint8_t *covered;
    } linkage_side_covered;

    /* What is left of the stock of each drug, and since which day. */
    typedef struct {
        linkage_lanes *left, *now;
    } linkage_side_stocks;

    /* `drugs` is 0 where all rows share a stock. */
    LINKAGE_SIDE_BY_SIDE void linkage_stocks_cover(const linkage_side_covered *asked, const linkage_side_stocks *stocks,
                                                   int64_t block, int32_t drugs, const linkage_lanes *at_day,
                                                   linkage_lanes *covered) {
        const linkage_side_rows *rows = &asked->rows;
        const linkage_lanes none = {0}, at = *at_day, first = at - asked->lookback_days, cap = none + asked->stock_cap;
        linkage_lanes one_left = none, one_now = first;
        for (int32_t drug = 0; drug < drugs; drug++) stocks->left[drug] = none, stocks->now[drug] = first;
        for (int64_t row = rows->block_at[block]; row < rows->block_at[block + 1]; row++) {
            const linkage_lanes day = rows->day[row], supply = rows->supply[row], drug = drugs ? rows->drug[row] : none;
            const linkage_lanes counts = (day >= first) & (day <= at), brought = LINKAGE_LEAST(supply, cap);
            linkage_lanes left = one_left, now = one_now;
            if (drugs) {
                linkage_of_drug(stocks->left, drugs, &drug, &left);
                linkage_of_drug(stocks->now, drugs, &drug, &now);
            }
            const linkage_lanes then = LINKAGE_EITHER(counts, day, now), whole = left >> 6, passed = then - now;
            const linkage_lanes used = LINKAGE_LEAST(whole, passed), more = left - (used << 6) + brought;
            const linkage_lanes filled = LINKAGE_LEAST(more, cap), kept = LINKAGE_EITHER(counts, filled, left);
            if (drugs) {
                linkage_keep_drug(stocks->left, drugs, &drug, &counts, &kept);
                linkage_keep_drug(stocks->now, drugs, &drug, &counts, &then);
            } else {
                one_left = kept, one_now = then;
            }
        }
        *covered = (one_left >> 6) > (at - one_now);
        for (int32_t drug = 0; drug < drugs; drug++) *covered |= (stocks->left[drug] >> 6) > (at - stocks->now[drug]);
    }

    /* Without a stock each row covers its own whole days. */
    LINKAGE_SIDE_BY_SIDE void linkage_rows_cover(const linkage_side_covered *asked, int64_t block,
                                                 const linkage_lanes *at_day, linkage_lanes *covered) {
        const linkage_side_rows *rows = &asked->rows;
        const linkage_lanes at = *at_day, first = at - asked->lookback_days;
        for (int64_t row = rows->block_at[block]; row < rows->block_at[block + 1]; row++) {
            const linkage_lanes day = rows->day[row], counts = (day >= first) & (day <= at);
            const linkage_lanes age = at - LINKAGE_EITHER(counts, day, at);
            *covered |= counts & (age < (rows->supply[row] >> 6));
        }
    }

    LINKAGE_SIDE_BY_SIDE void linkage_cover_block(const linkage_side_covered *asked, const linkage_side_stocks *stocks,
                                                  int64_t block) {
        const int32_t *person = asked->rows.person + block * LINKAGE_LANES;
        const int32_t drugs = asked->by_drug && asked->rows.drugs[block] > 1 ? asked->rows.drugs[block] : 0;
        linkage_lanes exit_day = {0};
        linkage_ask_persons(person, asked->exit_day, &exit_day);
        for (int64_t day = 0; day < asked->days; day++) {
            linkage_lanes at = {0}, covered = {0};
            uint8_t *told = asked->covered + day * asked->persons;
            linkage_ask_persons(person, asked->at_day + day * asked->persons, &at);
            if (!asked->carry_over) linkage_rows_cover(asked, block, &at, &covered);
            else if (!drugs) linkage_stocks_cover(asked, stocks, block, 0, &at, &covered);
            else if (drugs == 2) linkage_stocks_cover(asked, stocks, block, 2, &at, &covered);
            else linkage_stocks_cover(asked, stocks, block, drugs, &at, &covered);
            covered &= at < exit_day;
            for (int32_t lane = 0; lane < LINKAGE_LANES; lane++) told[person[lane]] = covered[lane] & 1;
        }
    }

    LINKAGE_WIDE_VECTORS static void linkage_cover_blocks(const linkage_side_covered *asked,
                                                          const linkage_side_stocks *stocks) {
        for (int64_t block = 0; block < asked->rows.blocks; block++) linkage_cover_block(asked, stocks, block);
    }
    """
    enum:
        LINKAGE_MOST_STOCK

    ctypedef struct linkage_side_covered:
        linkage_side_rows rows
        const int32_t* at_day
        const int32_t* exit_day
        int64_t persons
        int64_t days
        int32_t lookback_days
        int32_t stock_cap
        bint carry_over
        bint by_drug
        uint8_t* covered

    ctypedef struct linkage_side_stocks:
        linkage_lanes* left
        linkage_lanes* now

    void linkage_cover_blocks(const linkage_side_covered* asked, const linkage_side_stocks* stocks) noexcept


def covered_side_by_side(
    const int32_t[::1] person,
    const int32_t[::1] drugs,
    const int64_t[::1] block_at,
    const int32_t[::1] day,
    const int32_t[::1] drug,
    const int32_t[::1] supply_64ths,
    const int32_t[:, ::1] at_day,
    const int32_t[::1] exit_day,
    uint8_t[:, ::1] covered,
    *,
    int32_t lookback_days,
    int64_t stock_cap_64ths,
    bint carry_over,
    bint by_drug,
):
    cdef int64_t persons = exit_day.shape[0], days = at_day.shape[0]
    cdef int32_t most_drugs
    cdef int32_t[:, ::1] room
    cdef linkage_side_covered asked
    cdef linkage_side_stocks stocks
    if not (
        at_day.shape[1] == covered.shape[1] == persons
        and covered.shape[0] == days
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    most_drugs = hold_side_rows(&asked.rows, person, drugs, block_at, day, drug, supply_64ths)
    if persons == 0 or days == 0:
        return
    memset(&covered[0, 0], 0, days * persons)
    asked.at_day, asked.exit_day, asked.covered = &at_day[0, 0], &exit_day[0], &covered[0, 0]
    asked.persons, asked.days, asked.lookback_days = persons, days, lookback_days
    asked.stock_cap = <int32_t>min(stock_cap_64ths, <int64_t>LINKAGE_MOST_STOCK)
    asked.carry_over, asked.by_drug = carry_over, by_drug
    room = np.empty((2, most_drugs * LINKAGE_LANES), np.int32)
    stocks.left, stocks.now = <linkage_lanes*>&room[0, 0], <linkage_lanes*>&room[1, 0]
    with nogil:
        linkage_cover_blocks(&asked, &stocks)
