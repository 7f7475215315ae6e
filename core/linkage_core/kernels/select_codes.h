/* Tells rows whose code is wanted by vector instructions, 32 codes of two bytes at once: wanted codes lie in a few
   ranges, a comparison gives one bit a row, and the numbers of the rows are packed by these bits. Needs AVX-512. */

#ifndef LINKAGE_SELECT_CODES_H
#define LINKAGE_SELECT_CODES_H

#include <stdint.h>

#include "wide_vectors.h"

enum { MOST_RANGES = 16, WORTH_A_SCAN = 64 };

/* Codes [first, first + span] of each range are wanted; all of `table` is for those who look codes up one by one. */
typedef struct {
    const uint8_t *table;
    uint32_t texts;
    int ranges;
    uint32_t first[MOST_RANGES];
    uint32_t span[MOST_RANGES];
} Wanted;

/* Rows [starts, starts + counts) of each slice. */
typedef struct {
    const uint32_t *starts;
    const uint32_t *counts;
    int64_t slices;
} Slices;

/* What is written behind the last wanted row. */
enum { ROWS_TO_SPARE = 32 };

/* Numbers of wanted rows, and their codes. */
typedef struct {
    uint32_t *rows;
    int32_t *codes;
} Kept;

/* Codes of the rows from number `first` to before `last` of those kept: read again while they are near. */
static inline void take_codes(const uint16_t *codes, const Kept *out, int64_t first, int64_t last) {
    for (int64_t row = first; row < last; row++) out->codes[row] = codes[out->rows[row]];
}

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)

#include <immintrin.h>

#define WITH_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,bmi2,popcnt")))

enum { CODES_A_STEP = 32, STEPS_A_CHUNK = 128, SLICES_AHEAD = 32, CODES_AT_ONCE = 256 };

static int has_wide_selection(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
}

/* One bit for each of up to 32 codes that is wanted; bits of `impossible` where a code has no text. */
WITH_AVX512
static inline uint32_t wanted_bits(
    const uint16_t *codes, uint32_t count, const Wanted *wanted, uint32_t *impossible
) {
    __mmask32 within = _bzhi_u32(~0u, count < CODES_A_STEP ? count : CODES_A_STEP), bits = 0;
    /* Codes that are masked out are waited for all the same: a half that is not needed is read where the first is. */
    const uint16_t *second = count > CODES_A_STEP / 2 ? codes + CODES_A_STEP / 2 : codes;
    __m256i low = _mm256_maskz_loadu_epi16((__mmask16)within, codes);
    __m256i high = _mm256_maskz_loadu_epi16((__mmask16)(within >> 16), second);
    __m512i here = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    for (int range = 0; range < wanted->ranges; range++) {
        __m512i above = _mm512_sub_epi16(here, _mm512_set1_epi16((short)wanted->first[range]));
        bits |= _mm512_mask_cmple_epu16_mask(within, above, _mm512_set1_epi16((short)wanted->span[range]));
    }
    if (wanted->texts <= UINT16_MAX)
        *impossible |= _mm512_mask_cmpge_epu16_mask(within, here, _mm512_set1_epi16((short)wanted->texts));
    return bits;
}

/* Writes the numbers of the rows whose bit is set, and returns the place behind them. */
WITH_AVX512
static inline uint32_t *pack_rows(uint32_t bits, uint32_t first, uint32_t *place) {
    __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i rows = _mm512_add_epi32(_mm512_set1_epi32((int)first), lanes);
    _mm512_storeu_si512(place, _mm512_maskz_compress_epi32((__mmask16)bits, rows));
    place += _mm_popcnt_u32(bits & 0xffff);
    rows = _mm512_add_epi32(rows, _mm512_set1_epi32(16));
    _mm512_storeu_si512(place, _mm512_maskz_compress_epi32((__mmask16)(bits >> 16), rows));
    return place + _mm_popcnt_u32(bits >> 16);
}

/* Slices that lie side by side, read from end to end; the bits up to its end tell how many rows of each are kept. */
WITH_AVX512
static uint32_t *select_neighbours(
    const uint16_t *codes, const Wanted *wanted, uint32_t start, uint32_t count, const uint32_t *counts,
    const Kept *out, uint32_t *place, uint32_t *kept, uint32_t *impossible
) {
    uint32_t bits[STEPS_A_CHUNK + 1], kept_before[STEPS_A_CHUNK + 1];
    uint64_t end = counts[0];
    for (uint32_t done = 0; done < count; done += CODES_A_STEP * STEPS_A_CHUNK) {
        uint32_t step = 0, here = 0, before = 0, until = count - done;
        int64_t taken = place - out->rows;
        if (until > CODES_A_STEP * STEPS_A_CHUNK) until = CODES_A_STEP * STEPS_A_CHUNK;
        for (uint32_t row = 0; row < until; row += CODES_A_STEP, step++) {
            bits[step] = wanted_bits(codes + start + done + row, until - row, wanted, impossible);
            kept_before[step] = here;
            here += _mm_popcnt_u32(bits[step]);
            place = pack_rows(bits[step], start + done + row, place);
        }
        take_codes(codes, out, taken, place - out->rows);
        bits[step] = 0;
        kept_before[step] = here;
        for (;;) {
            uint32_t within = end - done < until ? (uint32_t)(end - done) : until;
            here = kept_before[within / CODES_A_STEP]
                + _mm_popcnt_u32(_bzhi_u32(bits[within / CODES_A_STEP], within % CODES_A_STEP));
            *kept += here - before;
            before = here;
            if (end > (uint64_t)done + until || end == count) break;
            kept++;
            end += *++counts;
        }
    }
    return place;
}

/* Whether all codes are possible. Slices lie inside the codes; `kept` is 0; `out` has room for ROWS_TO_SPARE too many. */
WITH_AVX512
static int select_wide(
    const uint16_t *codes, const Wanted *wanted, const Slices *of, const Kept *out, uint32_t *kept, int64_t *listed
) {
    const uint32_t *starts = of->starts, *counts = of->counts;
    uint32_t *place = out->rows, impossible = 0;
    int64_t slice = 0, taken = 0;
    while (slice < of->slices) {
        int64_t next = slice + 1;
        uint64_t end = (uint64_t)starts[slice] + counts[slice];
        for (; next < of->slices && starts[next] == end; next++) end += counts[next];
        if (end - starts[slice] >= WORTH_A_SCAN) {
            uint32_t count = (uint32_t)(end - starts[slice]);
            take_codes(codes, out, taken, place - out->rows);
            place = select_neighbours(
                codes, wanted, starts[slice], count, counts + slice, out, place, kept + slice, &impossible
            );
            taken = place - out->rows;
            slice = next;
        }
        for (; slice < next; slice++) {
            uint32_t *before = place;
            if (slice + SLICES_AHEAD < of->slices) LINKAGE_FETCH_LINES(codes + starts[slice + SLICES_AHEAD]);
            for (uint32_t done = 0; done < counts[slice]; done += CODES_A_STEP) {
                const uint16_t *here = codes + starts[slice] + done;
                uint32_t bits = wanted_bits(here, counts[slice] - done, wanted, &impossible);
                place = pack_rows(bits, starts[slice] + done, place);
            }
            kept[slice] = (uint32_t)(place - before);
        }
        if (place - out->rows - taken >= CODES_AT_ONCE) {
            take_codes(codes, out, taken, place - out->rows);
            taken = place - out->rows;
        }
    }
    *listed = place - out->rows;
    take_codes(codes, out, taken, *listed);
    return !impossible;
}

#else

static int has_wide_selection(void) {
    return 0;
}

static int select_wide(
    const uint16_t *codes, const Wanted *wanted, const Slices *of, const Kept *out, uint32_t *kept, int64_t *listed
) {
    (void)codes, (void)wanted, (void)of, (void)out, (void)kept, (void)listed;
    return 0;
}

#endif

#endif
