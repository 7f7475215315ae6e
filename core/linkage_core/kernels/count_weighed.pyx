# cython: freethreading_compatible = True
"""Counts persons and adds up what their rows weigh, by cell, window and level, straight from the rows."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUTPUT_FULL,
    KERNEL_OUT_OF_RANGE,
    KERNEL_OVERFLOW,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)
from linkage_core.kernels.weighed_rows cimport (
    MOST_WEIGHTS,
    Levels,
    Weight,
    Windows,
    is_over,
    level_at,
    levels_of_row,
    read_levels,
    read_weights,
    read_windows,
    too_heavy,
    weigh,
    windows_of_day,
)

cdef extern from *:
    """
    #define will_write(place) __builtin_prefetch((place), 1)
    """
    void will_write(const void* place) noexcept nogil

# The table of windows and levels and the tally outgrow the nearest caches: places are asked for so many rows and
# entries ahead, and entries of several persons wait until there are enough of them.
cdef enum:
    MOST_MEASURES = 8
    ROWS_AHEAD = 12
    ENTRIES_AHEAD = 12
    ENTRIES_AT_ONCE = 512

# Who is counted, in column `column`, and what is added up behind it. `positive` is the weight whose sum must be above
# 0, or -1; `seen` tells by level who was counted there last, so that the total over windows has each person once.
ctypedef struct Measure:
    int positive
    int64_t column
    int sums
    int weight[MOST_WEIGHTS]
    const uint64_t* among
    const uint64_t* counted
    int32_t* seen

# What the rows of a person in one window and level come to; the sums of the weights stand behind it.
ctypedef struct Entry:
    int32_t person
    int32_t level
    int64_t window

# Entries that wait to be counted, `width` words each. They are numbered through: the first has number `begin`, and
# `slots` remembers by window and level the number of the latest.
ctypedef struct Waiting:
    int64_t* words
    int64_t width
    int64_t room
    int64_t entries
    int64_t begin
    int64_t* slots

ctypedef struct Tally:
    const int32_t* cell
    int64_t cells
    int64_t windows
    int64_t levels
    int64_t columns
    uint8_t* used
    int64_t* numbers


# A hint only: the row may yet lie outside its window.
cdef inline void foresee_row(
    const Windows* windows, const int32_t* day, const Levels* levels, const int64_t* slots, int64_t row
) noexcept nogil:
    cdef int64_t window = 0
    if levels.offsets != NULL or not windows.first <= day[row] < windows.until:
        return
    if windows.period_of_day != NULL:
        window = windows.period_of_day[day[row] - windows.first_period_day]
    will_write(slots + window * levels.levels + level_at(levels, row, 0))


cdef KernelResult add_person(
    const Windows* windows,
    int64_t person,
    const int64_t* offsets,
    const int32_t* day,
    const Weight* weights,
    int count,
    const Levels* levels,
    Waiting* waiting,
) noexcept nogil:
    cdef int64_t row, window, first, past, number, slot, key, level, own = waiting.begin + waiting.entries
    cdef int64_t weighed[MOST_WEIGHTS]
    cdef int64_t* words
    cdef int which
    for row in range(offsets[person], offsets[person + 1]):
        if row + ROWS_AHEAD < offsets[windows.persons]:
            foresee_row(windows, day, levels, waiting.slots, row + ROWS_AHEAD)
        windows_of_day(windows, person, day[row], &first, &past)
        if first == past:
            continue
        for which in range(count):
            weighed[which] = weigh(&weights[which], row)
            if too_heavy(weighed[which]):
                return kernel_failed(KERNEL_OVERFLOW, row)
        for window in range(first, past):
            if is_over(windows, window, person, day[row]):
                continue
            for number in range(levels_of_row(levels, row)):
                level = level_at(levels, row, number)
                if not 0 <= level < levels.levels:
                    return kernel_failed(KERNEL_OUT_OF_RANGE, row)
                key = window * levels.levels + level
                slot = waiting.slots[key]
                if slot < own:
                    if waiting.entries >= waiting.room:
                        return kernel_failed(KERNEL_OUTPUT_FULL, row)
                    slot = waiting.begin + waiting.entries
                    waiting.slots[key] = slot
                    words = waiting.words + waiting.entries * waiting.width
                    (<Entry*>words).person, (<Entry*>words).level = <int32_t>person, <int32_t>level
                    (<Entry*>words).window = window
                    for which in range(count):
                        words[2 + which] = weighed[which]
                    waiting.entries += 1
                    continue
                words = waiting.words + (slot - waiting.begin) * waiting.width
                for which in range(count):
                    words[2 + which] += weighed[which]
    return kernel_ok()


cdef inline int64_t* place_of(const Tally* tally, const Entry* entry, int64_t window) noexcept nogil:
    cdef int64_t cell = tally.cell[entry.person]
    return tally.numbers + ((cell * (tally.windows + 1) + window) * tally.levels + entry.level) * tally.columns


# A bit a person: 64 persons a word, and their words for all windows side by side.
cdef inline int64_t is_of(const uint64_t* persons, const Entry* entry, int64_t windows) noexcept nogil:
    return (persons[(entry.person >> 6) * windows + entry.window] >> (entry.person & 63)) & 1


# Without branches, as nobody can foresee who has a level for the first time.
cdef inline void count_entry(const Entry* entry, const Measure* measures, int count, const Tally* tally) noexcept nogil:
    cdef int64_t* here = place_of(tally, entry, entry.window)
    cdef int64_t* total = place_of(tally, entry, tally.windows)
    cdef const int64_t* sums = <const int64_t*>entry + 2
    cdef const Measure* measure
    cdef int64_t is_in
    cdef int32_t* seen
    cdef int which, number
    for which in range(count):
        measure = measures + which
        is_in = measure.positive < 0 or sums[measure.positive] > 0
        # Soon every level is known to be used.
        if not tally.used[entry.level]:
            tally.used[entry.level] = is_in & is_of(measure.counted, entry, tally.windows)
        is_in &= is_of(measure.among, entry, tally.windows)
        seen = measure.seen + entry.level
        here[measure.column] += is_in
        total[measure.column] += is_in & (seen[0] != entry.person + 1)
        seen[0] = entry.person + 1 if is_in else seen[0]
        for number in range(measure.sums):
            here[measure.column + 1 + number] += sums[measure.weight[number]] & -is_in


cdef void count_waiting(Waiting* waiting, const Measure* measures, int count, const Tally* tally) noexcept nogil:
    cdef int64_t number
    cdef const Entry* entry
    for number in range(waiting.entries):
        if number + ENTRIES_AHEAD < waiting.entries:
            entry = <const Entry*>(waiting.words + (number + ENTRIES_AHEAD) * waiting.width)
            will_write(place_of(tally, entry, entry.window))
        count_entry(<const Entry*>(waiting.words + number * waiting.width), measures, count, tally)
    waiting.begin += waiting.entries
    waiting.entries = 0


cdef KernelResult count_all(
    const Windows* windows,
    const int64_t* offsets,
    const int32_t* day,
    const Weight* weights,
    int weighed,
    const Levels* levels,
    const Measure* measures,
    int count,
    Waiting* waiting,
    const Tally* tally,
) noexcept nogil:
    cdef int64_t person
    cdef KernelResult result
    for person in range(windows.persons):
        if not 0 <= tally.cell[person] < tally.cells:
            return kernel_failed(KERNEL_OUT_OF_RANGE, person)
        result = add_person(windows, person, offsets, day, weights, weighed, levels, waiting)
        if result.status:
            return result
        if waiting.entries >= ENTRIES_AT_ONCE:
            count_waiting(waiting, measures, count, tally)
    count_waiting(waiting, measures, count, tally)
    return kernel_ok()


# More than enough entries for any person.
cdef int64_t entries_at_most(const int64_t* offsets, int64_t persons, const Windows* windows, const Levels* levels) noexcept nogil:
    cdef int64_t person, rows, most = 0
    for person in range(persons):
        if levels.offsets == NULL:
            rows = offsets[person + 1] - offsets[person]
        else:
            rows = levels.offsets[offsets[person + 1]] - levels.offsets[offsets[person]]
        most = max(most, rows)
    return min(most * (windows.windows if windows.period_of_day == NULL else 1), windows.windows * levels.levels)


# Bits are borrowed: the caller keeps them alive.
cdef const uint64_t* read_bits(const uint64_t[:, ::1] bits, int64_t windows, int64_t persons) except NULL:
    if bits.shape[0] != (persons + 63) >> 6 or bits.shape[1] != windows:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "level")
    return &bits[0, 0]


def count_weighed(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    list weights,
    tuple levels,
    list measures,
    const int32_t[::1] cell,
    uint8_t[::1] used,
    int64_t[:, :, :, ::1] tally,
    *,
    tuple periods,
    tuple valid,
    start,
    end,
):
    cdef int64_t persons = offsets.shape[0] - 1, column = 0
    cdef int which, number, weighed = <int>len(weights), count = <int>len(measures)
    cdef KernelResult result
    cdef Weight weight[MOST_WEIGHTS]
    cdef Measure measure[MOST_MEASURES]
    cdef Windows windows
    cdef Levels read
    cdef Waiting waiting
    cdef Tally out
    read_weights(weights, day.shape[0], weight)
    read_levels(&read, levels, day.shape[0])
    read_windows(&windows, periods, valid, start, end, persons)
    if not (
        day.shape[0] == offsets[persons]
        and cell.shape[0] == persons
        and used.shape[0] == tally.shape[2] == read.levels
        and tally.shape[1] == windows.windows + 1
        and tally.shape[3] == sum(1 + len(added) for _, added, _, _ in measures)
        and count <= MOST_MEASURES
        and persons < 1 << 31
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "level")
    if day.shape[0] == 0 or windows.windows == 0 or count == 0:
        return
    if read.levels == 0 or tally.shape[0] == 0:
        raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, 0), "level")
    cdef int32_t[:, ::1] seen = np.zeros((count, read.levels), np.int32)
    for which, (positive, added, among, counted) in enumerate(measures):
        if not (-1 <= positive < weighed and all(0 <= one < weighed for one in added) and len(added) <= MOST_WEIGHTS):
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "weight")
        measure[which].positive, measure[which].column, measure[which].sums = positive, column, len(added)
        for number, one in enumerate(added):
            measure[which].weight[number] = one
        measure[which].among = read_bits(among, windows.windows, persons)
        measure[which].counted = read_bits(counted, windows.windows, persons)
        measure[which].seen = &seen[which, 0]
        column += 1 + len(added)
    waiting.room = ENTRIES_AT_ONCE + entries_at_most(&offsets[0], persons, &windows, &read)
    waiting.width = 2 + weighed
    # Slots are zeros at first: entries are numbered from 1.
    cdef int64_t[::1] slots = np.zeros(windows.windows * read.levels, np.int64)
    cdef int64_t[::1] words = np.empty(waiting.room * waiting.width, np.int64)
    waiting.slots, waiting.begin, waiting.entries, waiting.words = &slots[0], 1, 0, &words[0]
    out.cell, out.cells, out.windows, out.levels = &cell[0], tally.shape[0], windows.windows, read.levels
    out.columns, out.used, out.numbers = tally.shape[3], &used[0], &tally[0, 0, 0, 0]
    with nogil:
        result = count_all(&windows, &offsets[0], &day[0], weight, weighed, &read, measure, count, &waiting, &out)
    raise_if_failed(result, "weight" if result.status == KERNEL_OVERFLOW else "level")
