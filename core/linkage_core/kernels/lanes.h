/* Eight walks side by side, one a lane; how a stock is carried from one supply to the next, and the most it may hold. */
#ifndef LINKAGE_LANES_H
#define LINKAGE_LANES_H

#include <stdint.h>

#include "wide_vectors.h"

#define LINKAGE_LANES 8

/* In 1/64 days: more than anybody is observed for, and two of them are still a number. */
#define LINKAGE_MOST_STOCK (1 << 29)

typedef int32_t linkage_lanes __attribute__((vector_size(LINKAGE_LANES * 4), aligned(4)));

#define LINKAGE_EITHER(which, yes, no) (((which) & (yes)) | (~(which) & (no)))
#define LINKAGE_MOST(a, b) LINKAGE_EITHER((a) > (b), (a), (b))
#define LINKAGE_LEAST(a, b) LINKAGE_EITHER((a) < (b), (a), (b))

typedef enum { LINKAGE_CARRY_NOTHING = 0, LINKAGE_CARRY_POOLED = 1, LINKAGE_CARRY_PER_DRUG = 2 } linkage_carry;

#endif
