/* Loops that gain from wide vectors are compiled thrice, and what the processor can run is chosen when the module is
   loaded. Elsewhere, and under a sanitizer, which is not ready when the choice is made, they are compiled once. */

#ifndef LINKAGE_WIDE_VECTORS_H
#define LINKAGE_WIDE_VECTORS_H

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12 \
    && !defined(__SANITIZE_ADDRESS__)
#define LINKAGE_WIDE_VECTORS __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define LINKAGE_WIDE_VECTORS
#endif

/* Into the second cache: the first has too few places for lines on their way, twice as slow with a dozen streams. */
#define LINKAGE_FETCH(address) __builtin_prefetch((address), 0, 2)

/* The lines of the next 128 bytes, which hold most persons' rows of a narrow column. To fetch each person's own rows
   alone took a third longer, with a median of 9 rows of two bytes. */
#define LINKAGE_FETCH_LINES(address)                  \
    do {                                              \
        LINKAGE_FETCH(address);                       \
        LINKAGE_FETCH((const char *)(address) + 63);  \
        LINKAGE_FETCH((const char *)(address) + 127); \
    } while (0)

#endif
