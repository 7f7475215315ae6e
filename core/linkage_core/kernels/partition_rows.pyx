# cython: freethreading_compatible = True
"""Deals rows out to partitions by the leading bits of their id, a column at a time, as narrow as the column allows.

Partitions lie in one buffer. `places` says where the next value of each partition goes, in bytes, and moves on with it;
rows of one partition keep their order.
"""

import numpy as np

from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)
from libc.string cimport memcpy, memset

cdef enum:
    STRETCH = 1 << 16

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


cdef void order_rows(
    const uint16_t* partition, int64_t rows, uint32_t* order, uint32_t* counts, uint32_t* places, int64_t partitions
) noexcept nogil:
    cdef int64_t row, number
    cdef uint32_t place = 0
    memset(counts, 0, partitions * sizeof(uint32_t))
    for row in range(rows):
        counts[partition[row]] += 1
    for number in range(partitions):
        places[number] = place
        place += counts[number]
    for row in range(rows):
        order[places[partition[row]]] = <uint32_t>row
        places[partition[row]] += 1


# Values are fetched in the order they are written in: a partition's lie side by side, and a stretch fits the cache.
cdef void deal_words(
    const Number* source, uint64_t base, const uint8_t* absent, const uint32_t* order, const uint32_t* counts,
    int64_t partitions, int64_t* places, uint8_t* target, Word* kind,
) noexcept nogil:
    cdef int64_t number, row
    cdef Word* here
    for number in range(partitions):
        here = <Word*>(target + places[number])
        if absent == NULL:
            for row in range(counts[number]):
                here[row] = <Word>(<uint64_t>source[order[row]] - base)
        else:
            for row in range(counts[number]):
                here[row] = 0 if absent[order[row]] else <Word>(<uint64_t>source[order[row]] - base)
        order += counts[number]
        places[number] += counts[number] * sizeof(Word)


cdef void deal_stretches(
    const Number* source, uint64_t base, const uint8_t* absent, const uint32_t* order, const uint32_t* counts,
    int64_t rows, int64_t partitions, int64_t* places, uint8_t* target, Word* kind,
) noexcept nogil:
    cdef int64_t number, first
    for number in range((rows + STRETCH - 1) // STRETCH):
        first = number * STRETCH
        deal_words(
            source + first, base, NULL if absent == NULL else absent + first, order + first,
            counts + number * partitions, partitions, places, target, kind,
        )


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


def order_by_partition(const uint16_t[::1] partition, uint32_t[::1] order, int64_t partitions):
    """Fill `order` stretch by stretch with the rows by partition, counted from the stretch's first.

    Returns:
        uint32, a line a stretch: how many of its rows each partition has.
    """
    cdef int64_t rows = partition.shape[0], number, first, stretches = (rows + STRETCH - 1) // STRETCH
    if order.shape[0] != rows:
        raise ValueError("the partitions and their order differ in length")
    counts = np.empty((stretches, partitions), np.uint32)
    cdef uint32_t[:, ::1] filled = counts
    cdef uint32_t[::1] places = np.empty(partitions, np.uint32)
    if rows:
        with nogil:
            for number in range(stretches):
                first = number * STRETCH
                order_rows(
                    &partition[first], min(<int64_t>STRETCH, rows - first), &order[first], &filled[number, 0],
                    &places[0], partitions,
                )
    return counts


def deal(
    const Number[::1] source, uint64_t base, const uint8_t[::1] absent, const uint32_t[::1] order,
    const uint32_t[:, ::1] counts, int64_t[::1] places, uint8_t[::1] target, int width,
):
    """Write each value less `base` into its partition, in `width` bytes; an absent one is zero.

    Args:
        source, absent: values, and which of them are absent; None for none.
        order, counts: of `order_by_partition`.
        places: byte of `target` where the next value of each partition goes.
        width: 1, 2, 4 or 8.
    """
    cdef int64_t rows = source.shape[0], partitions = counts.shape[1]
    if order.shape[0] != rows or (absent is not None and absent.shape[0] != rows) or places.shape[0] != partitions:
        raise ValueError("a column and its partitions differ in length")
    if rows == 0:
        return
    cdef const uint8_t* missing = NULL
    if absent is not None:
        missing = &absent[0]
    cdef const Number* values = &source[0]
    cdef const uint32_t* arranged = &order[0]
    cdef const uint32_t* counted = &counts[0, 0]
    cdef int64_t* next_place = &places[0]
    cdef uint8_t* filled = &target[0]
    with nogil:
        if width == 1:
            deal_stretches(
                values, base, missing, arranged, counted, rows, partitions, next_place, filled, <uint8_t*>NULL
            )
        elif width == 2:
            deal_stretches(
                values, base, missing, arranged, counted, rows, partitions, next_place, filled, <uint16_t*>NULL
            )
        elif width == 4:
            deal_stretches(
                values, base, missing, arranged, counted, rows, partitions, next_place, filled, <uint32_t*>NULL
            )
        else:
            deal_stretches(
                values, base, missing, arranged, counted, rows, partitions, next_place, filled, <uint64_t*>NULL
            )
