/* SHA-256 compression (FIPS 180-4 §6.2.2), portable and with the x86 SHA extensions, chosen at run time.
 * Only the compression function: padding, key handling and HMAC stand in keyed_hash.pyx, where they are tested against
 * RFC 4231 and Python's hmac. Why not a library: docs/decisions/keyed-hash.md. */
#ifndef LINKAGE_SHA256_H
#define LINKAGE_SHA256_H

#include <stdint.h>

static const uint32_t LINKAGE_SHA256_K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

typedef void (*linkage_sha256_compress)(uint32_t state[8], const uint8_t block[64]);

static uint32_t linkage_rotate(uint32_t word, int bits) { return (word >> bits) | (word << (32 - bits)); }

static void linkage_sha256_portable(uint32_t state[8], const uint8_t block[64]) {
    uint32_t w[64], a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
               (uint32_t)block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t s0 = linkage_rotate(w[i - 15], 7) ^ linkage_rotate(w[i - 15], 18) ^ (w[i - 15] >> 3);
        uint32_t s1 = linkage_rotate(w[i - 2], 17) ^ linkage_rotate(w[i - 2], 19) ^ (w[i - 2] >> 10);
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    for (int i = 0; i < 64; i++) {
        uint32_t s1 = linkage_rotate(e, 6) ^ linkage_rotate(e, 11) ^ linkage_rotate(e, 25);
        uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + LINKAGE_SHA256_K[i] + w[i];
        uint32_t s0 = linkage_rotate(a, 2) ^ linkage_rotate(a, 13) ^ linkage_rotate(a, 22);
        uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <immintrin.h>

/* Two rounds use the low, two more the high half of (message words + constants); see Intel's "SHA Extensions", 2013. */
__attribute__((target("sha,sse4.1,ssse3"))) static void linkage_sha256_extensions(uint32_t state[8],
                                                                                  const uint8_t block[64]) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)&state[0]), 0xB1);  /* cdab */
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)&state[4]), 0x1B); /* efgh */
    __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xF0);
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w[4];
    for (int i = 0; i < 4; i++)
        w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(block + 16 * i)), big_endian);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        __m128i words = w[i & 3];
        if (i >= 4) {
            __m128i before = _mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]);
            before = _mm_add_epi32(before, _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4));
            words = w[i & 3] = _mm_sha256msg2_epu32(before, w[(i + 3) & 3]);
        }
        words = _mm_add_epi32(words, _mm_loadu_si128((const __m128i *)&LINKAGE_SHA256_K[4 * i]));
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, words);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(words, 0x0E));
    }
    abef = _mm_add_epi32(abef, abef_before), cdgh = _mm_add_epi32(cdgh, cdgh_before);
    low = _mm_shuffle_epi32(abef, 0x1B);  /* feba */
    high = _mm_shuffle_epi32(cdgh, 0xB1); /* dchg */
    _mm_storeu_si128((__m128i *)&state[0], _mm_blend_epi16(low, high, 0xF0));
    _mm_storeu_si128((__m128i *)&state[4], _mm_alignr_epi8(high, low, 8));
}

static int linkage_has_sha_extensions(void) {
    unsigned int a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29));
}
#else
static void linkage_sha256_extensions(uint32_t state[8], const uint8_t block[64]) {
    linkage_sha256_portable(state, block);
}
static int linkage_has_sha_extensions(void) { return 0; }
#endif

#endif
