# cython: freethreading_compatible = True
"""Sorts rows of a register by hashed id, day and order of arrival.

A least-significant-digit radix sort of 64-bit entries: leading bits of the id, the day, the row. Rows whose bits agree
although their ids differ are put right afterwards. Rows themselves do not move: the result is an order to gather
columns by.
"""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memset

cdef enum:
    DIGIT_BITS = 11
    DIGITS = 1 << 11
    MOST_PASSES = 6
    NO_DATE = 0x7FFFFFFF

ctypedef struct Ids:
    const uint64_t* high
    const uint64_t* low


# Where each field of an entry lies; a row without a date comes after the last day.
ctypedef struct Layout:
    uint64_t first_high
    int64_t first_day
    int64_t after_last_day
    int id_shift
    int day_bits
    int row_bits
    int passes


cdef void make_entries(
    const Ids* ids, const int32_t* days, int64_t rows, const Layout* layout, uint64_t* entries, uint32_t* counts
) noexcept nogil:
    cdef int64_t row, day, digits
    cdef uint64_t key
    memset(counts, 0, MOST_PASSES * DIGITS * sizeof(uint32_t))
    for row in range(rows):
        day = layout.after_last_day if days[row] == NO_DATE else days[row]
        key = ((ids.high[row] - layout.first_high) >> layout.id_shift) << layout.day_bits
        key |= <uint64_t>(day - layout.first_day)
        entries[row] = (key << layout.row_bits) | <uint64_t>row
        for digits in range(layout.passes):
            counts[digits * DIGITS + <int64_t>(key & (DIGITS - 1))] += 1
            key >>= DIGIT_BITS


cdef void scatter(
    const uint64_t* source, uint64_t* target, int64_t rows, int shift, uint32_t* places
) noexcept nogil:
    cdef int64_t row, digit
    cdef uint32_t place = 0, size
    for digit in range(DIGITS):
        size = places[digit]
        places[digit] = place
        place += size
    for row in range(rows):
        digit = (source[row] >> shift) & (DIGITS - 1)
        target[places[digit]] = source[row]
        places[digit] += 1


cdef inline bint is_before(const Ids* ids, uint32_t left, uint32_t right) noexcept nogil:
    if ids.high[left] != ids.high[right]:
        return ids.high[left] < ids.high[right]
    return ids.low[left] < ids.low[right]


# Stable insertion by id: after the radix passes almost every row stands where it belongs, and the rows of one id are
# in their order already.
cdef void settle(const Ids* ids, const uint64_t* entries, uint64_t rows_mask, int64_t rows, uint32_t* order) noexcept nogil:
    cdef int64_t row, place
    cdef uint32_t moving
    for row in range(rows):
        moving = <uint32_t>(entries[row] & rows_mask)
        place = row
        while place > 0 and is_before(ids, moving, order[place - 1]):
            order[place] = order[place - 1]
            place -= 1
        order[place] = moving


def sort_order(const uint64_t[::1] high, const uint64_t[::1] low, const int32_t[::1] days):
    """uint32, the rows by (id, day, row); the largest day stands for none. Scratch space is 16 bytes a row."""
    cdef int64_t rows = high.shape[0]
    if low.shape[0] != rows or days.shape[0] != rows or rows >= 1 << 32:
        raise ValueError("ids and days differ in length, or there are more than 2^32 rows")
    order = np.empty(rows, np.uint32)
    if rows == 0:
        return order
    highs, all_days = np.asarray(high), np.asarray(days)
    cdef Layout layout
    layout.first_high = highs.min()
    layout.first_day = all_days.min()
    last_day = all_days.max()
    if last_day == NO_DATE:
        last_day = max(layout.first_day, all_days.max(where=all_days != NO_DATE, initial=np.iinfo(np.int32).min))
    layout.after_last_day = min(int(last_day) + 1, <int64_t>NO_DATE)
    layout.day_bits = int(layout.after_last_day - layout.first_day).bit_length()
    layout.row_bits = int(rows - 1).bit_length()
    cdef int span_bits = (int(highs.max()) - int(layout.first_high)).bit_length()
    # Three bits more than it takes to tell the rows apart, or what the passes have room for, leave few false ties.
    cdef int wanted = min(span_bits, int(rows).bit_length() + 3)
    layout.passes = (wanted + layout.day_bits + DIGIT_BITS - 1) // DIGIT_BITS
    cdef int id_bits = min(span_bits, layout.passes * DIGIT_BITS - layout.day_bits, 64 - layout.row_bits - layout.day_bits)
    if id_bits < min(span_bits, int(rows).bit_length()):
        # Days from all ages in very many rows leave no room for the id.
        return np.lexsort((all_days, np.asarray(low), highs)).astype(np.uint32)
    layout.id_shift = span_bits - id_bits
    cdef uint64_t[::1] scratch = np.empty(2 * rows, np.uint64)
    cdef uint32_t[::1] counts = np.empty(MOST_PASSES * DIGITS, np.uint32)
    cdef uint32_t[::1] out = order
    cdef Ids ids = Ids(&high[0], &low[0])
    cdef uint64_t* source = &scratch[0]
    cdef uint64_t* target = source + rows
    cdef uint64_t* swapped
    cdef int number
    with nogil:
        make_entries(&ids, &days[0], rows, &layout, source, &counts[0])
        for number in range(layout.passes):
            scatter(source, target, rows, layout.row_bits + number * DIGIT_BITS, &counts[number * DIGITS])
            swapped = source
            source = target
            target = swapped
        settle(&ids, source, (<uint64_t>1 << layout.row_bits) - 1, rows, &out[0])
    return order
