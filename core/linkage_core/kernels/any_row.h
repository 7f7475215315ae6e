/* Whether persons have any row that counts, whenever. */

#ifndef LINKAGE_ANY_ROW_H
#define LINKAGE_ANY_ROW_H

#include <stdint.h>
#include <string.h>

#include "wide_vectors.h"

/* So many rows of a person are looked at in one step, and so many bytes are read behind the last row. */
enum { ROWS_A_LOOK = 8 };

/* One a row: it has something left, its day is before `none`, and its code is wanted: `wanted` is by code + 1, and by 0
   where there are no codes. */
LINKAGE_WIDE_VECTORS
static void tell_counting(
    const int32_t *left, const int32_t *day, const int32_t *code, int64_t rows, int32_t none, const int32_t *wanted,
    uint8_t *counts
) {
    for (int64_t row = 0; row < rows; row++) counts[row] = (left[row] > 0) & (day[row] < none);
    if (code)
        for (int64_t row = 0; row < rows; row++) counts[row] &= (uint8_t)wanted[code[row] + 1];
    else if (!wanted[0])
        memset(counts, 0, (size_t)rows);
}

/* One a person: any of her rows counts. `answers` is 0. */
static void tell_any(
    const int32_t *with_rows, int64_t persons_with_rows, const int64_t *offsets, const uint8_t *counts, uint8_t *answers
) {
    for (int64_t place = 0; place < persons_with_rows; place++) {
        int64_t person = with_rows[place], row = offsets[person], past = offsets[person + 1];
        uint8_t found = 0;
        for (; past - row > ROWS_A_LOOK; row++) found |= counts[row];
        /* How few rows somebody has, a processor guesses in vain: bytes behind them are left out by a shift. */
        uint64_t last;
        memcpy(&last, counts + row, sizeof last);
        found |= past > row && (last << (8 * (ROWS_A_LOOK - (past - row)))) != 0;
        answers[person] = found;
    }
}

#endif
