/* Eight walks side by side, one a lane; how a stock is carried from one supply to the next, and the most it may hold. */
#ifndef LINKAGE_LANES_H
#define LINKAGE_LANES_H

#include <stdint.h>
#include <string.h>

#include "wide_vectors.h"

#define LINKAGE_LANES 8

/* In 1/64 days: more than anybody is observed for, and two of them are still a number. */
#define LINKAGE_MOST_STOCK (1 << 29)

/* Days from a person's first to her last: with these and the most a stock may hold, all is within 32 bits, and a stock
 * that is full lasts longer than she is looked at. */
#define LINKAGE_LONGEST_WINDOW (1 << 22)

typedef int32_t linkage_lanes __attribute__((vector_size(LINKAGE_LANES * 4), aligned(4)));

#define LINKAGE_EITHER(which, yes, no) (((which) & (yes)) | (~(which) & (no)))
#define LINKAGE_MOST(a, b) LINKAGE_EITHER((a) > (b), (a), (b))
#define LINKAGE_LEAST(a, b) LINKAGE_EITHER((a) < (b), (a), (b))

#define LINKAGE_ALWAYS static inline __attribute__((always_inline))

LINKAGE_ALWAYS void linkage_load(const int32_t *from, linkage_lanes *into) { memcpy(into, from, sizeof *into); }

/* Eight rows of each lane, from a place on, as eight vectors of one row each. A lane without so many has others' rows. */
LINKAGE_ALWAYS void linkage_turn(const int32_t *const *column, const int32_t *place, linkage_lanes *into) {
    linkage_lanes row[8], pair[8], four[8];
    for (int lane = 0; lane < 8; lane++) linkage_load(column[lane] + place[lane], &row[lane]);
    for (int both = 0; both < 8; both += 2) {
        pair[both] = __builtin_shufflevector(row[both], row[both + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        pair[both + 1] = __builtin_shufflevector(row[both], row[both + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int half = 0; half < 8; half += 4)
        for (int high = 0; high < 2; high++) {
            const linkage_lanes a = pair[half + high], b = pair[half + high + 2];
            four[half + 2 * high] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
            four[half + 2 * high + 1] = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int number = 0; number < 4; number++) {
        into[number] = __builtin_shufflevector(four[number], four[number + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        into[number + 4] = __builtin_shufflevector(four[number], four[number + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

typedef enum { LINKAGE_CARRY_NOTHING = 0, LINKAGE_CARRY_POOLED = 1, LINKAGE_CARRY_PER_DRUG = 2 } linkage_carry;

#endif
