/* Days that supply covers, of eight persons side by side, one a lane: rows that lie by person are turned into one vector
 * a row number, and a row that does not count brings nothing instead of being passed over.
 *
 * A stock is one number, the moment until which it lasts, in 1/64 days from the person's first day on. Its whole days are
 * used up one a day; the part of a day that is left stays with it: on day d it holds max(until - 64 d, until mod 64).
 * What stocks hold covers the days from now on, however many more rows come, so that each row is looked at once. */
#ifndef LINKAGE_PERSON_LANES_H
#define LINKAGE_PERSON_LANES_H

#include "lanes.h"

#define LINKAGE_FEW_STOCKS 8

typedef enum {
    LINKAGE_NO_STOCK = 0,
    LINKAGE_ONE_STOCK = 1,
    LINKAGE_STOCK_OF_DRUG = 2,
    LINKAGE_BOTH_GROUPS = 3
} linkage_stocks;

/* Of each lane: columns of her rows, of which eight may be read from any on; the days on which a row counts; and the days
 * from which and up to which she is looked at. `start`, `end` and the days covered count from `first_day` on; `end` and
 * `covered` have the lanes of one end of observation side by side. `drug` has the drugs of the lanes' stocks, no code where
 * there is none, and `groups` the bits of the groups of each; at least as many of both as the compiler may take for known.
 * `until` is room for stocks. */
typedef struct {
    const int32_t *day[LINKAGE_LANES], *supply[LINKAGE_LANES], *code[LINKAGE_LANES];
    int32_t rows[LINKAGE_LANES], from_day[LINKAGE_LANES], until_day[LINKAGE_LANES];
    int32_t first_day[LINKAGE_LANES], last_day[LINKAGE_LANES], start[LINKAGE_LANES];
    int32_t ends, stocks, stock_cap;
    int32_t *end, *covered, *drug, *groups;
    linkage_lanes *until;
} linkage_persons;

/* Days of each end in [from, until), which begin on no earlier day than the ones before. */
LINKAGE_ALWAYS void linkage_count_days(const linkage_persons *asked, const linkage_lanes *from,
                                       const linkage_lanes *until) {
    const linkage_lanes none = {0};
    for (int32_t number = 0; number < asked->ends; number++) {
        linkage_lanes end, covered;
        linkage_load(asked->end + number * LINKAGE_LANES, &end);
        linkage_load(asked->covered + number * LINKAGE_LANES, &covered);
        const linkage_lanes days = LINKAGE_LEAST(*until, end) - *from;
        covered += LINKAGE_MOST(days, none);
        memcpy(asked->covered + number * LINKAGE_LANES, &covered, sizeof covered);
    }
}

/* A row's stock, found among those of its lane, is given what the row brings: sets until when it lasts, and the bits of
 * its groups (none where the drug has no stock). `few` is the number of stocks where the compiler is to know it, else 0. */
LINKAGE_ALWAYS void linkage_supply_drug(const linkage_persons *asked, linkage_lanes *until, int32_t few,
                                        const linkage_lanes *code, const linkage_lanes *moment,
                                        const linkage_lanes *brought, linkage_lanes *lasts, linkage_lanes *groups) {
    const int32_t stocks = few ? few : asked->stocks;
    linkage_lanes holds = {0}, of_groups = {0}, own_drug, own_groups;
    for (int32_t stock = 0; stock < stocks; stock++) {
        linkage_load(asked->drug + stock * LINKAGE_LANES, &own_drug);
        linkage_load(asked->groups + stock * LINKAGE_LANES, &own_groups);
        holds |= (*code == own_drug) & until[stock];
        of_groups |= (*code == own_drug) & own_groups;
    }
    const linkage_lanes left = LINKAGE_MOST(holds - *moment, holds & 63) + (*brought & (of_groups > 0));
    const linkage_lanes ends = *moment + LINKAGE_LEAST(left, asked->stock_cap);
    for (int32_t stock = 0; stock < stocks; stock++) {
        linkage_load(asked->drug + stock * LINKAGE_LANES, &own_drug);
        until[stock] = LINKAGE_EITHER(*code == own_drug, ends, until[stock]);
    }
    *lasts = ends >> 6, *groups = of_groups;
}

LINKAGE_ALWAYS void linkage_walk_persons(const linkage_persons *asked, int32_t longest, linkage_stocks kept,
                                         int32_t few) {
    const linkage_lanes none = {0};
    linkage_lanes own_until[LINKAGE_FEW_STOCKS], *until = few ? own_until : asked->until;
    linkage_lanes rows, from_day, until_day, first_day, last_day, start, groups = none;
    linkage_load(asked->rows, &rows), linkage_load(asked->start, &start);
    linkage_load(asked->from_day, &from_day), linkage_load(asked->until_day, &until_day);
    linkage_load(asked->first_day, &first_day), linkage_load(asked->last_day, &last_day);
    for (int32_t stock = 0; stock < (few ? few : asked->stocks); stock++) until[stock] = none;
    memset(asked->covered, 0, (size_t)asked->ends * LINKAGE_LANES * sizeof(int32_t));
    /* Days are counted up to `now`, and each group is covered until the day that it reached. */
    linkage_lanes reached = start, other_reached = start, now = start;
    for (int32_t first = 0; first < longest; first += 8) {
        linkage_lanes day[8], supply[8], code[8];
        int32_t place[LINKAGE_LANES];
        for (int lane = 0; lane < LINKAGE_LANES; lane++) place[lane] = first < asked->rows[lane] ? first : 0;
        linkage_turn(asked->day, place, day), linkage_turn(asked->supply, place, supply);
        if (kept >= LINKAGE_STOCK_OF_DRUG) linkage_turn(asked->code, place, code);
        const int32_t turned = longest - first < 8 ? longest - first : 8;
        for (int32_t number = 0; number < turned; number++) {
            const linkage_lanes counts =
                (day[number] >= from_day) & (day[number] < until_day) & (rows > first + number);
            const linkage_lanes later = LINKAGE_MOST(day[number], first_day);
            const linkage_lanes today = LINKAGE_LEAST(later, last_day) - first_day, moment = today << 6;
            const linkage_lanes brought = counts & LINKAGE_LEAST(supply[number], LINKAGE_MOST_STOCK);
            linkage_lanes lasts;
            if (kept == LINKAGE_NO_STOCK) {
                lasts = today + (brought >> 6);
            } else if (kept == LINKAGE_ONE_STOCK) {
                const linkage_lanes left = LINKAGE_MOST(until[0] - moment, until[0] & 63) + brought;
                until[0] = moment + LINKAGE_LEAST(left, asked->stock_cap);
                lasts = until[0] >> 6;
            } else {
                linkage_supply_drug(asked, until, few, &code[number], &moment, &brought, &lasts, &groups);
            }
            if (kept != LINKAGE_BOTH_GROUPS) {
                const linkage_lanes begins = LINKAGE_MOST(today, reached);
                linkage_count_days(asked, &begins, &lasts);
                reached = LINKAGE_MOST(reached, lasts);
            } else {
                const linkage_lanes least = LINKAGE_LEAST(reached, other_reached), both = LINKAGE_LEAST(least, today);
                linkage_count_days(asked, &now, &both);
                now = LINKAGE_MOST(now, today);
                const linkage_lanes of_first = lasts & -(groups & 1), of_second = lasts & -(groups >> 1);
                reached = LINKAGE_MOST(reached, of_first);
                other_reached = LINKAGE_MOST(other_reached, of_second);
            }
        }
    }
    if (kept == LINKAGE_BOTH_GROUPS) {
        const linkage_lanes both = LINKAGE_LEAST(reached, other_reached);
        linkage_count_days(asked, &now, &both);
    }
}

/* `longest` is the number of rows of the lane that has most. */
LINKAGE_WIDE_VECTORS static void linkage_cover_lanes(const linkage_persons *asked, int32_t longest,
                                                     linkage_stocks kept) {
    if (kept == LINKAGE_NO_STOCK) linkage_walk_persons(asked, longest, LINKAGE_NO_STOCK, 1);
    else if (kept == LINKAGE_ONE_STOCK) linkage_walk_persons(asked, longest, LINKAGE_ONE_STOCK, 1);
    else if (kept == LINKAGE_STOCK_OF_DRUG && asked->stocks <= LINKAGE_FEW_STOCKS)
        linkage_walk_persons(asked, longest, LINKAGE_STOCK_OF_DRUG, LINKAGE_FEW_STOCKS);
    else if (kept == LINKAGE_STOCK_OF_DRUG) linkage_walk_persons(asked, longest, LINKAGE_STOCK_OF_DRUG, 0);
    else if (asked->stocks <= LINKAGE_FEW_STOCKS)
        linkage_walk_persons(asked, longest, LINKAGE_BOTH_GROUPS, LINKAGE_FEW_STOCKS);
    else linkage_walk_persons(asked, longest, LINKAGE_BOTH_GROUPS, 0);
}

/* Rows of (first, last) whose day lies before that of the row before them, or -1 where a supply is negative. Codes, which
 * may be NULL, are asked for on the way: they are read in another order than they lie in, which is too late. */
LINKAGE_WIDE_VECTORS static int64_t linkage_descents(const int32_t *day, const int32_t *supply, const int32_t *code,
                                                     int64_t first, int64_t last) {
    int32_t descents = 0, signs = first < last ? supply[first] : 0;
    for (int64_t begin = first + 1; begin < last; begin += 64) {
        const int64_t end = begin + 64 < last ? begin + 64 : last;
        for (int64_t row = begin; code && row < end; row += 16) __builtin_prefetch(code + row);
        for (int64_t row = begin; row < end; row++) {
            descents += day[row] < day[row - 1];
            signs |= supply[row];
        }
    }
    return signs < 0 ? -1 : descents;
}

#endif
