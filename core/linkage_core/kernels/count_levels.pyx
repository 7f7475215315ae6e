# cython: freethreading_compatible = True
"""Counts persons and adds values by cell, period and row level; the total over periods has each person once."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_ORDER,
    KERNEL_OUT_OF_RANGE,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)

ctypedef struct Entries:
    const int32_t* person
    const int32_t* level
    const int64_t* value
    const uint8_t* among
    const int32_t* cell
    int64_t persons
    int64_t periods
    int64_t cells
    int64_t levels


# All periods advance together, person by person: `last` remembers who was counted under a level last, so that a person
# with the level in several periods is one person of the total, and nothing is sorted.
cdef KernelResult count_all(
    const Entries* entries,
    int64_t* next_entry,
    const int64_t* ends,
    int32_t* last,
    uint8_t* used,
    int64_t* counts,
    int64_t* sums,
) noexcept nogil:
    cdef int64_t person, period, entry, place, period_cells = 0
    cdef int32_t level
    for person in range(entries.persons):
        for period in range(entries.periods):
            entry = next_entry[period]
            while entry < ends[period] and entries.person[entry] == person:
                level = entries.level[entry]
                if not 0 <= level < entries.levels or not 0 <= entries.cell[person] < entries.cells:
                    return kernel_failed(KERNEL_OUT_OF_RANGE, entry)
                used[level] = 1
                if entries.among[period * entries.persons + person]:
                    place = entries.cell[person] * (entries.periods + 1)
                    counts[(place + period) * entries.levels + level] += 1
                    if last[level] != person:
                        last[level] = <int32_t>person
                        counts[(place + entries.periods) * entries.levels + level] += 1
                    if sums != NULL:
                        place = entries.cell[person] * entries.periods + period
                        sums[place * entries.levels + level] += entries.value[entry]
                entry += 1
            next_entry[period] = entry
    for period in range(entries.periods):
        if next_entry[period] != ends[period]:
            return kernel_failed(KERNEL_OUT_OF_ORDER, next_entry[period])
    return kernel_ok()


def count_levels(
    const int32_t[::1] person,
    const int32_t[::1] level,
    const int64_t[::1] value,
    const int64_t[::1] starts,
    const uint8_t[:, ::1] among,
    const int32_t[::1] cell,
    uint8_t[::1] used,
    int64_t[:, :, ::1] counts,
    int64_t[:, :, ::1] sums,
):
    cdef KernelResult result
    cdef Entries entries
    entries.persons, entries.periods = cell.shape[0], among.shape[0]
    entries.cells, entries.levels = counts.shape[0], used.shape[0]
    if not (
        person.shape[0] == level.shape[0] == starts[among.shape[0]]
        and starts.shape[0] == among.shape[0] + 1
        and among.shape[1] == cell.shape[0]
        and counts.shape[1] == among.shape[0] + 1
        and counts.shape[2] == used.shape[0]
        and (
            sums is None
            or (
                value.shape[0] == person.shape[0]
                and sums.shape[0] == counts.shape[0]
                and sums.shape[1] == among.shape[0]
                and sums.shape[2] == used.shape[0]
            )
        )
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "level")
    if person.shape[0] == 0 or cell.shape[0] == 0 or used.shape[0] == 0 or counts.shape[0] == 0:
        raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, 0) if person.shape[0] else kernel_ok(), "level")
        return
    cdef int64_t[::1] next_entry = np.array(starts[: among.shape[0]], np.int64)
    cdef int32_t[::1] last = np.full(used.shape[0], -1, np.int32)
    cdef int64_t* added = NULL
    entries.person, entries.level, entries.cell, entries.among = &person[0], &level[0], &cell[0], &among[0, 0]
    entries.value = NULL
    if sums is not None:
        entries.value, added = &value[0], &sums[0, 0, 0]
    with nogil:
        result = count_all(&entries, &next_entry[0], &starts[1], &last[0], &used[0], &counts[0, 0, 0], added)
    raise_if_failed(result, "level")
