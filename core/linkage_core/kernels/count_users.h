/* Users by level in calendar periods, and what everybody's rows weigh there, from rows that stand by day: the common
   question about all persons, a chunk of rows at a time. What a chunk needs of its rows alone is worked out by vector
   instructions; the places in the tally, which outgrows the nearest caches, are asked for; and then the rows are counted
   one by one, without a branch on what a row says. */

#ifndef LINKAGE_COUNT_USERS_H
#define LINKAGE_COUNT_USERS_H

#include <stdint.h>
#include <string.h>

#include "row_owners.h"
#include "wide_vectors.h"

enum { ROWS_A_CHUNK = 128, MOST_SUMS_OF_USERS = 3, WEIGHTS_OF_USERS = MOST_SUMS_OF_USERS + 1 };

/* What a row weighs: `wide`, or `amount` x `factor` (1 where NULL), or the sign of that. */
typedef struct {
    const int32_t *amount;
    const int32_t *factor;
    const int64_t *wide;
    int sign_only;
} RowWeight;

/* Rows of `persons`, and in which of `windows` periods a day lies: as `Windows` in weighed_rows.pxd. Each row has the level
   of its code, the last where it has none. */
typedef struct {
    const int64_t *offsets;
    int64_t persons;
    const int32_t *day;
    const int32_t *end;
    const int32_t *period_of_day;
    int32_t first;
    int32_t until;
    int32_t windows;
    const int32_t *code;
    const int32_t *level_of_code;
    int32_t levels;
} UserRows;

/* Cells x (windows + 1) x levels x (2 + sums) numbers: users, persons with rows, sums; behind all windows, persons in any.
   Users have a sum above 0 of the first weight; a bit a person and window says of whom it is asked, NULL of all. */
typedef struct {
    const int32_t *cell;
    const uint64_t *among;
    int64_t *numbers;
    uint8_t *used;
} UserTally;

/* Of a level: the latest person and window with it, as one number; the sum of her rows there; in how many she is a user. */
typedef struct {
    int64_t latest;
    int64_t sum;
    int64_t windows;
    int64_t spare;
} UserLevel;

/* A chunk: of each row its person, window, level and weights; of each row in a window its place among them, and in the
   tally. */
typedef struct {
    int32_t owner[LINKAGE_ROWS_OWNED];
    int32_t window[ROWS_A_CHUNK];
    int32_t level[ROWS_A_CHUNK];
    int64_t weighed[WEIGHTS_OF_USERS][ROWS_A_CHUNK];
    int32_t visited[ROWS_A_CHUNK];
    int64_t place[ROWS_A_CHUNK];
} UserChunk;

/* Whether each person's rows stand by day: days fall between persons alone. */
LINKAGE_WIDE_VECTORS
static int rows_stand_by_day(const int64_t *offsets, int64_t persons, const int32_t *day) {
    int64_t falls = 0, rows = offsets[persons];
    for (int64_t row = 1; row < rows; row++) falls += day[row] < day[row - 1];
    for (int64_t person = 0; person < persons && falls; person++) {
        int64_t row = offsets[person];
        if (row > 0 && row < offsets[person + 1]) falls -= day[row] < day[row - 1];
    }
    return falls == 0;
}

/* Windows and levels of `count` rows from `first` on; whether all levels are possible. */
LINKAGE_WIDE_VECTORS
static int tell_levels(const UserRows *of, int64_t first, int64_t count, UserChunk *chunk) {
    const int32_t *day = of->day + first, *code = of->code + first, *end = of->end, *period = of->period_of_day;
    const int32_t *level_of_code = of->level_of_code;
    int32_t before = of->first - 1, until = of->until, windows = of->windows, last = of->levels - 1;
    uint32_t most = 0;
    for (int64_t row = 0; row < count; row++) {
        int32_t near = day[row] < before ? before : day[row] > until ? until : day[row];
        int32_t window = period[near - before];
        chunk->window[row] = day[row] < end[chunk->owner[row]] ? window : windows;
    }
    for (int64_t row = 0; row < count; row++) {
        int32_t level = level_of_code[code[row] < 0 ? 0 : code[row]];
        level = code[row] < 0 ? last : level;
        chunk->level[row] = level;
        most = (uint32_t)level > most ? (uint32_t)level : most;
    }
    return most <= (uint32_t)last;
}

/* Whether any weighs more than 2^40, and so too much for what is added up. */
LINKAGE_WIDE_VECTORS
static int tell_weights(const RowWeight *weight, int64_t first, int64_t count, int64_t *weighed) {
    const int64_t most = (int64_t)1 << 40;
    int64_t heavy = 0;
    if (weight->wide) {
        memcpy(weighed, weight->wide + first, (size_t)count * sizeof *weighed);
    } else if (weight->factor) {
        const int32_t *amount = weight->amount + first, *factor = weight->factor + first;
        for (int64_t row = 0; row < count; row++) weighed[row] = (int64_t)amount[row] * factor[row];
    } else {
        const int32_t *amount = weight->amount + first;
        for (int64_t row = 0; row < count; row++) weighed[row] = amount[row];
    }
    if (weight->sign_only)
        for (int64_t row = 0; row < count; row++) weighed[row] = (weighed[row] > 0) - (weighed[row] < 0);
    if (weight->wide || weight->factor)
        for (int64_t row = 0; row < count; row++) heavy |= (weighed[row] > most) | (weighed[row] < -most);
    return heavy != 0;
}

/* Rows that lie in a window, with their places asked for; how many. */
__attribute__((always_inline))
static inline int64_t ask_for_places(
    const UserRows *of, const UserTally *tally, const UserLevel *levels, int64_t count, int64_t columns, UserChunk *chunk
) {
    int64_t visits = 0, windows = of->windows;
    for (int64_t row = 0; row < count; row++) {
        int64_t window = chunk->window[row], level = chunk->level[row];
        int64_t place = ((tally->cell[chunk->owner[row]] * (windows + 1) + window) * of->levels + level) * columns;
        __builtin_prefetch(tally->numbers + place, 1);
        __builtin_prefetch(levels + level, 1);
        chunk->visited[visits] = (int32_t)row;
        chunk->place[visits] = place;
        visits += window < windows;
    }
    return visits;
}

__attribute__((always_inline))
static inline void count_visits(
    const UserRows *of, const UserTally *tally, UserLevel *levels, int64_t visits, const UserChunk *chunk, int sums
) {
    const uint64_t *among = tally->among;
    int64_t *numbers = tally->numbers, windows = of->windows, stride = (int64_t)of->levels * (2 + sums);
    for (int64_t visit = 0; visit < visits; visit++) {
        int64_t row = chunk->visited[visit], person = chunk->owner[row], window = chunk->window[row];
        int64_t own = person * windows, latest = own + window;
        UserLevel *level = levels + chunk->level[row], was = *level;
        int64_t is_first = was.latest < latest, is_first_ever = was.latest < own;
        int64_t is_among = among ? (int64_t)(among[(person >> 6) * windows + window] >> (person & 63)) & 1 : 1;
        int64_t sum_before = was.sum & (is_first - 1), sum = sum_before + chunk->weighed[0][row];
        int64_t more = ((sum > 0) - (sum_before > 0)) & -is_among;
        int64_t before = was.windows & (is_first_ever - 1), after = before + more;
        int64_t *place = numbers + chunk->place[visit], *total = place + (windows - window) * stride;
        level->latest = latest;
        level->sum = sum;
        level->windows = after;
        place[0] += more;
        place[1] += is_first;
        for (int which = 0; which < sums; which++) place[2 + which] += chunk->weighed[1 + which][row];
        total[0] += (after > 0) - (before > 0);
        total[1] += is_first_ever;
    }
}

/* Row of a window that weighs too much; -1 for none. */
static int64_t heavy_visit(int64_t first, int64_t visits, const UserChunk *chunk, int sums) {
    const int64_t most = (int64_t)1 << 40;
    for (int64_t visit = 0; visit < visits; visit++)
        for (int which = 0; which <= sums; which++) {
            int64_t weighed = chunk->weighed[which][chunk->visited[visit]];
            if (weighed > most || weighed < -most) return first + chunk->visited[visit];
        }
    return -1;
}

/* Counts all rows. `weights` are that of users and those of the sums; `levels` has one for each level, `latest` -1. Returns
   -1, or the row that is too heavy or (`impossible`) has no possible level. */
LINKAGE_WIDE_VECTORS
static int64_t count_users(
    const UserRows *of, const UserTally *tally, const RowWeight *weights, int sums, UserLevel *levels, UserChunk *chunk,
    int *impossible
) {
    int64_t rows = of->offsets[of->persons], person = 0;
    *impossible = 0;
    for (int64_t first = 0; first < rows; first += ROWS_A_CHUNK) {
        int64_t count = rows - first < ROWS_A_CHUNK ? rows - first : ROWS_A_CHUNK, visits;
        int heavy = 0;
        linkage_tell_owners(of->offsets, of->persons, person, first, count, chunk->owner);
        person = chunk->owner[count - 1];
        if (!tell_levels(of, first, count, chunk)) {
            *impossible = 1;
            for (int64_t row = 0; row < count; row++)
                if ((uint32_t)chunk->level[row] >= (uint32_t)of->levels) return first + row;
        }
        for (int which = 0; which <= sums; which++)
            heavy |= tell_weights(weights + which, first, count, chunk->weighed[which]);
        visits = ask_for_places(of, tally, levels, count, 2 + sums, chunk);
        if (heavy) {
            int64_t row = heavy_visit(first, visits, chunk, sums);
            if (row >= 0) return row;
        }
        switch (sums) {
        case 0: count_visits(of, tally, levels, visits, chunk, 0); break;
        case 1: count_visits(of, tally, levels, visits, chunk, 1); break;
        case 2: count_visits(of, tally, levels, visits, chunk, 2); break;
        default: count_visits(of, tally, levels, visits, chunk, 3);
        }
    }
    for (int32_t level = 0; level < of->levels; level++) tally->used[level] |= levels[level].latest >= 0;
    return -1;
}

#endif
