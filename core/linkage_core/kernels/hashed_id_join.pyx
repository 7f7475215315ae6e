"""Turns found persons into rows: counted first, then listed, then merged by date where several segments hold them."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint32_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_OUT_OF_RANGE,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)


# Offsets are read from a file: a damaged one must not lead outside the rows.
cdef KernelResult count(
    const int64_t* found, int64_t asked, const uint32_t* offsets, int64_t persons, int64_t rows, int64_t* counts
) noexcept nogil:
    cdef int64_t probe, person
    for probe in range(asked):
        counts[probe] = 0
        person = found[probe]
        if person < 0:
            continue
        if person >= persons or offsets[person] > offsets[person + 1] or offsets[person + 1] > rows:
            return kernel_failed(KERNEL_OUT_OF_RANGE, person)
        counts[probe] = <int64_t>offsets[person + 1] - <int64_t>offsets[person]
    return kernel_ok()


cdef void expand(
    const int64_t* found, const int64_t* counts, int64_t asked, const uint32_t* offsets, uint32_t* rows
) noexcept nogil:
    cdef int64_t probe, place = 0, row
    cdef uint32_t first
    for probe in range(asked):
        if counts[probe] == 0:
            continue
        first = offsets[found[probe]]
        for row in range(counts[probe]):
            rows[place + row] = first + <uint32_t>row
        place += counts[probe]


# Each slice ascends by day. The smallest head goes first, the earlier slice on a tie: that keeps the order of delivery.
# A person has few slices, so looking at every head beats a heap.
cdef void merge(
    const int32_t* days, int64_t* heads, const int64_t* ends, const int64_t* person_slices, int64_t persons, int64_t* order
) noexcept nogil:
    cdef int64_t person, slot, best, place = 0
    for person in range(persons):
        while True:
            best = -1
            for slot in range(person_slices[person], person_slices[person + 1]):
                if heads[slot] < ends[slot] and (best < 0 or days[heads[slot]] < days[heads[best]]):
                    best = slot
            if best < 0:
                break
            order[place] = heads[best]
            heads[best] += 1
            place += 1


def count_rows(const int64_t[::1] found, const uint32_t[::1] offsets, int64_t rows):
    """int64, rows of each person found (a position, or -1 for none) in a segment of `rows` rows."""
    counts = np.zeros(found.shape[0], np.int64)
    if found.shape[0] == 0:
        return counts
    if offsets.shape[0] == 0:
        raise ValueError("a segment has at least one offset")
    cdef int64_t[::1] out = counts
    cdef KernelResult result
    with nogil:
        result = count(&found[0], found.shape[0], &offsets[0], offsets.shape[0] - 1, rows, &out[0])
    raise_if_failed(result, "offsets")
    return counts


def expand_rows(const int64_t[::1] found, const int64_t[::1] counts, const uint32_t[::1] offsets):
    """uint32, row numbers in the segment, person after person; `counts` as `count_rows` gave them."""
    if found.shape[0] != counts.shape[0]:
        raise ValueError("one count a person found")
    rows = np.empty(int(np.asarray(counts).sum()), np.uint32)
    cdef uint32_t[::1] out = rows
    if rows.shape[0]:
        with nogil:
            expand(&found[0], &counts[0], found.shape[0], &offsets[0], &out[0])
    return rows


def merge_by_day(
    const int32_t[::1] days, const int64_t[::1] starts, const int64_t[::1] ends, const int64_t[::1] person_slices
):
    """int64, order of rows that puts each person's slices into one sequence by day, earlier slice first on a tie.

    Slices of person i are person_slices[i] to person_slices[i + 1] - 1; slice s is rows starts[s] to ends[s] - 1.
    """
    if starts.shape[0] != ends.shape[0] or person_slices.shape[0] == 0:
        raise ValueError("a slice has a start and an end")
    first, last, slices = np.asarray(starts), np.asarray(ends), np.asarray(person_slices)
    if first.shape[0] and (first.min() < 0 or (last < first).any() or last.max() > days.shape[0]):
        raise ValueError("a slice lies outside the rows")
    if slices[0] != 0 or slices[slices.shape[0] - 1] != first.shape[0] or (np.diff(slices) < 0).any():
        raise ValueError("every slice belongs to one person")
    order = np.empty(int((last - first).sum()), np.int64)
    cdef int64_t[::1] out = order
    cdef int64_t[::1] heads = first.copy()
    if order.shape[0]:
        with nogil:
            merge(&days[0], &heads[0], &ends[0], &person_slices[0], person_slices.shape[0] - 1, &out[0])
    return order
