/* Whose rows are, for kernels that go row by row: how many rows a person has, a processor guesses in vain, and a wrong guess
   costs as much as several rows. */

#ifndef LINKAGE_ROW_OWNERS_H
#define LINKAGE_ROW_OWNERS_H

#include <stdint.h>
#include <string.h>

/* So many that what is told of them stays in the nearest cache. */
enum { LINKAGE_ROWS_OWNED = 1024 };

/* Positions of the persons who own the `count` rows from `row` on, at most LINKAGE_ROWS_OWNED of them; the rows of `person`
   begin at or before the first. Each person is written down at her first row, over those without rows before her, and each
   row is the latest one's. */
static inline void linkage_tell_owners(
    const int64_t *offsets, int64_t persons, int64_t person, int64_t row, int64_t count, int32_t *owner
) {
    int32_t latest = 0;
    memset(owner, 0, (size_t)count * sizeof *owner);
    owner[0] = (int32_t)person;
    for (person++; person < persons && offsets[person] < row + count; person++)
        owner[offsets[person] - row] = (int32_t)person;
    for (int64_t i = 0; i < count; i++) {
        latest = owner[i] > latest ? owner[i] : latest;
        owner[i] = latest;
    }
}

#endif
