# cython: freethreading_compatible = True
"""Sets of persons as rows of bits, 64 persons a word, the first in the lowest bit: packs them and compares them."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_RANGE,
    kernel_failed,
    raise_if_failed,
)


cdef extern from "person_bits.h" nogil:
    uint64_t linkage_equal_bytes(const uint8_t* bytes, uint8_t wanted)
    int64_t linkage_ones(const uint64_t* words, int64_t count)

cdef enum:
    WORD = 64

# One value a person, of one, four or eight bytes.
ctypedef struct Column:
    const void* values
    int64_t width

# Rows of bits, and how many persons each has; the first row is everybody.
ctypedef struct Sets:
    uint64_t* bits
    int64_t words
    int64_t* persons
    int64_t everybody


cdef inline int64_t in_word(const Sets* sets, int64_t word) noexcept nogil:
    return min(sets.everybody - word * WORD, <int64_t>WORD)


cdef uint64_t equal_here(const uint8_t* code, uint8_t wanted, int64_t persons) noexcept nogil:
    cdef uint8_t here[WORD]
    cdef int64_t place
    if persons == WORD:
        return linkage_equal_bytes(code, wanted)
    for place in range(WORD):
        here[place] = code[place] if place < persons else <uint8_t>~wanted
    return linkage_equal_bytes(here, wanted)


cdef uint64_t positive_here(const Column* column, int64_t first, int64_t persons) noexcept nogil:
    cdef const uint8_t* bytes = <const uint8_t*>column.values + first
    cdef const int32_t* narrow = <const int32_t*>column.values + first
    cdef const int64_t* wide = <const int64_t*>column.values + first
    cdef uint8_t positive[WORD]
    cdef int64_t place
    if column.width == 1:
        return ~equal_here(bytes, 0, persons)
    if column.width == 4:
        for place in range(persons):
            positive[place] = narrow[place] > 0
    else:
        for place in range(persons):
            positive[place] = wide[place] > 0
    return equal_here(positive, 1, persons)


cdef void pack_code(const uint8_t* code, uint8_t wanted, const Sets* sets, int64_t row) noexcept nogil:
    cdef int64_t word
    cdef uint64_t* bits = sets.bits + row * sets.words
    for word in range(sets.words):
        bits[word] = equal_here(code + word * WORD, wanted, in_word(sets, word))
    sets.persons[row] = linkage_ones(bits, sets.words)


cdef void pack_column(const Column* column, int64_t within, const Sets* sets, int64_t row) noexcept nogil:
    cdef int64_t word
    cdef uint64_t* bits = sets.bits + row * sets.words
    cdef const uint64_t* around = sets.bits + within * sets.words
    for word in range(sets.words):
        bits[word] = around[word] & positive_here(column, word * WORD, in_word(sets, word))
    sets.persons[row] = linkage_ones(bits, sets.words)


cdef bint lies_in(const Sets* sets, int64_t part, int64_t whole) noexcept nogil:
    cdef int64_t word
    cdef const uint64_t* some = sets.bits + part * sets.words
    cdef const uint64_t* all_of_them = sets.bits + whole * sets.words
    if part == whole or sets.persons[part] == 0 or sets.persons[whole] == sets.everybody:
        return True
    if sets.persons[part] > sets.persons[whole]:
        return False
    for word in range(sets.words):
        if some[word] & ~all_of_them[word]:
            return False
    return True


# A set over several periods has a row for each of them, and lies in another where each of its rows does.
cdef void find_all(
    const Sets* sets, const int64_t* row, int64_t contents, int64_t periods, uint8_t* inside
) noexcept nogil:
    cdef int64_t part, whole, period
    for part in range(contents):
        for whole in range(contents):
            period = 0
            while period < periods and lies_in(sets, row[part * periods + period], row[whole * periods + period]):
                period += 1
            inside[part * contents + whole] = period == periods


cdef Sets borrow(uint64_t[:, ::1] bits, int64_t[::1] persons, int64_t everybody):
    cdef Sets sets
    if bits.shape[0] != persons.shape[0] or bits.shape[1] != (everybody + WORD - 1) // WORD:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "bits")
    sets.bits, sets.words, sets.persons, sets.everybody = &bits[0, 0], bits.shape[1], &persons[0], everybody
    return sets


cdef int check_rows(const int64_t* row, int64_t count, int64_t rows) except -1:
    cdef int64_t place
    for place in range(count):
        if not 0 <= row[place] < rows:
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, place), "row")
    return 0


def pack_codes(list code, const uint8_t[::1] wanted, const int64_t[::1] row, bits, persons, *, int64_t everybody):
    cdef Sets sets = borrow(bits, persons, everybody)
    cdef int64_t number, count = len(code)
    cdef const uint8_t[::1] lent
    cdef uint8_t[::1] room = np.empty(max(count, 1) * sizeof(Column), np.uint8)
    cdef Column* columns = <Column*>&room[0]
    if not wanted.shape[0] == row.shape[0] == count:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "code")
    if count == 0:
        return
    check_rows(&row[0], count, len(persons))
    for number in range(count):
        lent = code[number]
        if lent.shape[0] != everybody:
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "code")
        columns[number].values = &lent[0]
    with nogil:
        for number in range(count):
            pack_code(<const uint8_t*>columns[number].values, wanted[number], &sets, row[number])


def pack_positive(list value, const int64_t[::1] within, const int64_t[::1] row, bits, persons, *, int64_t everybody):
    cdef Sets sets = borrow(bits, persons, everybody)
    cdef int64_t number, count = len(value)
    cdef const uint8_t[::1] lent
    cdef uint8_t[::1] room = np.empty(max(count, 1) * sizeof(Column), np.uint8)
    cdef Column* columns = <Column*>&room[0]
    if not within.shape[0] == row.shape[0] == count:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "value")
    if count == 0:
        return
    check_rows(&row[0], count, len(persons))
    check_rows(&within[0], count, len(persons))
    for number in range(count):
        lent = value[number].view(np.uint8)
        columns[number].width = value[number].itemsize
        if lent.shape[0] != everybody * columns[number].width or columns[number].width not in (1, 4, 8):
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "value")
        columns[number].values = &lent[0]
    with nogil:
        for number in range(count):
            pack_column(columns + number, within[number], &sets, row[number])


def find_subsets(const int64_t[:, ::1] row, bits, persons, *, int64_t everybody):
    cdef Sets sets = borrow(bits, persons, everybody)
    cdef int64_t contents = row.shape[0], periods = row.shape[1]
    inside = np.ones((contents, contents), np.uint8)
    cdef uint8_t[:, ::1] out = inside
    if contents and periods:
        check_rows(&row[0, 0], contents * periods, len(persons))
        with nogil:
            find_all(&sets, &row[0, 0], contents, periods, &out[0, 0])
    return inside
