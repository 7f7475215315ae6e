/* Days that one stock covers, or rows without a stock, up to one end of observation: each row is looked at once, and
 * everything is kept in registers. Which rows count, a processor guesses in vain; a row that does not brings nothing.
 * In C, because these two loops must be compiled apart for rows with and without codes. */
#ifndef LINKAGE_ONE_STOCK_H
#define LINKAGE_ONE_STOCK_H

#include <stdint.h>

/* `code` is NULL where every row is of the group; `member` is not 0 for codes of it. */
typedef struct {
    const int64_t *offsets;
    const int32_t *day, *supply_64ths, *code;
    const uint8_t *member;
    int64_t stock_cap_64ths;
    int32_t lookback_days, valid_from, valid_until;
    int carry_over, one_drug;
} linkage_stock_rows;

/* Ends of observation, the persons of one end side by side, and so are the days covered. `stays` (NULL for none) are
 * offsets of hospital stays, whose persons are not answered for. */
typedef struct {
    const int32_t *with_rows;
    int64_t persons_with_rows, persons, ends;
    const int64_t *stays;
    const int32_t *start, *end;
    int32_t *covered;
} linkage_stock_persons;

#if defined(__GNUC__)
#define LINKAGE_WITHIN static inline __attribute__((always_inline))
#define LINKAGE_APART static __attribute__((noinline))
#else
#define LINKAGE_WITHIN static inline
#define LINKAGE_APART static
#endif

LINKAGE_WITHIN int32_t linkage_lesser(int32_t a, int32_t b) { return a < b ? a : b; }
LINKAGE_WITHIN int32_t linkage_greater(int32_t a, int32_t b) { return a > b ? a : b; }

typedef struct {
    int32_t from_day, until_day, last_day, drug;
    int faulty, several_drugs;
} linkage_seen;

LINKAGE_WITHIN int32_t linkage_brought(const linkage_stock_rows *rows, int64_t row, linkage_seen *seen, int with_code) {
    const int32_t day = rows->day[row], amount = rows->supply_64ths[row];
    int counts = (day >= seen->from_day) & (day < seen->until_day);
    seen->faulty |= (day < seen->last_day) | (amount < 0);
    seen->last_day = day;
    if (with_code) {
        const int32_t code = rows->code[row];
        counts &= code >= 0 && rows->member[code];
        if (counts) {
            seen->several_drugs |= (seen->drug >= 0) & (code != seen->drug);
            seen->drug = code;
        }
    }
    return amount & -(int32_t)counts;
}

LINKAGE_WITHIN linkage_seen linkage_nothing_seen(const linkage_stock_rows *rows, int32_t start, int32_t end) {
    const linkage_seen seen = {.from_day = linkage_greater(start - rows->lookback_days, rows->valid_from),
                               .until_day = linkage_lesser(end, rows->valid_until),
                               .last_day = INT32_MIN,
                               .drug = -1};
    return seen;
}

/* Days of [start, end) that the stock of a person with at least one row covers; -1 for no answer. */
LINKAGE_WITHIN int32_t linkage_days_of_stock(const linkage_stock_rows *rows, int64_t row, int64_t row_end,
                                             int32_t start, int32_t end, int with_code) {
    linkage_seen seen = linkage_nothing_seen(rows, start, end);
    const int64_t cap = rows->stock_cap_64ths;
    /* Before its first row a stock is empty. */
    int64_t stock = linkage_brought(rows, row, &seen, with_code);
    int32_t now = linkage_lesser(linkage_greater(seen.last_day, start - rows->lookback_days), end), covered = 0;
    stock = stock < cap ? stock : cap;
    while (++row < row_end) {
        const int64_t amount = linkage_brought(rows, row, &seen, with_code);
        const int32_t then = linkage_lesser(linkage_greater(seen.last_day, now), end);
        const int64_t used = stock >> 6 < then - now ? stock >> 6 : then - now;
        covered += linkage_greater(now + (int32_t)used, start) - linkage_greater(now, start);
        stock += amount - (used << 6);
        stock = stock < cap ? stock : cap;
        now = then;
    }
    const int64_t used = stock >> 6 < end - now ? stock >> 6 : end - now;
    covered += linkage_greater(now + (int32_t)used, start) - linkage_greater(now, start);
    return seen.faulty | (rows->one_drug & seen.several_drugs) ? -1 : covered;
}

/* The same without a stock: each row covers its own whole days. */
LINKAGE_WITHIN int32_t linkage_days_of_rows(const linkage_stock_rows *rows, int64_t row, int64_t row_end, int32_t start,
                                            int32_t end) {
    linkage_seen seen = linkage_nothing_seen(rows, start, end);
    int32_t reached = start, covered = 0;
    for (; row < row_end; row++) {
        const int32_t amount = linkage_brought(rows, row, &seen, rows->code != 0);
        const int32_t begin = linkage_greater(seen.last_day, reached);
        reached = linkage_greater(begin, linkage_lesser(seen.last_day + (amount >> 6), end));
        covered += reached - begin;
    }
    return seen.faulty ? -1 : covered;
}

/* Answers for the persons with rows from a place on; returns the place of the first it cannot answer for, or the number
 * of them: stays in hospital, a row out of order or negative, or several drugs where a stock is of one. */
LINKAGE_WITHIN int64_t linkage_cover(const linkage_stock_rows *rows, const linkage_stock_persons *asked, int64_t place,
                                     int carry_over, int with_code) {
    for (; place < asked->persons_with_rows; place++) {
        const int64_t person = asked->with_rows[place];
        const int64_t row = rows->offsets[person], row_end = rows->offsets[person + 1];
        const int32_t start = asked->start[person];
        if (asked->stays && asked->stays[person] < asked->stays[person + 1]) return place;
        for (int64_t cell = person, number = 0; number < asked->ends; cell += asked->persons, number++) {
            const int32_t end = asked->end[cell];
            if (end <= start) continue;
            const int32_t days = carry_over ? linkage_days_of_stock(rows, row, row_end, start, end, with_code)
                                            : linkage_days_of_rows(rows, row, row_end, start, end);
            if (days < 0) return place;
            asked->covered[cell] = days;
        }
    }
    return place;
}

LINKAGE_APART int64_t linkage_cover_with_codes(const linkage_stock_rows *rows, const linkage_stock_persons *asked,
                                               int64_t place) {
    return linkage_cover(rows, asked, place, 1, 1);
}

LINKAGE_APART int64_t linkage_cover_without_codes(const linkage_stock_rows *rows, const linkage_stock_persons *asked,
                                                  int64_t place) {
    return linkage_cover(rows, asked, place, 1, 0);
}

LINKAGE_APART int64_t linkage_cover_without_stock(const linkage_stock_rows *rows, const linkage_stock_persons *asked,
                                                  int64_t place) {
    return linkage_cover(rows, asked, place, 0, 1);
}

static inline int64_t linkage_cover_from(const linkage_stock_rows *rows, const linkage_stock_persons *asked,
                                         int64_t place) {
    if (!rows->carry_over) return linkage_cover_without_stock(rows, asked, place);
    return rows->code ? linkage_cover_with_codes(rows, asked, place) : linkage_cover_without_codes(rows, asked, place);
}

#endif
