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


cdef void read_partitions(const uint8_t* ids, int64_t rows, int shift, uint16_t* partition) noexcept nogil:
    cdef int64_t row
    for row in range(rows):
        partition[row] = <uint16_t>((((<uint32_t>ids[16 * row]) << 8) | ids[16 * row + 1]) >> shift)


cdef void order_rows(
    const uint16_t* partition, int64_t rows, uint16_t* order, uint32_t* counts, uint32_t* places, int64_t partitions
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
        order[places[partition[row]]] = <uint16_t>row
        places[partition[row]] += 1


# Values are fetched in the order they are written in: a partition's lie side by side, and a stretch fits the cache.
cdef void deal_words(
    const Number* source, uint64_t base, const uint8_t* absent, const uint16_t* order, const uint32_t* counts,
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


cdef void deal_texts(
    const Number* source, const uint32_t* table, const uint8_t* absent, const uint16_t* order, const uint32_t* counts,
    int64_t partitions, int64_t* places, uint8_t* target, Word* kind,
) noexcept nogil:
    cdef int64_t number, row
    cdef Word* here
    for number in range(partitions):
        here = <Word*>(target + places[number])
        if absent == NULL:
            for row in range(counts[number]):
                here[row] = <Word>table[source[order[row]]]
        else:
            for row in range(counts[number]):
                here[row] = 0 if absent[order[row]] else <Word>table[source[order[row]]]
        order += counts[number]
        places[number] += counts[number] * sizeof(Word)


# Ids are wide and read once: in the order they came, for all places that are written to at a time fit the cache.
cdef void deal_words_of_ids(
    const uint8_t* ids, const uint16_t* partition, int64_t rows, int64_t* high_places, int64_t* low_places, uint8_t* target
) noexcept nogil:
    cdef int64_t row
    cdef uint64_t[2] words
    for row in range(rows):
        memcpy(words, ids + 16 * row, 16)
        (<uint64_t*>(target + high_places[partition[row]]))[0] = big_endian(words[0])
        (<uint64_t*>(target + low_places[partition[row]]))[0] = big_endian(words[1])
        high_places[partition[row]] += 8
        low_places[partition[row]] += 8


cdef void deal_stretches(
    const Number* source, uint64_t base, const uint32_t* table, const uint8_t* absent, const uint16_t* order,
    const uint32_t* counts, int64_t rows, int64_t partitions, int64_t* places, uint8_t* target, Word* kind,
) noexcept nogil:
    cdef int64_t first = 0
    cdef const uint8_t* missing = NULL
    while first < rows:
        if absent != NULL:
            missing = absent + first
        if table != NULL:
            deal_texts(source + first, table, missing, order + first, counts, partitions, places, target, kind)
        else:
            deal_words(source + first, base, missing, order + first, counts, partitions, places, target, kind)
        counts += partitions
        first += STRETCH


cdef int64_t mark(const Number* source, const uint8_t* absent, int64_t rows, uint8_t* used, int64_t texts) noexcept nogil:
    cdef int64_t row, code, outside = 0
    for row in range(rows):
        if absent != NULL and absent[row]:
            continue
        code = <int64_t>source[row]
        if 0 <= code < texts:
            used[code] = 1
        else:
            outside += 1
    return outside


def partitions_of(const uint8_t[::1] ids, int bits, uint16_t[::1] partition):
    """Fill in the partition of each id of 16 bytes: its leading `bits`, 16 at most."""
    cdef int64_t rows = partition.shape[0]
    if ids.shape[0] != 16 * rows or not 0 < bits <= 16:
        raise ValueError("ids and what is to be filled differ in length")
    if rows:
        with nogil:
            read_partitions(&ids[0], rows, 16 - bits, &partition[0])


def order_by_partition(const uint16_t[::1] partition, uint16_t[::1] order, int64_t partitions):
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


def mark_used(const Number[::1] codes, const uint8_t[::1] absent, uint8_t[::1] used):
    """Set to 1 the texts that any code stands for; what is said of an absent code is passed over.

    Raises:
        ValueError: a code stands for none of the texts.
    """
    cdef int64_t rows = codes.shape[0], texts = used.shape[0], outside
    cdef const uint8_t* missing = NULL
    if absent is not None and absent.shape[0] != rows:
        raise ValueError("codes and their flags differ in length")
    if rows == 0:
        return
    if absent is not None:
        missing = &absent[0]
    cdef const Number* first = &codes[0]
    cdef uint8_t* marks = &used[0] if texts else NULL
    with nogil:
        outside = mark(first, missing, rows, marks, texts)
    if outside:
        raise ValueError("a code stands for no text")


def deal_ids(
    const uint8_t[::1] ids, const uint16_t[::1] partition, int64_t[::1] high_places, int64_t[::1] low_places,
    uint8_t[::1] target,
):
    """Write both words of each id into its partition, as numbers.

    Args:
        ids: 16 bytes each, big-endian.
        partition: of each, of `partitions_of`.
        high_places, low_places: byte of `target` where the next word of each partition goes.
    """
    cdef int64_t rows = partition.shape[0]
    if ids.shape[0] != 16 * rows or high_places.shape[0] != low_places.shape[0]:
        raise ValueError("ids and their partitions differ in length")
    if rows:
        with nogil:
            deal_words_of_ids(&ids[0], &partition[0], rows, &high_places[0], &low_places[0], &target[0])


def deal(
    const Number[::1] source, uint64_t base, const uint32_t[::1] table, const uint8_t[::1] absent,
    const uint16_t[::1] order, const uint32_t[:, ::1] counts, int64_t[::1] places, uint8_t[::1] target, int width,
):
    """Write each value less `base`, or its place of `table`, into its partition, in `width` bytes; an absent one is zero.

    Args:
        source, absent: values, and which of them are absent; None for none.
        table: the number of each code that `mark_used` saw; None where values stand for themselves.
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
    cdef const uint32_t* numbers = NULL
    if absent is not None:
        missing = &absent[0]
    if table is not None and table.shape[0]:
        numbers = &table[0]
    cdef const Number* values = &source[0]
    cdef const uint16_t* arranged = &order[0]
    cdef const uint32_t* counted = &counts[0, 0]
    cdef int64_t* next_place = &places[0]
    cdef uint8_t* filled = &target[0]
    with nogil:
        if width == 1:
            deal_stretches(
                values, base, numbers, missing, arranged, counted, rows, partitions, next_place, filled, <uint8_t*>NULL
            )
        elif width == 2:
            deal_stretches(
                values, base, numbers, missing, arranged, counted, rows, partitions, next_place, filled, <uint16_t*>NULL
            )
        elif width == 4:
            deal_stretches(
                values, base, numbers, missing, arranged, counted, rows, partitions, next_place, filled, <uint32_t*>NULL
            )
        else:
            deal_stretches(
                values, base, numbers, missing, arranged, counted, rows, partitions, next_place, filled, <uint64_t*>NULL
            )
