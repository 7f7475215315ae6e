# cython: freethreading_compatible = True
"""Deals rows out to partitions by the leading bits of their id, a column at a time, as narrow as the column allows.

Partitions lie in one buffer. `places` says where the next value of each partition goes, in bytes, and moves on with it;
rows of one partition keep their order.
"""

from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)
from libc.string cimport memcpy

cdef extern from *:
    uint64_t big_endian "__builtin_bswap64" (uint64_t word) noexcept nogil

ctypedef fused Number:
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t
    uint64_t

ctypedef fused Word:
    uint8_t
    uint16_t
    uint32_t
    uint64_t


cdef void read_ids(
    const uint8_t* ids, int64_t rows, int shift, uint64_t* high, uint64_t* low, uint16_t* partition, int64_t* counts
) noexcept nogil:
    cdef int64_t row
    cdef uint64_t[2] words
    for row in range(rows):
        memcpy(words, ids + 16 * row, 16)
        high[row] = big_endian(words[0])
        low[row] = big_endian(words[1])
        partition[row] = <uint16_t>(high[row] >> shift)
        counts[partition[row]] += 1


cdef void deal_words(
    const Number* source, uint64_t base, const uint8_t* absent, const uint16_t* partition, int64_t rows,
    int64_t* places, uint8_t* target, Word* kind,
) noexcept nogil:
    cdef int64_t row
    cdef uint64_t value
    for row in range(rows):
        value = <uint64_t>source[row] - base
        if absent != NULL and absent[row]:
            value = 0
        (<Word*>(target + places[partition[row]]))[0] = <Word>value
        places[partition[row]] += sizeof(Word)


def split_ids(
    const uint8_t[::1] ids, int bits, uint64_t[::1] high, uint64_t[::1] low, uint16_t[::1] partition, int64_t[::1] counts
):
    """Both words of each id, and its partition by the leading `bits`; adds to the rows of each partition."""
    cdef int64_t rows = high.shape[0]
    if ids.shape[0] != 16 * rows or low.shape[0] != rows or partition.shape[0] != rows or counts.shape[0] != 1 << bits:
        raise ValueError("ids and what is to be filled differ in length")
    if rows:
        with nogil:
            read_ids(&ids[0], rows, 64 - bits, &high[0], &low[0], &partition[0], &counts[0])


def deal(
    const Number[::1] source, uint64_t base, const uint8_t[::1] absent, const uint16_t[::1] partition,
    int64_t[::1] places, uint8_t[::1] target, int width,
):
    """Write each value less `base` into its partition, in `width` bytes; an absent one is zero."""
    cdef int64_t rows = source.shape[0]
    if partition.shape[0] != rows or (absent is not None and absent.shape[0] != rows):
        raise ValueError("a column and its partitions differ in length")
    if rows == 0:
        return
    cdef const uint8_t* missing = NULL
    if absent is not None:
        missing = &absent[0]
    with nogil:
        if width == 1:
            deal_words(&source[0], base, missing, &partition[0], rows, &places[0], &target[0], <uint8_t*>NULL)
        elif width == 2:
            deal_words(&source[0], base, missing, &partition[0], rows, &places[0], &target[0], <uint16_t*>NULL)
        elif width == 4:
            deal_words(&source[0], base, missing, &partition[0], rows, &places[0], &target[0], <uint32_t*>NULL)
        else:
            deal_words(&source[0], base, missing, &partition[0], rows, &places[0], &target[0], <uint64_t*>NULL)
