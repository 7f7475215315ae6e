/* Days that stocks of several drugs cover, each its own, up to one end of observation, of somebody who was not in
 * hospital: each row is looked at once. What a stock holds covers the days from now on, however many more rows come, so
 * from one row to the next a group is covered up to the last day that any of its stocks reaches.
 * In C, because the loop must be compiled apart for one group and for two that must both cover. */
#ifndef LINKAGE_DRUG_STOCKS_H
#define LINKAGE_DRUG_STOCKS_H

#include <stdint.h>

#include "one_stock.h"

/* By code: what is left, the day up to which it was used, and of which walk that is; an older one is an empty stock. */
typedef struct {
    int64_t left_64ths;
    int32_t now;
    uint32_t walk;
} linkage_drug_stock;

/* `member` of the rows has the groups of each code as bits, which apply on the same days. -1 for no answer: a row is out
 * of order or negative. */
LINKAGE_WITHIN int32_t linkage_days_of_drugs(const linkage_stock_rows *rows, int64_t row, int64_t row_end, int32_t start,
                                             int32_t end, linkage_drug_stock *stocks, uint32_t walk, int *drugs,
                                             int both) {
    const int32_t from_day = linkage_greater(start - rows->lookback_days, rows->valid_from);
    const int32_t until_day = linkage_lesser(end, rows->valid_until);
    const int64_t cap = rows->stock_cap_64ths;
    int32_t now = start, covered = 0, last_day = INT32_MIN, reached = start, other_reached = start;
    int faulty = 0;
    *drugs = 0;
    for (; row < row_end; row++) {
        const int32_t day = rows->day[row], amount = rows->supply_64ths[row], code = rows->code[row];
        faulty |= (day < last_day) | (amount < 0);
        last_day = day;
        if (day < from_day || day >= until_day || code < 0 || !rows->member[code]) continue;
        linkage_drug_stock *stock = &stocks[code];
        const int64_t held = stock->walk == walk ? stock->left_64ths : 0, unused = day - stock->now;
        const int64_t used = held >> 6 < unused ? held >> 6 : unused;
        int64_t left = stock->walk == walk ? held - used * 64 + amount : amount;
        left = left < cap ? left : cap;
        *drugs += stock->walk != walk;
        stock->left_64ths = left;
        stock->now = day;
        stock->walk = walk;
        /* Up to this row by what came before it. */
        const int32_t last = linkage_lesser(both ? linkage_lesser(reached, other_reached) : reached, day);
        covered += linkage_greater(last - now, 0);
        now = linkage_greater(day, start);
        const int32_t until = day + (int32_t)(left >> 6 < end - day ? left >> 6 : end - day);
        if (!both) {
            reached = linkage_greater(reached, until);
        } else {
            reached = rows->member[code] & 1 ? linkage_greater(reached, until) : reached;
            other_reached = rows->member[code] & 2 ? linkage_greater(other_reached, until) : other_reached;
        }
    }
    covered += linkage_greater((both ? linkage_lesser(reached, other_reached) : reached) - now, 0);
    return faulty ? -1 : covered;
}

LINKAGE_APART int32_t linkage_days_of_a_group(const linkage_stock_rows *rows, int64_t row, int64_t row_end, int32_t start,
                                              int32_t end, linkage_drug_stock *stocks, uint32_t walk, int *drugs) {
    return linkage_days_of_drugs(rows, row, row_end, start, end, stocks, walk, drugs, 0);
}

LINKAGE_APART int32_t linkage_days_of_both_groups(const linkage_stock_rows *rows, int64_t row, int64_t row_end,
                                                  int32_t start, int32_t end, linkage_drug_stock *stocks,
                                                  uint32_t walk, int *drugs) {
    return linkage_days_of_drugs(rows, row, row_end, start, end, stocks, walk, drugs, 1);
}

/* Answers for one person, or does not (0): in hospital, or as above. `walk` is counted on for every end; `several` says
 * whether there were several drugs. */
static inline int linkage_cover_drugs(const linkage_stock_rows *rows, const linkage_stock_persons *asked, int64_t person,
                                      linkage_drug_stock *stocks, uint32_t *walk, int both, int *several) {
    const int64_t row = rows->offsets[person], row_end = rows->offsets[person + 1];
    const int32_t start = asked->start[person];
    if (asked->stays && asked->stays[person] < asked->stays[person + 1]) return 0;
    *several = both;
    for (int64_t cell = person, number = 0; number < asked->ends; cell += asked->persons, number++) {
        const int32_t end = asked->end[cell];
        if (end <= start) continue;
        int drugs;
        *walk += 1;
        const int32_t days = both ? linkage_days_of_both_groups(rows, row, row_end, start, end, stocks, *walk, &drugs)
                                  : linkage_days_of_a_group(rows, row, row_end, start, end, stocks, *walk, &drugs);
        if (days < 0) return 0;
        *several |= drugs > 1;
        asked->covered[cell] = days;
    }
    return 1;
}

#endif
