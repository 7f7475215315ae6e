/* Rows of eight persons side by side, one person a lane: what is asked of each row is asked of eight at once, and a
 * block's persons have about as many rows and drugs as each other, so that few lanes wait. */
#ifndef LINKAGE_SIDE_BY_SIDE_H
#define LINKAGE_SIDE_BY_SIDE_H

#include <stdint.h>

#include "lanes.h"

#define LINKAGE_SIDE_BY_SIDE static inline __attribute__((always_inline))

/* A block's rows are the vectors [block_at[block], block_at[block + 1]). `person` has eight a block, the last of all in
 * every lane that is left; `drugs` tells the most drugs of a person of the block, whose rows number them from 0. Where a
 * person has no more rows, a day lies after all others and its supply is 0. */
typedef struct {
    int64_t blocks;
    const int64_t *block_at;
    const int32_t *person, *drugs;
    const linkage_lanes *day, *drug, *supply;
} linkage_side_rows;

/* What each person of a block has in a column. */
LINKAGE_SIDE_BY_SIDE void linkage_ask_persons(const int32_t *person, const int32_t *column, linkage_lanes *found) {
    for (int32_t lane = 0; lane < LINKAGE_LANES; lane++) (*found)[lane] = column[person[lane]];
}

LINKAGE_SIDE_BY_SIDE void linkage_tell_persons(const int32_t *person, const linkage_lanes *told, int32_t *column) {
    for (int32_t lane = 0; lane < LINKAGE_LANES; lane++) column[person[lane]] = (*told)[lane];
}

/* A stock of each drug; which of them a row is of differs from lane to lane. */
LINKAGE_SIDE_BY_SIDE void linkage_of_drug(const linkage_lanes *stocks, int32_t drugs, const linkage_lanes *drug,
                                          linkage_lanes *found) {
    *found = stocks[0];
    for (int32_t number = 1; number < drugs; number++)
        *found = LINKAGE_EITHER(*drug == number, stocks[number], *found);
}

LINKAGE_SIDE_BY_SIDE void linkage_keep_drug(linkage_lanes *stocks, int32_t drugs, const linkage_lanes *drug,
                                            const linkage_lanes *which, const linkage_lanes *value) {
    for (int32_t number = 0; number < drugs; number++)
        stocks[number] = LINKAGE_EITHER(*which & (*drug == number), *value, stocks[number]);
}

#endif
