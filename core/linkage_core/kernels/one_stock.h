/* Days that one stock covers, person after person, everything kept in registers: where persons have few rows each, that is
 * sooner done than to put them into lanes. Which rows count, a processor guesses in vain; a row that does not brings nothing. */
#ifndef LINKAGE_ONE_STOCK_H
#define LINKAGE_ONE_STOCK_H

#include <stdint.h>

/* Rows of all persons. Those on days in [valid_from, valid_until) count. */
typedef struct {
    const int64_t *offsets;
    const int32_t *day, *supply_64ths;
    int64_t stock_cap_64ths;
    int32_t lookback_days, valid_from, valid_until;
} linkage_stock_rows;

/* Ends of observation, the persons of one end side by side, and so are the days covered. */
typedef struct {
    const int32_t *with_rows;
    int64_t persons_with_rows, persons, ends;
    const int32_t *start, *end;
    int32_t *covered;
} linkage_stock_persons;

static inline int32_t linkage_lesser(int32_t a, int32_t b) { return a < b ? a : b; }
static inline int32_t linkage_greater(int32_t a, int32_t b) { return a > b ? a : b; }

/* Days of [start, end) that the stock of a person with at least one row covers; -1 where rows are out of order or negative. */
static inline int32_t linkage_days_of_stock(
    const linkage_stock_rows *rows, int64_t row, int64_t row_end, int32_t start, int32_t end
) {
    const int32_t first_day = start - rows->lookback_days;
    const int32_t from_day = linkage_greater(first_day, rows->valid_from), until_day = linkage_lesser(end, rows->valid_until);
    const int64_t cap = rows->stock_cap_64ths;
    int32_t last_day = rows->day[row], now = linkage_lesser(linkage_greater(last_day, first_day), end), covered = 0;
    int32_t signs = rows->supply_64ths[row], falls = 0;
    /* Before its first row a stock is empty. */
    int64_t stock = signs & -(int32_t)((last_day >= from_day) & (last_day < until_day));
    stock = stock < cap ? stock : cap;
    while (++row < row_end) {
        const int32_t day = rows->day[row], amount = rows->supply_64ths[row];
        const int32_t then = linkage_lesser(linkage_greater(day, now), end);
        const int64_t used = stock >> 6 < then - now ? stock >> 6 : then - now;
        covered += linkage_greater(now + (int32_t)used, start) - linkage_greater(now, start);
        stock += (amount & -(int32_t)((day >= from_day) & (day < until_day))) - (used << 6);
        stock = stock < cap ? stock : cap;
        falls |= day < last_day, signs |= amount;
        last_day = day, now = then;
    }
    const int64_t used = stock >> 6 < end - now ? stock >> 6 : end - now;
    covered += linkage_greater(now + (int32_t)used, start) - linkage_greater(now, start);
    return falls | (signs < 0) ? -1 : covered;
}

/* Answers for the persons with rows from a place on; returns the place of the first it cannot answer for, or their number. */
static int64_t linkage_cover_from(const linkage_stock_rows *given, const linkage_stock_persons *asked, int64_t place) {
    const linkage_stock_rows rows = *given;
    for (; place < asked->persons_with_rows; place++) {
        const int64_t person = asked->with_rows[place], row = rows.offsets[person], row_end = rows.offsets[person + 1];
        const int32_t start = asked->start[person];
        for (int64_t cell = person, number = 0; number < asked->ends; cell += asked->persons, number++) {
            const int32_t end = asked->end[cell];
            if (end <= start) continue;
            const int32_t days = linkage_days_of_stock(&rows, row, row_end, start, end);
            if (days < 0) return place;
            asked->covered[cell] = days;
        }
    }
    return place;
}

#endif
