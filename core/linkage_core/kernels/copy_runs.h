/* Copies runs of rows of a narrow column into wider integers, 16 rows a step. A step may copy rows behind its run,
   where the column and the output have room: the next run writes over them. */

#ifndef LINKAGE_COPY_RUNS_H
#define LINKAGE_COPY_RUNS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wide_vectors.h"

enum { ROWS_A_STEP = 16, RUNS_AHEAD = 32 };

/* Rows [starts, starts + counts) of a column of `length` rows. */
typedef struct {
    const uint32_t *starts;
    const uint32_t *counts;
    int64_t runs;
    int64_t length;
} Runs;

/* Whether the runs lie inside the column and fill `room` exactly; the largest value of the steps goes to `most`. */
#define DEFINE_COPY_RUNS(NAME, SOURCE, TARGET)                                                                        \
    LINKAGE_WIDE_VECTORS                                                                                              \
    static int NAME(const SOURCE *values, const Runs *of, TARGET base, TARGET *out, int64_t room, int64_t *most) {    \
        typedef SOURCE Sources __attribute__((vector_size(ROWS_A_STEP * sizeof(SOURCE))));                            \
        typedef TARGET Targets __attribute__((vector_size(ROWS_A_STEP * sizeof(TARGET))));                            \
        Sources here, above, largest;                                                                                 \
        Targets widened;                                                                                              \
        const uint32_t *starts = of->starts, *counts = of->counts;                                                    \
        int64_t run = 0, runs = of->runs, length = of->length;                                                        \
        SOURCE greatest = 0;                                                                                          \
        memset(&largest, 0, sizeof largest);                                                                          \
        while (run < runs) {                                                                                          \
            int64_t start = starts[run], count = counts[run], row = 0, whole;                                         \
            if (run + RUNS_AHEAD < runs) LINKAGE_FETCH_LINES(values + starts[run + RUNS_AHEAD]);                      \
            for (run++; run < runs && starts[run] == start + count; run++) count += counts[run];                      \
            if (start + count > length || count > room) return 0;                                                     \
            whole = (length - start < room ? length - start : room) - ROWS_A_STEP;                                    \
            for (; row < count && row <= whole; row += ROWS_A_STEP) {                                                 \
                memcpy(&here, values + start + row, sizeof here);                                                     \
                widened = __builtin_convertvector(here, Targets) + base;                                              \
                memcpy(out + row, &widened, sizeof widened);                                                          \
                above = (Sources)(here > largest);                                                                    \
                largest = (here & above) | (largest & ~above);                                                        \
            }                                                                                                         \
            for (; row < count; row++) {                                                                              \
                SOURCE value = values[start + row];                                                                   \
                out[row] = base + (TARGET)value;                                                                      \
                greatest = value > greatest ? value : greatest;                                                       \
            }                                                                                                         \
            out += count;                                                                                             \
            room -= count;                                                                                            \
        }                                                                                                             \
        for (int lane = 0; lane < ROWS_A_STEP; lane++)                                                                \
            greatest = largest[lane] > greatest ? largest[lane] : greatest;                                           \
        *most = (int64_t)greatest;                                                                                    \
        return room == 0;                                                                                             \
    }

#define DEFINE_BOTH(SOURCE)                           \
    DEFINE_COPY_RUNS(SOURCE##_to_32, SOURCE, int32_t) \
    DEFINE_COPY_RUNS(SOURCE##_to_64, SOURCE, int64_t)

DEFINE_BOTH(uint8_t)
DEFINE_BOTH(int8_t)
DEFINE_BOTH(uint16_t)
DEFINE_BOTH(int16_t)
DEFINE_BOTH(uint32_t)
DEFINE_BOTH(int32_t)
DEFINE_BOTH(int64_t)

#define COPY_BOTH(SOURCE)                                                                                     \
    return wide ? SOURCE##_to_64((const SOURCE *)values, of, base, (int64_t *)out, room, most)                \
                : SOURCE##_to_32((const SOURCE *)values, of, (int32_t)base, (int32_t *)out, room, most)

/* The same for values of `width` bytes, into int64 where `wide`, else into int32. */
static int copy_runs(
    const void *values, size_t width, int is_signed, const Runs *of, int64_t base, void *out, int wide, int64_t room,
    int64_t *most
) {
    switch (width) {
    case 1:
        if (is_signed) COPY_BOTH(int8_t);
        COPY_BOTH(uint8_t);
    case 2:
        if (is_signed) COPY_BOTH(int16_t);
        COPY_BOTH(uint16_t);
    case 4:
        if (is_signed) COPY_BOTH(int32_t);
        COPY_BOTH(uint32_t);
    default:
        COPY_BOTH(int64_t);
    }
}

#endif
