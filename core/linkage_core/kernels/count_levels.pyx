# cython: freethreading_compatible = True
"""Counts persons and adds values by cell, period and row level; the total over periods has each person once."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memset

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_ORDER,
    KERNEL_OUT_OF_RANGE,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)

# Entries of one period, wherever they lie: a column may be every other word of a wider array.
ctypedef struct Period:
    const char* person
    const char* level
    const char* value
    const uint8_t* among
    int64_t person_step
    int64_t level_step
    int64_t value_step
    int64_t entries
    int64_t next_entry

ctypedef struct Cube:
    const int32_t* cell
    int64_t persons
    int64_t periods
    int64_t cells
    int64_t levels


# 64 persons at a time go through all periods: a word a level tells which of them were counted under it, so that a
# person with the level in several periods is one person of the total, and nothing is sorted.
cdef KernelResult count_all(
    Period* periods, const Cube* cube, uint64_t* seen, uint8_t* used, int64_t* counts, int64_t* sums
) noexcept nogil:
    cdef int64_t first, last, number, entry, place
    cdef int32_t person, level
    cdef uint64_t is_in, already
    cdef Period* period
    for first in range(0, cube.persons, 64):
        last = first + 64 if first + 64 < cube.persons else cube.persons
        memset(seen, 0, cube.levels * sizeof(uint64_t))
        for number in range(cube.periods):
            period = periods + number
            entry = period.next_entry
            while entry < period.entries:
                person = (<const int32_t*>(period.person + entry * period.person_step))[0]
                if person >= last:
                    break
                level = (<const int32_t*>(period.level + entry * period.level_step))[0]
                if person < first:
                    return kernel_failed(KERNEL_OUT_OF_ORDER, entry)
                if not 0 <= level < cube.levels or not 0 <= cube.cell[person] < cube.cells:
                    return kernel_failed(KERNEL_OUT_OF_RANGE, entry)
                used[level] = 1
                is_in = period.among[person] != 0
                already = seen[level] >> (person - first)
                seen[level] |= is_in << (person - first)
                place = <int64_t>cube.cell[person] * (cube.periods + 1)
                counts[(place + number) * cube.levels + level] += is_in
                counts[(place + cube.periods) * cube.levels + level] += is_in & ~already
                if sums != NULL:
                    place = <int64_t>cube.cell[person] * cube.periods + number
                    sums[place * cube.levels + level] += (
                        (<const int64_t*>(period.value + entry * period.value_step))[0] & -<int64_t>is_in
                    )
                entry += 1
            period.next_entry = entry
    for number in range(cube.periods):
        if periods[number].next_entry != periods[number].entries:
            return kernel_failed(KERNEL_OUT_OF_RANGE, periods[number].next_entry)
    return kernel_ok()


cdef KernelResult borrow(
    Period* period, const int32_t[:] person, const int32_t[:] level, const int64_t[:] value, const uint8_t[::1] among
):
    if person.shape[0] != level.shape[0] or (value is not None and value.shape[0] != person.shape[0]):
        return kernel_failed(KERNEL_LENGTH_MISMATCH, -1)
    period.entries, period.next_entry, period.value = person.shape[0], 0, NULL
    if period.entries == 0:
        return kernel_ok()
    period.person, period.person_step = <const char*>&person[0], person.strides[0]
    period.level, period.level_step = <const char*>&level[0], level.strides[0]
    if value is not None:
        period.value, period.value_step = <const char*>&value[0], value.strides[0]
    if among.shape[0] == 0:
        return kernel_failed(KERNEL_OUT_OF_RANGE, 0)
    period.among = &among[0]
    return kernel_ok()


def count_levels(
    list person,
    list level,
    list value,
    list among,
    const int32_t[::1] cell,
    uint8_t[::1] used,
    int64_t[:, :, ::1] counts,
    int64_t[:, :, ::1] sums,
):
    cdef KernelResult result = kernel_ok()
    cdef Cube cube
    cdef int64_t number, entries = 0
    cube.persons, cube.periods, cube.cells, cube.levels = cell.shape[0], len(person), counts.shape[0], used.shape[0]
    if not (
        len(level) == len(among) == cube.periods
        and counts.shape[1] == cube.periods + 1
        and counts.shape[2] == cube.levels
        and all(len(mask) == cube.persons for mask in among)
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "level")
    if sums is not None and not (
        len(value) == cube.periods
        and (sums.shape[0], sums.shape[1], sums.shape[2]) == (cube.cells, cube.periods, cube.levels)
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "level")
    cdef uint8_t[::1] borrowed = np.zeros(max(cube.periods, 1) * sizeof(Period), np.uint8)
    cdef uint64_t[::1] seen = np.empty(max(cube.levels, 1), np.uint64)
    cdef Period* periods = <Period*>&borrowed[0]
    for number in range(cube.periods):
        result = borrow(
            periods + number, person[number], level[number], None if sums is None else value[number], among[number]
        )
        raise_if_failed(result, "level")
        entries += periods[number].entries
    if entries == 0:
        return
    if cube.levels == 0 or cube.cells == 0:
        raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, 0), "level")
    cube.cell = &cell[0]
    cdef int64_t* added = NULL if sums is None else &sums[0, 0, 0]
    with nogil:
        result = count_all(periods, &cube, &seen[0], &used[0], &counts[0, 0, 0], added)
    raise_if_failed(result, "level")
