/* Where rows are marked that lie in calendar periods, and who has a sum above 0 there. */

#ifndef LINKAGE_MARK_ROWS_H
#define LINKAGE_MARK_ROWS_H

#include <stdint.h>

#include "wide_vectors.h"

/* Places of rows among those of persons from `first` on, by period and person: `stride` of a period. Days are told of as
   `Windows` in weighed_rows.pxd. */
LINKAGE_WIDE_VECTORS
static void places_of_rows(
    const int32_t *owner, int64_t count, const int32_t *day, const int32_t *end, const int32_t *period_of_day,
    int32_t first_day, int32_t until, int32_t windows, int32_t first, int32_t stride, int32_t *places
) {
    int32_t before = first_day - 1;
    for (int64_t row = 0; row < count; row++) {
        int32_t near = day[row] < before ? before : day[row] > until ? until : day[row];
        int32_t window = day[row] < end[owner[row]] ? period_of_day[near - before] : windows;
        places[row] = window * stride + owner[row] - first;
    }
}

LINKAGE_WIDE_VECTORS
static void tell_positive(const int64_t *sums, int64_t count, uint8_t *above) {
    for (int64_t place = 0; place < count; place++) above[place] = sums[place] > 0;
}

#endif
