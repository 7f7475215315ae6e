# cython: freethreading_compatible = True
"""Counts sets of persons and adds their values by cell; sets are rows of bits, 64 persons a word, the first lowest."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_RANGE,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)


cdef extern from "person_bits.h" nogil:
    uint64_t linkage_equal_bytes(const uint8_t* bytes, uint8_t wanted)
    int linkage_lowest(uint64_t word)

cdef extern from * nogil:
    """
    #define LINKAGE_WORD 64

    /* (n + 1/2) / d is at least 1 / 2d away from a whole number: of n below 2^50 the nearest double has its whole part. */
    static inline __attribute__((always_inline)) int linkage_fractions_of(const int32_t *restrict value,
                                                                          const int32_t *restrict of, double scale,
                                                                          int64_t count, int32_t *restrict whole) {
        const double most = 2147483647.0, exact = 1125899906842624.0;
        double above[LINKAGE_WORD], quotient[LINKAGE_WORD];
        int32_t negative = 0;
        int64_t unfit = 0;
        for (int64_t i = 0; i < count; i++) {
            const int32_t least = of[i] > 1 ? of[i] : 1;
            above[i] = 2 * scale * value[i] + least;
            quotient[i] = (above[i] + 0.5) / (2 * (double)least);
        }
        for (int64_t i = 0; i < count; i++) unfit |= (above[i] >= exact) | (quotient[i] >= most);
        for (int64_t i = 0; i < count; i++) whole[i] = (int32_t)(quotient[i] < most ? quotient[i] : most);
        for (int64_t i = 0; i < count; i++) negative |= value[i];
        return !unfit && negative >= 0;
    }

    /* Fractions of some persons as `rounded` has them, where all numbers are small enough that products are whole numbers
     * that a double has, and quotients fit: returns whether they are. */
    LINKAGE_WIDE_VECTORS
    static int linkage_fractions(const int32_t *value, const int32_t *of, double scale, int64_t count, int32_t *whole) {
        if (count == LINKAGE_WORD) return linkage_fractions_of(value, of, scale, LINKAGE_WORD, whole);
        return linkage_fractions_of(value, of, scale, count, whole);
    }

    LINKAGE_WIDE_VECTORS static int linkage_word_lies_within(const int32_t *cell, int64_t cells) {
        uint32_t outside = 0;
        for (int64_t i = 0; i < LINKAGE_WORD; i++) outside |= (int64_t)(uint32_t)cell[i] >= cells;
        return !outside;
    }
    """
    int linkage_fractions(
        const int32_t* value, const int32_t* of, double scale, int64_t count, int32_t* whole
    ) noexcept
    bint linkage_word_lies_within(const int32_t* cell, int64_t cells) noexcept

cdef enum:
    WORD = 64

# The persons' cells, and who of them there is at all.
ctypedef struct Cells:
    const int32_t* cell
    int64_t persons
    int64_t words
    int64_t cells

# Of four or eight bytes.
ctypedef struct Numbers:
    const void* values
    int64_t width


cdef inline uint64_t everybody_here(const Cells* grid, int64_t word) noexcept nogil:
    cdef int64_t left = grid.persons - word * WORD
    return ~<uint64_t>0 if left >= WORD else (<uint64_t>1 << left) - 1


cdef KernelResult count_everybody(const Cells* grid, int64_t* counts) noexcept nogil:
    cdef int64_t person
    for person in range(grid.persons):
        if not 0 <= grid.cell[person] < grid.cells:
            return kernel_failed(KERNEL_OUT_OF_RANGE, person)
        counts[grid.cell[person]] += 1
    return kernel_ok()


# `step` is added for each person whose bit differs from `flip`.
cdef void count_bits(
    const Cells* grid, const uint64_t* bits, uint64_t flip, int64_t step, int64_t* counts
) noexcept nogil:
    cdef int64_t word
    cdef uint64_t left
    cdef const int32_t* cell
    for word in range(grid.words):
        left = (bits[word] ^ flip) & everybody_here(grid, word)
        cell = grid.cell + word * WORD
        while left:
            counts[cell[linkage_lowest(left)]] += step
            left &= left - 1


cdef void count_set(
    const Cells* grid, const uint64_t* bits, int64_t persons, const int64_t* of_everybody, int64_t* counts
) noexcept nogil:
    if grid.cells == 1:
        counts[0] = persons
    elif persons <= grid.persons // 2:
        count_bits(grid, bits, 0, 1, counts)
    else:
        # Who is missing is sooner counted.
        memcpy(counts, of_everybody, grid.cells * sizeof(int64_t))
        count_bits(grid, bits, ~<uint64_t>0, -1, counts)


# A set that several columns count is counted once.
cdef KernelResult count_columns(
    const Cells* grid,
    const uint64_t* bits,
    const int64_t* persons,
    const int64_t* row,
    int64_t columns,
    int64_t* first_column,
    int64_t* of_everybody,
    int64_t* counts,
) noexcept nogil:
    cdef KernelResult result = count_everybody(grid, of_everybody)
    cdef int64_t column, known
    cdef int64_t* here
    if result.row >= 0:
        return result
    for column in range(columns):
        here, known = counts + column * grid.cells, first_column[row[column]]
        if known >= 0:
            memcpy(here, counts + known * grid.cells, grid.cells * sizeof(int64_t))
        else:
            first_column[row[column]] = column
            count_set(grid, bits + row[column] * grid.words, persons[row[column]], of_everybody, here)
    return result


cdef inline int64_t number_at(const Numbers* numbers, int64_t person) noexcept nogil:
    if numbers.width == 4:
        return (<const int32_t*>numbers.values)[person]
    return (<const int64_t*>numbers.values)[person]


# Most persons of a set have nothing to add: they are told apart 64 at a time.
cdef uint64_t not_zero(const Numbers* numbers, int64_t first, int64_t persons) noexcept nogil:
    cdef const int32_t* narrow = <const int32_t*>numbers.values + first
    cdef const int64_t* wide = <const int64_t*>numbers.values + first
    cdef uint8_t is_zero[WORD]
    cdef int64_t place
    if numbers.width == 4:
        for place in range(persons):
            is_zero[place] = narrow[place] == 0
    else:
        for place in range(persons):
            is_zero[place] = wide[place] == 0
    for place in range(persons, WORD):
        is_zero[place] = 1
    return linkage_equal_bytes(is_zero, 0)


cdef inline uint64_t adding_here(
    const Cells* grid, const uint64_t* bits, const Numbers* value, int64_t word
) noexcept nogil:
    cdef int64_t left = min(grid.persons - word * WORD, <int64_t>WORD)
    return bits[word] & not_zero(value, word * WORD, left) if bits[word] else 0


cdef KernelResult add_all(
    const Cells* grid, const uint64_t* bits, const Numbers* value, int64_t* sums
) noexcept nogil:
    cdef int64_t word, person
    cdef uint64_t left
    for word in range(grid.words):
        left = adding_here(grid, bits, value, word)
        while left:
            person = word * WORD + linkage_lowest(left)
            if not 0 <= grid.cell[person] < grid.cells:
                return kernel_failed(KERNEL_OUT_OF_RANGE, person)
            sums[grid.cell[person]] += number_at(value, person)
            left &= left - 1
    return kernel_ok()


# Half up: (2 scale value + of) // (2 of), as a whole number. The quotient of two doubles is at most one too high, as
# both are exact below 2^53.
cdef inline int64_t rounded(int64_t value, int64_t of, int64_t scale) noexcept nogil:
    cdef int64_t above = 2 * scale * value + of, below = 2 * of, whole
    if 0 <= above < <int64_t>1 << 53:
        whole = <int64_t>(<double>above / <double>below)
        return whole - (whole * below > above)
    whole = above / below
    return whole - (above % below < 0)


cdef KernelResult add_all_fractions(
    const Cells* grid, const uint64_t* bits, const Numbers* value, const Numbers* of, int64_t scale, int64_t* sums
) noexcept nogil:
    cdef int64_t word, person, first
    cdef uint64_t left
    cdef int32_t whole[WORD]
    cdef bint narrow = value.width == 4 and of.width == 4, told
    for word in range(grid.words):
        first = word * WORD
        told = bits[word] and narrow and linkage_fractions(
            <const int32_t*>value.values + first,
            <const int32_t*>of.values + first,
            <double>scale,
            min(grid.persons - first, <int64_t>WORD),
            whole,
        )
        if told and bits[word] == ~<uint64_t>0 and linkage_word_lies_within(grid.cell + first, grid.cells):
            for person in range(WORD):
                sums[grid.cell[first + person]] += whole[person]
            continue
        left = adding_here(grid, bits, value, word)
        while left:
            person = first + linkage_lowest(left)
            if not 0 <= grid.cell[person] < grid.cells:
                return kernel_failed(KERNEL_OUT_OF_RANGE, person)
            sums[grid.cell[person]] += whole[person - first] if told else rounded(
                number_at(value, person), max(number_at(of, person), <int64_t>1), scale
            )
            left &= left - 1
    return kernel_ok()


cdef Cells borrow_cells(const int32_t[::1] cell, int64_t words, int64_t cells):
    cdef Cells grid
    grid.cell, grid.persons, grid.words, grid.cells = &cell[0], cell.shape[0], words, cells
    if words != (grid.persons + WORD - 1) // WORD:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "cell")
    return grid


cdef Numbers borrow_numbers(values, int64_t persons):
    cdef Numbers numbers
    cdef const uint8_t[::1] lent = values.view(np.uint8)
    numbers.values, numbers.width = &lent[0], values.itemsize
    if lent.shape[0] != persons * numbers.width or numbers.width not in (4, 8):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "value")
    return numbers


def count_sets(
    const uint64_t[:, ::1] bits,
    const int64_t[::1] persons,
    const int64_t[::1] row,
    const int32_t[::1] cell,
    int64_t[:, ::1] counts,
):
    cdef KernelResult result
    cdef Cells grid = borrow_cells(cell, bits.shape[1], counts.shape[1])
    cdef int64_t columns = counts.shape[0], column
    cdef int64_t[::1] first_column = np.full(bits.shape[0], -1, np.int64)
    cdef int64_t[::1] of_everybody = np.zeros(grid.cells, np.int64)
    if row.shape[0] != columns or persons.shape[0] != bits.shape[0]:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "row")
    for column in range(columns):
        if not 0 <= row[column] < bits.shape[0]:
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, column), "row")
    if grid.persons == 0 or columns == 0:
        return
    with nogil:
        result = count_columns(
            &grid, &bits[0, 0], &persons[0], &row[0], columns, &first_column[0], &of_everybody[0], &counts[0, 0]
        )
    raise_if_failed(result, "cell")


def add_values(const uint64_t[::1] bits, value, const int32_t[::1] cell, int64_t[::1] sums):
    cdef KernelResult result
    cdef Cells grid = borrow_cells(cell, bits.shape[0], sums.shape[0])
    cdef Numbers values = borrow_numbers(value, grid.persons)
    if grid.persons == 0:
        return
    with nogil:
        result = add_all(&grid, &bits[0], &values, &sums[0])
    raise_if_failed(result, "cell")


def add_fractions(
    const uint64_t[::1] bits, value, of, const int32_t[::1] cell, int64_t[::1] sums, *, int64_t scale
):
    cdef KernelResult result
    cdef Cells grid = borrow_cells(cell, bits.shape[0], sums.shape[0])
    cdef Numbers values = borrow_numbers(value, grid.persons), wholes = borrow_numbers(of, grid.persons)
    if grid.persons == 0:
        return
    with nogil:
        result = add_all_fractions(&grid, &bits[0], &values, &wholes, scale, &sums[0])
    raise_if_failed(result, "cell")
