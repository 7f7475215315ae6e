# cython: freethreading_compatible = True
"""Counts persons and adds their values by cell, and finds which sets of persons lie in which."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_RANGE,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)


cdef KernelResult count_all(
    const int32_t* cell, const uint8_t* among, int64_t persons, int64_t cells, int64_t* counts
) noexcept nogil:
    cdef int64_t person
    for person in range(persons):
        if not 0 <= cell[person] < cells:
            return kernel_failed(KERNEL_OUT_OF_RANGE, person)
        counts[cell[person]] += among[person] != 0
    return kernel_ok()


cdef KernelResult add_all(
    const int32_t* cell, const uint8_t* among, const int64_t* value, int64_t persons, int64_t cells, int64_t* sums
) noexcept nogil:
    cdef int64_t person
    for person in range(persons):
        if not 0 <= cell[person] < cells:
            return kernel_failed(KERNEL_OUT_OF_RANGE, person)
        # Without a branch: who is not among the persons adds 0.
        sums[cell[person]] += value[person] & -<int64_t>(among[person] != 0)
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
    const int32_t* cell,
    const uint8_t* among,
    const int64_t* value,
    const int64_t* of,
    int64_t persons,
    int64_t scale,
    int64_t cells,
    int64_t* sums,
) noexcept nogil:
    cdef int64_t person
    for person in range(persons):
        if not 0 <= cell[person] < cells:
            return kernel_failed(KERNEL_OUT_OF_RANGE, person)
        if among[person] and value[person]:
            sums[cell[person]] += rounded(value[person], of[person] if of[person] > 1 else 1, scale)
    return kernel_ok()


cdef void find_all(const uint64_t* bits, int64_t sets, int64_t words, uint8_t* inside) noexcept nogil:
    cdef int64_t part, whole, word
    cdef const uint64_t* some
    cdef const uint64_t* all_of_them
    for part in range(sets):
        for whole in range(sets):
            some, all_of_them = bits + part * words, bits + whole * words
            word = 0
            while word < words and not some[word] & ~all_of_them[word]:
                word += 1
            inside[part * sets + whole] = word == words


def count_persons(const int32_t[::1] cell, const uint8_t[::1] among, int64_t[::1] counts):
    cdef KernelResult result
    if cell.shape[0] != among.shape[0]:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "cell")
    if cell.shape[0] == 0:
        return
    with nogil:
        result = count_all(&cell[0], &among[0], cell.shape[0], counts.shape[0], &counts[0])
    raise_if_failed(result, "cell")


def add_values(const int32_t[::1] cell, const uint8_t[::1] among, const int64_t[::1] value, int64_t[::1] sums):
    cdef KernelResult result
    if not cell.shape[0] == among.shape[0] == value.shape[0]:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "cell")
    if cell.shape[0] == 0:
        return
    with nogil:
        result = add_all(&cell[0], &among[0], &value[0], cell.shape[0], sums.shape[0], &sums[0])
    raise_if_failed(result, "cell")


def add_fractions(
    const int32_t[::1] cell,
    const uint8_t[::1] among,
    const int64_t[::1] value,
    const int64_t[::1] of,
    int64_t[::1] sums,
    *,
    int64_t scale,
):
    cdef KernelResult result
    if not cell.shape[0] == among.shape[0] == value.shape[0] == of.shape[0]:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "cell")
    if cell.shape[0] == 0:
        return
    with nogil:
        result = add_all_fractions(
            &cell[0], &among[0], &value[0], &of[0], cell.shape[0], scale, sums.shape[0], &sums[0]
        )
    raise_if_failed(result, "cell")


def find_subsets(const uint64_t[:, ::1] bits):
    inside = np.ones((bits.shape[0], bits.shape[0]), np.uint8)
    cdef uint8_t[:, ::1] out = inside
    if bits.shape[0] and bits.shape[1]:
        with nogil:
            find_all(&bits[0, 0], bits.shape[0], bits.shape[1], &out[0, 0])
    return inside
