/* Sets of persons as bits, 64 persons a word: which bytes equal a value, and how many bits are set. */

#ifndef LINKAGE_PERSON_BITS_H
#define LINKAGE_PERSON_BITS_H

#include <stdint.h>

#include "wide_vectors.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* A file may include this for the other functions alone. */
#if defined(__GNUC__)
#define LINKAGE_MAYBE_UNUSED __attribute__((unused))
#else
#define LINKAGE_MAYBE_UNUSED
#endif

/* Which of 64 bytes equal a value, the first in the lowest bit. */
static inline uint64_t linkage_equal_bytes(const uint8_t* bytes, uint8_t wanted) {
    uint64_t found = 0;
    int part;
#if defined(__SSE2__)
    const __m128i all = _mm_set1_epi8((char)wanted);
    for (part = 0; part < 4; ++part) {
        const __m128i here = _mm_loadu_si128((const __m128i*)(bytes + 16 * part));
        found |= (uint64_t)(uint16_t)_mm_movemask_epi8(_mm_cmpeq_epi8(here, all)) << (16 * part);
    }
#else
    for (part = 0; part < 64; ++part) {
        found |= (uint64_t)(bytes[part] == wanted) << part;
    }
#endif
    return found;
}

/* Position of the lowest bit of a word that is not 0. */
static inline int linkage_lowest(uint64_t word) {
#if defined(__GNUC__)
    return __builtin_ctzll(word);
#else
    int place = 0;
    while (!(word >> place & 1)) {
        ++place;
    }
    return place;
#endif
}

LINKAGE_WIDE_VECTORS LINKAGE_MAYBE_UNUSED
static int64_t linkage_ones(const uint64_t* words, int64_t count) {
    int64_t word, ones = 0;
    for (word = 0; word < count; ++word) {
#if defined(__GNUC__)
        ones += __builtin_popcountll(words[word]);
#else
        uint64_t left = words[word];
        for (; left; left &= left - 1) {
            ++ones;
        }
#endif
    }
    return ones;
}

#endif
