# cython: freethreading_compatible = True
"""Where each person's rows begin, and who has any: facts that a block of persons needs once."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_RANGE,
    kernel_failed,
    raise_if_failed,
)


cdef void add_up(const uint32_t* counts, int64_t runs, int64_t first, int64_t persons, int64_t* offsets) noexcept nogil:
    cdef int64_t person, rows = 0
    for person in range(first + 1):
        offsets[person] = 0
    for person in range(runs):
        rows += counts[person]
        offsets[first + 1 + person] = rows
    for person in range(first + runs + 1, persons + 1):
        offsets[person] = rows


# A person is listed in any case and written over where she has no rows: who has some, a processor guesses in vain.
cdef int64_t list_persons(
    const int64_t* offsets, int64_t persons, int32_t* with_rows, uint8_t* without_rows
) noexcept nogil:
    cdef int64_t person, having = 0
    cdef bint has_rows
    for person in range(persons):
        has_rows = offsets[person + 1] > offsets[person]
        with_rows[having] = <int32_t>person
        without_rows[person] = not has_rows
        having += has_rows
    return having


def offsets_of_counts(const uint32_t[::1] counts, int64_t first, int64_t[::1] offsets):
    cdef int64_t persons = offsets.shape[0] - 1
    if not 0 <= first <= persons - counts.shape[0]:
        raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "counts")
    with nogil:
        add_up(&counts[0] if counts.shape[0] else NULL, counts.shape[0], first, persons, &offsets[0])


def persons_with_rows(const int64_t[::1] offsets, int32_t[::1] with_rows, uint8_t[::1] without_rows):
    cdef int64_t persons = offsets.shape[0] - 1, having = 0
    if not with_rows.shape[0] == without_rows.shape[0] == persons:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "offsets")
    if persons > 0:
        with nogil:
            having = list_persons(&offsets[0], persons, &with_rows[0], &without_rows[0])
    return having
