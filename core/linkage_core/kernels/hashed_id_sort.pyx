"""Sorts rows of a register by hashed id, day and order of arrival.

A least-significant-digit radix sort on one 64-bit key of leading id bits and days; rows whose key agrees although
their ids differ are put right afterwards. Rows themselves do not move: the result is an order to gather columns by.
"""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memset

cdef enum:
    DIGIT_BITS = 11
    DIGITS = 1 << 11

ctypedef struct Ids:
    const uint64_t* high
    const uint64_t* low


ctypedef struct Entry:
    uint64_t key
    uint64_t row


cdef void scatter(const Entry* source, Entry* target, int64_t rows, int shift, int64_t* places) noexcept nogil:
    cdef int64_t row, digit, place = 0, size
    memset(places, 0, DIGITS * sizeof(int64_t))
    for row in range(rows):
        places[(source[row].key >> shift) & (DIGITS - 1)] += 1
    for digit in range(DIGITS):
        size = places[digit]
        places[digit] = place
        place += size
    for row in range(rows):
        digit = (source[row].key >> shift) & (DIGITS - 1)
        target[places[digit]] = source[row]
        places[digit] += 1


cdef inline bint is_after(
    const Ids* ids, const int32_t* days, uint64_t left, uint64_t right
) noexcept nogil:
    if ids.high[left] != ids.high[right]:
        return ids.high[left] > ids.high[right]
    if ids.low[left] != ids.low[right]:
        return ids.low[left] > ids.low[right]
    if days[left] != days[right]:
        return days[left] > days[right]
    return left > right


# Stable insertion: after the radix passes almost every row stands where it belongs.
cdef void settle(const Ids* ids, const int32_t* days, Entry* entries, int64_t rows) noexcept nogil:
    cdef int64_t row, place
    cdef Entry moving
    for row in range(1, rows):
        if not is_after(ids, days, entries[row - 1].row, entries[row].row):
            continue
        moving = entries[row]
        place = row
        while place > 0 and is_after(ids, days, entries[place - 1].row, moving.row):
            entries[place] = entries[place - 1]
            place -= 1
        entries[place] = moving


cdef void make_keys(
    const Ids* ids, const int32_t* days, int64_t rows, uint64_t first_high, int32_t first_day, int id_shift, int day_bits,
    Entry* entries,
) noexcept nogil:
    cdef int64_t row
    for row in range(rows):
        entries[row].key = (((ids.high[row] - first_high) >> id_shift) << day_bits) | (
            <uint64_t>(<int64_t>days[row] - <int64_t>first_day)
        )
        entries[row].row = <uint64_t>row


cdef void copy_order(const Entry* entries, int64_t rows, uint32_t* order) noexcept nogil:
    cdef int64_t row
    for row in range(rows):
        order[row] = <uint32_t>entries[row].row


def sort_order(const uint64_t[::1] high, const uint64_t[::1] low, const int32_t[::1] days):
    """uint32, the rows by (id, day, row); scratch space is 32 bytes a row."""
    cdef int64_t rows = high.shape[0]
    if low.shape[0] != rows or days.shape[0] != rows or rows >= 1 << 32:
        raise ValueError("ids and days differ in length, or there are more than 2^32 rows")
    order = np.empty(rows, np.uint32)
    if rows == 0:
        return order
    highs, all_days = np.asarray(high), np.asarray(days)
    cdef uint64_t first_high = highs.min()
    cdef int32_t first_day = all_days.min()
    cdef int day_bits = (int(all_days.max()) - int(first_day)).bit_length()
    cdef int span_bits = (int(highs.max()) - int(first_high)).bit_length()
    # Eight bits more than it takes to tell the rows apart leave a false tie in one row of 256.
    cdef int id_bits = min(span_bits, 64 - day_bits, int(rows).bit_length() + 8)
    cdef uint64_t[:, ::1] scratch = np.empty((2 * rows, 2), np.uint64)
    cdef int64_t[::1] places = np.empty(DIGITS, np.int64)
    cdef uint32_t[::1] out = order
    cdef Ids ids = Ids(&high[0], &low[0])
    cdef Entry* source = <Entry*>&scratch[0, 0]
    cdef Entry* target = source + rows
    cdef Entry* swapped
    cdef int shift = 0
    with nogil:
        make_keys(&ids, &days[0], rows, first_high, first_day, span_bits - id_bits, day_bits, source)
        while shift < id_bits + day_bits:
            scatter(source, target, rows, shift, &places[0])
            swapped = source
            source = target
            target = swapped
            shift += DIGIT_BITS
        settle(&ids, &days[0], source, rows)
        copy_order(source, rows, &out[0])
    return order
