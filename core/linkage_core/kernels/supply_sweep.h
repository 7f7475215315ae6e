/* Supply of a person's drugs followed through her rows: each day on which a drug begins or ceases to cover days, in order.
 * A refill on the day on which supply ends goes on with it: rows of a day come before the ends of that day. */
#ifndef LINKAGE_SUPPLY_SWEEP_H
#define LINKAGE_SUPPLY_SWEEP_H

#include <stdint.h>

/* A day after every day that is asked about. */
#define LINKAGE_FAR_DAY (1 << 30)

/* `drug` is -1 where a row does not count. Without carry-over a row covers its own whole days. */
typedef struct {
    const int32_t *day, *drug, *supply_64ths;
    int64_t stock_cap_64ths;
    int carry_over;
} linkage_supplied;

/* One drug: whether it covers days, the first day that it no longer does, and the part of a day that is left over. */
typedef struct {
    int32_t drug, until, rest_64ths;
    int covers;
} linkage_held;

typedef struct {
    const linkage_supplied *rows;
    int64_t row, row_end;
    int32_t end;
    linkage_held *held;
    int64_t known, soonest;
} linkage_sweep;

typedef struct {
    int32_t day, drug;
    int begins;
} linkage_change;

/* `held` has room for a drug a row; rows on `end` and later are not looked at. */
static inline linkage_sweep linkage_sweep_from(const linkage_supplied *rows, int64_t row, int64_t row_end,
                                               int32_t first_day, int32_t end, linkage_held *held) {
    while (row < row_end && rows->day[row] < first_day) row++;
    const linkage_sweep sweep = {.rows = rows, .row = row, .row_end = row_end, .end = end, .held = held, .soonest = -1};
    return sweep;
}

static inline void linkage_find_soonest(linkage_sweep *sweep) {
    sweep->soonest = -1;
    for (int64_t place = 0; place < sweep->known; place++)
        if (sweep->held[place].covers &&
            (sweep->soonest < 0 || sweep->held[place].until < sweep->held[sweep->soonest].until))
            sweep->soonest = place;
}

static inline int64_t linkage_place_of(linkage_sweep *sweep, int32_t drug) {
    for (int64_t place = 0; place < sweep->known; place++)
        if (sweep->held[place].drug == drug) return place;
    const linkage_held unknown = {.drug = drug};
    sweep->held[sweep->known] = unknown;
    return sweep->known++;
}

/* Adds a row's supply to its drug; says whether the drug begins to cover days with it. */
static inline int linkage_supply(linkage_sweep *sweep, int32_t day, int32_t drug, int32_t supply_64ths) {
    const int64_t place = linkage_place_of(sweep, drug);
    linkage_held *held = &sweep->held[place];
    const int covered = held->covers;
    int64_t until;
    if (sweep->rows->carry_over) {
        int64_t stock = held->rest_64ths + (covered ? (int64_t)(held->until - day) << 6 : 0) + supply_64ths;
        if (stock > sweep->rows->stock_cap_64ths) stock = sweep->rows->stock_cap_64ths;
        held->rest_64ths = (int32_t)(stock & 63);
        until = day + (stock >> 6);
    } else {
        until = (int64_t)day + (supply_64ths >> 6);
        if (covered && held->until > until) until = held->until;
    }
    held->until = until < LINKAGE_FAR_DAY ? (int32_t)until : LINKAGE_FAR_DAY;
    held->covers = covered || held->until > day;
    if (covered && place == sweep->soonest)
        linkage_find_soonest(sweep);
    else if (held->covers && (sweep->soonest < 0 || held->until < sweep->held[sweep->soonest].until))
        sweep->soonest = place;
    return held->covers && !covered;
}

/* The next change; 0 where there is none any more. */
static inline int linkage_next_change(linkage_sweep *sweep, linkage_change *change) {
    for (;;) {
        const int has_row = sweep->row < sweep->row_end && sweep->rows->day[sweep->row] < sweep->end;
        if (sweep->soonest >= 0) {
            linkage_held *held = &sweep->held[sweep->soonest];
            if (!has_row || held->until < sweep->rows->day[sweep->row]) {
                change->day = held->until, change->drug = held->drug, change->begins = 0;
                held->covers = 0;
                linkage_find_soonest(sweep);
                return 1;
            }
        }
        if (!has_row) return 0;
        const int64_t row = sweep->row++;
        const int32_t day = sweep->rows->day[row], drug = sweep->rows->drug[row];
        if (drug < 0 || sweep->rows->supply_64ths[row] == 0) continue;
        if (linkage_supply(sweep, day, drug, sweep->rows->supply_64ths[row])) {
            change->day = day, change->drug = drug, change->begins = 1;
            return 1;
        }
    }
}

#endif
