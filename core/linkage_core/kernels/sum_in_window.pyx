# cython: freethreading_compatible = True
"""Exact sums over the rows of a code set: in a window of each person's own, and in many windows in one pass."""

from libc.stdint cimport int32_t, int64_t, uint8_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUTPUT_FULL,
    KERNEL_OVERFLOW,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)

cdef extern from *:
    """
    #define will_write(place) __builtin_prefetch((place), 1)
    """
    void will_write(const void* place) noexcept nogil

# Each window is written to a place of its own, more places than the processor foresees by itself: it is told, so far
# ahead. A hint past the end of the memory does nothing.
cdef enum:
    PERSONS_AHEAD = 24
    ENTRIES_AHEAD = 8

# A row may weigh up to 2^40 and a person have 2^20 rows before an int64 could overflow.
cdef int64_t LARGEST_WEIGHT = 1 << 40

ctypedef struct Rows:
    const int32_t* day
    const int32_t* code
    const int64_t* weight
    const uint8_t* is_member


cdef KernelResult sum_all(
    const Rows* rows,
    const int64_t* offsets,
    int64_t persons,
    const int32_t* start,
    const int32_t* end,
    int64_t* sums,
    int32_t* rows_counted,
) noexcept nogil:
    cdef int64_t person, row
    for person in range(persons):
        sums[person] = 0
        rows_counted[person] = 0
        for row in range(offsets[person], offsets[person + 1]):
            if (
                start[person] <= rows.day[row] < end[person]
                and rows.code[row] >= 0
                and rows.is_member[rows.code[row]]
            ):
                if not -LARGEST_WEIGHT <= rows.weight[row] <= LARGEST_WEIGHT:
                    return kernel_failed(KERNEL_OVERFLOW, row)
                sums[person] += rows.weight[row]
                rows_counted[person] += 1
    return kernel_ok()


def sum_in_window(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] code,
    const int64_t[::1] weight,
    const uint8_t[::1] is_member,
    const int32_t[::1] start,
    const int32_t[::1] end,
    int64_t[::1] sums,
    int32_t[::1] rows_counted,
):
    cdef int64_t persons = start.shape[0]
    cdef KernelResult result
    cdef Rows rows
    if not (
        offsets.shape[0] == persons + 1
        and end.shape[0] == sums.shape[0] == rows_counted.shape[0] == persons
        and day.shape[0] == code.shape[0] == weight.shape[0] == offsets[persons]
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if persons == 0:
        return
    rows.day = &day[0] if day.shape[0] else NULL
    rows.code = &code[0] if code.shape[0] else NULL
    rows.weight = &weight[0] if weight.shape[0] else NULL
    rows.is_member = &is_member[0] if is_member.shape[0] else NULL
    with nogil:
        result = sum_all(&rows, &offsets[0], persons, &start[0], &end[0], &sums[0], &rows_counted[0])
    raise_if_failed(result, "weight")


# What a row adds: `wide`, or `amount` x `factor` (1 where NULL), or the sign of that.
ctypedef struct Weight:
    const int32_t* amount
    const int32_t* factor
    const int64_t* wide
    bint sign_only

cdef enum:
    MOST_WEIGHTS = 8

# In calendar periods (`period_of_day` given) a row lies in one window at most; every day is < `exit_day` of its person.
# Else the windows of a person have one start, and a row is held against the end of each.
ctypedef struct Windows:
    int64_t windows
    int64_t persons
    int32_t first
    int32_t until
    const int32_t* period_of_day
    int32_t first_period_day
    const int32_t* start
    const int32_t* end


cdef inline int64_t weigh(const Weight* weight, int64_t row) noexcept nogil:
    cdef int64_t found
    if weight.wide != NULL:
        return weight.wide[row]
    found = weight.amount[row]
    if weight.factor != NULL:
        found *= weight.factor[row]
    if weight.sign_only:
        return (found > 0) - (found < 0)
    return found


# The windows [first, past) that a row of `day` may lie in; none where first == past.
cdef inline void windows_of_day(
    const Windows* windows, int64_t person, int32_t day, int64_t* first, int64_t* past
) noexcept nogil:
    first[0] = past[0] = 0
    if not windows.first <= day < windows.until:
        return
    if windows.period_of_day != NULL:
        if day < windows.end[person]:
            first[0] = windows.period_of_day[day - windows.first_period_day]
            past[0] = first[0] + 1
        return
    if day >= windows.start[person]:
        past[0] = windows.windows


cdef inline bint is_over(const Windows* windows, int64_t window, int64_t person, int32_t day) noexcept nogil:
    return windows.period_of_day == NULL and day >= windows.end[window * windows.persons + person]


cdef KernelResult add_rows(
    const Windows* windows,
    const int64_t* offsets,
    const int32_t* day,
    const Weight* weights,
    int count,
    int64_t* sums,
    int64_t stride,
    uint8_t* has_rows,
) noexcept nogil:
    cdef int64_t person, row, window, first, past, cell, weight
    cdef int64_t cells = windows.windows * stride
    cdef int which
    for person in range(windows.persons):
        for row in range(offsets[person], offsets[person + 1]):
            windows_of_day(windows, person, day[row], &first, &past)
            for window in range(first, past):
                if is_over(windows, window, person, day[row]):
                    continue
                has_rows[window * windows.persons + person] = 1
                cell = window * stride + person
                for which in range(count):
                    will_write(sums + which * cells + cell + PERSONS_AHEAD)
                    weight = weigh(&weights[which], row)
                    if not -LARGEST_WEIGHT <= weight <= LARGEST_WEIGHT:
                        return kernel_failed(KERNEL_OVERFLOW, row)
                    sums[which * cells + cell] += weight
    return kernel_ok()


ctypedef struct Levels:
    const int32_t* code
    const int32_t* level_of_code
    const int64_t* offsets
    const int32_t* level
    int64_t levels

# An entry is (person, level) and then a value for each weight, side by side: one place in memory to look at and write.
# Entries of window w lie from starts[w] on, up to filled[w]. `latest` remembers, for each window and level, who had it
# last (her position + 1, in the upper half) and her entry: the entry itself is far away and must not be looked at.
ctypedef struct Entries:
    const int64_t* starts
    int64_t* filled
    int64_t* entry
    int64_t width
    int64_t* latest


cdef inline int32_t* person_and_level(const Entries* entries, int64_t place) noexcept nogil:
    return <int32_t*>(entries.entry + place * entries.width)


cdef inline int64_t levels_of_row(const Levels* levels, int64_t row) noexcept nogil:
    return 1 if levels.offsets == NULL else levels.offsets[row + 1] - levels.offsets[row]


cdef inline int32_t level_at(const Levels* levels, int64_t row, int64_t number) noexcept nogil:
    if levels.offsets == NULL:
        return levels.level_of_code[levels.code[row]] if levels.code[row] >= 0 else <int32_t>(levels.levels - 1)
    return levels.level[levels.offsets[row] + number]


cdef void count_entries(
    const Windows* windows, const int64_t* offsets, const int32_t* day, const Levels* levels, int64_t* counts
) noexcept nogil:
    cdef int64_t person, row, window, first, past
    for person in range(windows.persons):
        for row in range(offsets[person], offsets[person + 1]):
            windows_of_day(windows, person, day[row], &first, &past)
            for window in range(first, past):
                if not is_over(windows, window, person, day[row]):
                    counts[window] += levels_of_row(levels, row)


# The entry of (window, person, level), made in its place by level where there is none; -1 where there is no room.
cdef inline int64_t entry_of(
    const Entries* entries, int64_t levels, int64_t window, int32_t person, int32_t level
) noexcept nogil:
    cdef int64_t start = entries.starts[window]
    cdef int64_t stamp = (<int64_t>person + 1) << 32
    cdef int64_t* latest = entries.latest + window * levels
    cdef int64_t place = entries.filled[window], number
    cdef int32_t* found
    cdef int32_t* before
    if latest[level] >= stamp:
        return latest[level] - stamp
    if place >= entries.starts[window + 1]:
        return -1
    entries.filled[window] += 1
    will_write(entries.entry + (place + ENTRIES_AHEAD) * entries.width)
    while place > start:
        before = person_and_level(entries, place - 1)
        if before[0] != person or before[1] < level:
            break
        for number in range(entries.width):
            entries.entry[place * entries.width + number] = entries.entry[(place - 1) * entries.width + number]
        latest[before[1]] = stamp + place
        place -= 1
    for number in range(1, entries.width):
        entries.entry[place * entries.width + number] = 0
    found = person_and_level(entries, place)
    found[0], found[1] = person, level
    latest[level] = stamp + place
    return place


cdef KernelResult add_levels(
    const Windows* windows,
    const int64_t* offsets,
    const int32_t* day,
    const Weight* weights,
    int count,
    const Levels* levels,
    const Entries* entries,
) noexcept nogil:
    cdef int64_t person, row, window, first, past, number, place
    cdef int64_t weighed[MOST_WEIGHTS]
    cdef int which
    for person in range(windows.persons):
        for row in range(offsets[person], offsets[person + 1]):
            windows_of_day(windows, person, day[row], &first, &past)
            if first == past:
                continue
            for which in range(count):
                weighed[which] = weigh(&weights[which], row)
                if not -LARGEST_WEIGHT <= weighed[which] <= LARGEST_WEIGHT:
                    return kernel_failed(KERNEL_OVERFLOW, row)
            for window in range(first, past):
                if is_over(windows, window, person, day[row]):
                    continue
                for number in range(levels_of_row(levels, row)):
                    place = entry_of(entries, levels.levels, window, <int32_t>person, level_at(levels, row, number))
                    if place < 0:
                        return kernel_failed(KERNEL_OUTPUT_FULL, row)
                    for which in range(count):
                        entries.entry[place * entries.width + 1 + which] += weighed[which]
    return kernel_ok()


cdef inline const int32_t* int32s(const int32_t[::1] numbers) noexcept:
    return &numbers[0] if numbers.shape[0] else NULL


cdef inline const int64_t* int64s(const int64_t[::1] numbers) noexcept:
    return &numbers[0] if numbers.shape[0] else NULL


# Weights are (amount, factor or None, sign only) of int32 columns, or an int64 column. The caller keeps them alive.
cdef int read_weights(list given, int64_t rows, Weight* weights) except -1:
    cdef const int32_t[::1] narrow
    cdef const int64_t[::1] wide
    cdef int which
    if len(given) > MOST_WEIGHTS:
        raise_if_failed(kernel_failed(KERNEL_OUTPUT_FULL, -1), "weight")
    for which, weight in enumerate(given):
        weights[which].amount = weights[which].factor = NULL
        weights[which].wide = NULL
        weights[which].sign_only = False
        if not isinstance(weight, tuple):
            wide = weight
            weights[which].wide = int64s(wide)
            lengths = [wide.shape[0]]
        else:
            narrow = weight[0]
            weights[which].amount = int32s(narrow)
            lengths = [narrow.shape[0]]
            if weight[1] is not None:
                narrow = weight[1]
                weights[which].factor = int32s(narrow)
                lengths.append(narrow.shape[0])
            weights[which].sign_only = weight[2]
        if any(length != rows for length in lengths):
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "weight")
    return 0


# `periods` is (period of each day, first day, periods) or None; without it windows are [start, end) of each person.
cdef int read_windows(Windows* windows, tuple periods, tuple valid, start, end, int64_t persons) except -1:
    cdef const int32_t[::1] period_of_day
    cdef const int32_t[::1] starts
    cdef const int32_t[:, ::1] ends = end
    windows.windows, windows.persons = ends.shape[0], persons
    windows.first, windows.until = valid
    windows.period_of_day = windows.start = NULL
    windows.end = &ends[0, 0] if ends.shape[0] and persons else NULL
    if ends.shape[1] != persons:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if periods is not None:
        period_of_day = periods[0]
        windows.period_of_day, windows.first_period_day = int32s(period_of_day), periods[1]
        windows.first = max(windows.first, windows.first_period_day)
        windows.until = min(windows.until, windows.first_period_day + <int32_t>period_of_day.shape[0])
        windows.windows = periods[2]
    else:
        starts = start
        windows.start = int32s(starts)
        if starts.shape[0] != persons:
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    return 0


# Levels are (code of each row, level of each code, levels), or (offsets of rows, level of each entry, levels).
cdef int read_levels(Levels* levels, tuple given, int64_t rows) except -1:
    cdef const int32_t[::1] narrow = given[1]
    cdef const int64_t[::1] offsets
    cdef const int32_t[::1] code
    levels.levels = given[2]
    levels.code = levels.level_of_code = levels.level = NULL
    levels.offsets = NULL
    if given[0].dtype == "int32":
        code = given[0]
        levels.code, levels.level_of_code = int32s(code), int32s(narrow)
        length = code.shape[0]
    else:
        offsets = given[0]
        levels.offsets, levels.level = &offsets[0], int32s(narrow)
        length = offsets.shape[0] - 1
    if length != rows:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "level")
    return 0


def sum_in_windows(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    list weights,
    int64_t[:, :, ::1] sums,
    uint8_t[:, ::1] has_rows,
    *,
    tuple periods,
    tuple valid,
    start,
    end,
):
    cdef int64_t persons = offsets.shape[0] - 1
    cdef int count = <int>len(weights)
    cdef KernelResult result
    cdef Weight weighed[MOST_WEIGHTS]
    cdef Windows windows
    read_weights(weights, day.shape[0], weighed)
    read_windows(&windows, periods, valid, start, end, persons)
    if not (
        day.shape[0] == offsets[persons]
        and sums.shape[0] == count
        and sums.shape[1] == has_rows.shape[0] == windows.windows
        and sums.shape[2] >= has_rows.shape[1] == persons
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if day.shape[0] == 0 or windows.windows == 0 or count == 0:
        return
    with nogil:
        result = add_rows(&windows, &offsets[0], &day[0], weighed, count, &sums[0, 0, 0], sums.shape[2], &has_rows[0, 0])
    raise_if_failed(result, "weight")


def entries_in_windows(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    tuple levels,
    int64_t[::1] counts,
    *,
    tuple periods,
    tuple valid,
    start,
    end,
):
    cdef int64_t persons = offsets.shape[0] - 1
    cdef Windows windows
    cdef Levels read
    read_levels(&read, levels, day.shape[0])
    read_windows(&windows, periods, valid, start, end, persons)
    if day.shape[0] != offsets[persons] or counts.shape[0] != windows.windows:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if day.shape[0] == 0 or windows.windows == 0:
        return
    with nogil:
        count_entries(&windows, &offsets[0], &day[0], &read, &counts[0])


def sum_levels_in_windows(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    list weights,
    tuple levels,
    const int64_t[::1] starts,
    int64_t[::1] filled,
    int64_t[:, ::1] entry,
    int64_t[::1] latest,
    *,
    tuple periods,
    tuple valid,
    start,
    end,
):
    cdef int64_t persons = offsets.shape[0] - 1
    cdef int count = <int>len(weights)
    cdef KernelResult result
    cdef Weight weighed[MOST_WEIGHTS]
    cdef Windows windows
    cdef Levels read
    cdef Entries entries
    read_weights(weights, day.shape[0], weighed)
    read_levels(&read, levels, day.shape[0])
    read_windows(&windows, periods, valid, start, end, persons)
    if not (
        day.shape[0] == offsets[persons]
        and starts.shape[0] == windows.windows + 1
        and filled.shape[0] == windows.windows
        and entry.shape[0] == starts[windows.windows]
        and entry.shape[1] == count + 1
        and latest.shape[0] == windows.windows * read.levels
        and entry.shape[0] < 1 << 31
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if entry.shape[0] == 0:
        return
    entries.starts, entries.filled, entries.latest = &starts[0], &filled[0], &latest[0]
    entries.entry, entries.width = &entry[0, 0], entry.shape[1]
    with nogil:
        result = add_levels(&windows, &offsets[0], &day[0], weighed, count, &read, &entries)
    raise_if_failed(result, "weight")
