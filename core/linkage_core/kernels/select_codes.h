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

#define WITH_PACKED_BYTES __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,bmi2,popcnt")))

enum { CODES_A_STEP = 32, WORDS_A_CHUNK = 64, SLICES_AHEAD = 32, CODES_AT_ONCE = 256 };

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

/* A chunk of neighbours: one bit a code, 64 a word, and how many are kept before each word. */
typedef struct {
    uint64_t bits[WORDS_A_CHUNK + 1];
    uint32_t kept_before[WORDS_A_CHUNK + 1];
} SelectedChunk;

/* Tells the `count` codes of rows from `first` on, and writes the rows that are kept; returns the place behind them. */
WITH_AVX512
static uint32_t *tell_chunk(
    const uint16_t *codes, const Wanted *wanted, uint32_t first, uint32_t count, uint32_t *place, SelectedChunk *chunk,
    uint32_t *impossible
) {
    uint32_t word = 0, *begin = place;
    for (uint32_t row = 0; row < count; row += 2 * CODES_A_STEP, word++) {
        uint32_t rest = count - row, left = rest > CODES_A_STEP ? rest - CODES_A_STEP : 0, from = first + row;
        uint32_t low = wanted_bits(codes + from, rest, wanted, impossible);
        uint32_t high = left ? wanted_bits(codes + from + CODES_A_STEP, left, wanted, impossible) : 0;
        chunk->bits[word] = low | (uint64_t)high << CODES_A_STEP;
        chunk->kept_before[word] = (uint32_t)(place - begin);
        place = pack_rows(high, from + CODES_A_STEP, pack_rows(low, from, place));
    }
    chunk->bits[word] = 0;
    chunk->kept_before[word] = (uint32_t)(place - begin);
    return place;
}

/* The same where a processor packs bytes: few of 64 codes are kept, mostly, and are written at once. */
WITH_PACKED_BYTES
static uint32_t *tell_chunk_by_bytes(
    const uint16_t *codes, const Wanted *wanted, uint32_t first, uint32_t count, uint32_t *place, SelectedChunk *chunk,
    uint32_t *impossible
) {
    static const uint8_t numbers[64] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
        22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
        44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
    };
    const __m512i lanes = _mm512_loadu_si512(numbers);
    uint32_t word = 0, *begin = place;
    for (uint32_t row = 0; row < count; row += 2 * CODES_A_STEP, word++) {
        uint64_t within = _bzhi_u64(~(uint64_t)0, count - row < 64 ? count - row : 64);
        __m512i low = _mm512_maskz_loadu_epi16((__mmask32)within, codes + first + row);
        __m512i high = _mm512_maskz_loadu_epi16((__mmask32)(within >> 32), codes + first + row + CODES_A_STEP);
        uint64_t bits = 0;
        for (int range = 0; range < wanted->ranges; range++) {
            __m512i from = _mm512_set1_epi16((short)wanted->first[range]);
            __m512i span = _mm512_set1_epi16((short)wanted->span[range]);
            bits |= _mm512_cmple_epu16_mask(_mm512_sub_epi16(low, from), span);
            bits |= (uint64_t)_mm512_cmple_epu16_mask(_mm512_sub_epi16(high, from), span) << CODES_A_STEP;
        }
        /* Behind the last code there are zeros. */
        bits &= within;
        if (wanted->texts <= UINT16_MAX) {
            __m512i most = _mm512_max_epu16(low, high);
            *impossible |= _mm512_cmpge_epu16_mask(most, _mm512_set1_epi16((short)wanted->texts));
        }
        chunk->bits[word] = bits;
        chunk->kept_before[word] = (uint32_t)(place - begin);
        __m512i rows = _mm512_set1_epi32((int)(first + row)), kept = _mm512_maskz_compress_epi8(bits, lanes);
        int64_t many = _mm_popcnt_u64(bits);
        _mm512_storeu_si512(place, _mm512_add_epi32(rows, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(kept))));
        for (int64_t written = 16; written < many; written += 16) {
            kept = _mm512_alignr_epi32(kept, kept, 4);
            __m512i next = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(kept));
            _mm512_storeu_si512(place + written, _mm512_add_epi32(rows, next));
        }
        place += many;
    }
    chunk->bits[word] = 0;
    chunk->kept_before[word] = (uint32_t)(place - begin);
    return place;
}

/* Slices that lie side by side, read from end to end; the bits up to its end tell how many rows of each are kept. */
WITH_AVX512
static uint32_t *select_neighbours(
    const uint16_t *codes, const Wanted *wanted, uint32_t start, uint32_t count, const uint32_t *counts,
    const Kept *out, uint32_t *place, uint32_t *kept, uint32_t *impossible
) {
    SelectedChunk chunk;
    const int by_bytes = __builtin_cpu_supports("avx512vbmi2");
    uint64_t end = counts[0];
    for (uint32_t done = 0; done < count; done += 64 * WORDS_A_CHUNK) {
        uint32_t before = 0, until = count - done;
        int64_t taken = place - out->rows;
        if (until > 64 * WORDS_A_CHUNK) until = 64 * WORDS_A_CHUNK;
        place = (by_bytes ? tell_chunk_by_bytes : tell_chunk)(
            codes, wanted, start + done, until, place, &chunk, impossible
        );
        take_codes(codes, out, taken, place - out->rows);
        for (;;) {
            uint32_t within = end - done < until ? (uint32_t)(end - done) : until;
            uint32_t here = chunk.kept_before[within / 64]
                + (uint32_t)_mm_popcnt_u64(_bzhi_u64(chunk.bits[within / 64], within % 64));
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
