# cython: freethreading_compatible = True
"""Exact sums over rows in many windows, in one pass: by person, by cell, and by person and level; and who has them at all."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_RANGE,
    KERNEL_OUTPUT_FULL,
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
    period_at,
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

cdef extern from "row_owners.h":
    enum:
        LINKAGE_ROWS_OWNED

    void linkage_tell_owners(
        const int64_t* offsets, int64_t persons, int64_t person, int64_t row, int64_t count, int32_t* owner
    ) noexcept nogil

cdef extern from "mark_rows.h":
    void places_of_rows(
        const int32_t* owner, int64_t count, const int32_t* day, const int32_t* end, const int32_t* period_of_day,
        int32_t first_day, int32_t until, int32_t windows, int32_t first, int32_t stride, int32_t* places
    ) noexcept nogil
    void tell_positive(const int64_t* sums, int64_t count, uint8_t* above) noexcept nogil

# Each window is written to a place of its own, more places than the processor foresees by itself: it is told, so far
# ahead. A hint past the end of the memory does nothing.
cdef enum:
    PERSONS_AHEAD = 24
    ENTRIES_AHEAD = 8
    VISITS_AT_ONCE = 128
    # Bytes of marks that are made before they are written out, of marks and sums, and of a line.
    MARKS_AT_ONCE = 1 << 14
    SUMS_AT_ONCE = 1 << 15
    LINE = 64


cdef KernelResult add_rows(
    const Windows* windows,
    const int64_t* offsets,
    const int32_t* day,
    const Weight* weights,
    int count,
    int64_t* sums,
    int64_t stride,
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
                cell = window * stride + person
                for which in range(count):
                    will_write(sums + which * cells + cell + PERSONS_AHEAD)
                    weight = weigh(&weights[which], row)
                    if too_heavy(weight):
                        return kernel_failed(KERNEL_OVERFLOW, row)
                    sums[which * cells + cell] += weight
    return kernel_ok()


# Bits of 64 persons are a word. Sums of a cell lie side by side, by window and weight.
ctypedef struct Cells:
    const int32_t* cell
    int64_t cells
    const uint64_t* among
    int64_t words
    int64_t* sums


# The sums outgrow the nearest caches: the places of some rows are asked for before the rows are added there.
ctypedef struct Visit:
    int64_t row
    int64_t place
    int64_t is_in


cdef int64_t add_visits(
    const Weight* weights, int count, const Visit* visits, int64_t number, int64_t* sums
) noexcept nogil:
    cdef int64_t place, weight
    cdef int which
    for which in range(count):
        for place in range(number):
            weight = weigh(&weights[which], visits[place].row)
            if too_heavy(weight):
                return visits[place].row
            sums[visits[place].place + which] += weight & -visits[place].is_in
    return -1


cdef KernelResult add_cells(
    const Windows* given, const int64_t* offsets, const int32_t* day, const Weight* weights, int count,
    const Cells* cells,
) noexcept nogil:
    cdef Windows windows = given[0]
    cdef Visit visits[VISITS_AT_ONCE]
    cdef int64_t person, row, window, first, past, own, waiting = 0, heavy = -1
    for person in range(windows.persons):
        if not 0 <= cells.cell[person] < cells.cells:
            return kernel_failed(KERNEL_OUT_OF_RANGE, person)
        own = cells.cell[person] * windows.windows
        for row in range(offsets[person], offsets[person + 1]):
            windows_of_day(&windows, person, day[row], &first, &past)
            for window in range(first, past):
                if is_over(&windows, window, person, day[row]):
                    continue
                visits[waiting].row, visits[waiting].place = row, (own + window) * count
                visits[waiting].is_in = cells.among[window * cells.words + (person >> 6)] >> (person & 63) & 1
                will_write(cells.sums + visits[waiting].place)
                waiting += 1
                if waiting == VISITS_AT_ONCE:
                    heavy = add_visits(weights, count, visits, waiting, cells.sums)
                    if heavy >= 0:
                        return kernel_failed(KERNEL_OVERFLOW, heavy)
                    waiting = 0
    heavy = add_visits(weights, count, visits, waiting, cells.sums)
    return kernel_failed(KERNEL_OVERFLOW, heavy) if heavy >= 0 else kernel_ok()


# Who has rows in each window, and for each weight whether their sum is above 0. `has_rows` and `above` are windows + 1
# times `stride` bytes: rows that lie in no calendar period are written to the last of them. A sum is taken for what it
# was only where the person has rows already, so that none needs to be cleared.
ctypedef struct Marks:
    uint8_t* has_rows
    uint8_t* above
    int64_t stride
    int64_t* sums


cdef inline int64_t mark(
    const Marks* marks, int64_t windows, int64_t window, int64_t person, const Weight* weights, int count, int64_t row
) noexcept nogil:
    cdef uint8_t* has_rows = marks.has_rows + window * marks.stride + person
    cdef int64_t* sums = marks.sums + window * MOST_WEIGHTS
    cdef int64_t weight, heavy = 0, inside = window < windows
    cdef int which
    for which in range(count):
        # A row that lies in no period may weigh anything.
        weight = weigh(&weights[which], row) & -inside
        heavy |= too_heavy(weight)
        sums[which] = (sums[which] & -<int64_t>has_rows[0]) + weight
        marks.above[(which * (windows + 1) + window) * marks.stride + person] = sums[which] > 0
    has_rows[0] = 1
    return heavy


# The marks of some persons are made side by side and then written out window by window: to write each window's place of
# a long column from row to row takes more lines at a time than the processor foresees.
cdef KernelResult mark_periods(
    const Windows* windows,
    const int64_t* offsets,
    const int32_t* day,
    const Weight* weights,
    int count,
    const Marks* marks,
    const Marks* some,
) noexcept nogil:
    cdef int32_t owner[LINKAGE_ROWS_OWNED]
    cdef int64_t first = 0, past, row, here, place, person, window
    cdef int64_t size, columns = windows.windows + 1
    cdef int which
    while first < windows.persons:
        past = min(first + some.stride, windows.persons)
        size, row, person = past - first, offsets[first], first
        memset(some.has_rows, 0, columns * some.stride)
        memset(some.above, 0, count * columns * some.stride)
        while row < offsets[past]:
            here = min(offsets[past] - row, <int64_t>LINKAGE_ROWS_OWNED)
            linkage_tell_owners(offsets, past, person, row, here, owner)
            for place in range(here):
                person = owner[place]
                window = period_at(windows, windows.end[person], day[row + place])
                if mark(some, windows.windows, window, person - first, weights, count, row + place):
                    return kernel_failed(KERNEL_OVERFLOW, row + place)
            row += here
        for window in range(windows.windows):
            memcpy(marks.has_rows + window * marks.stride + first, some.has_rows + window * some.stride, size)
            for which in range(count):
                place = which * columns + window
                memcpy(marks.above + place * marks.stride + first, some.above + place * some.stride, size)
        first = past
    return kernel_ok()


# The same for weights that are amounts as they stand, of which no sum is too large: all sums of some persons are taken
# before it is told which are above 0. `some.sums` has room for them, by weight and window.
cdef void mark_amounts(
    const Windows* windows,
    const int64_t* offsets,
    const int32_t* day,
    const Weight* weights,
    int count,
    const Marks* marks,
    const Marks* some,
) noexcept nogil:
    cdef int32_t owner[LINKAGE_ROWS_OWNED]
    cdef int32_t places[LINKAGE_ROWS_OWNED]
    cdef const int32_t* amount
    cdef int64_t* sums
    cdef int64_t first = 0, past, row, here, place, person, window
    cdef int64_t size, columns = windows.windows + 1
    cdef int which
    while first < windows.persons:
        past = min(first + some.stride, windows.persons)
        size, row, person = past - first, offsets[first], first
        memset(some.has_rows, 0, columns * some.stride)
        memset(some.sums, 0, count * columns * some.stride * sizeof(int64_t))
        while row < offsets[past]:
            here = min(offsets[past] - row, <int64_t>LINKAGE_ROWS_OWNED)
            linkage_tell_owners(offsets, past, person, row, here, owner)
            places_of_rows(
                owner, here, day + row, windows.end, windows.period_of_day, windows.first, windows.until,
                <int32_t>windows.windows, <int32_t>first, <int32_t>some.stride, places,
            )
            for place in range(here):
                some.has_rows[places[place]] = 1
            for which in range(count):
                sums, amount = some.sums + which * columns * some.stride, weights[which].amount + row
                for place in range(here):
                    sums[places[place]] += amount[place]
            person = owner[here - 1]
            row += here
        for window in range(windows.windows):
            memcpy(marks.has_rows + window * marks.stride + first, some.has_rows + window * some.stride, size)
            for which in range(count):
                place = which * columns + window
                tell_positive(some.sums + place * some.stride, size, marks.above + place * marks.stride + first)
        first = past


cdef bint are_amounts(const Weight* weights, int count) noexcept nogil:
    cdef int which
    for which in range(count):
        if weights[which].amount == NULL or weights[which].factor != NULL or weights[which].sign_only:
            return False
    return True


cdef KernelResult mark_all(
    const Windows* windows,
    const int64_t* offsets,
    const int32_t* day,
    const Weight* weights,
    int count,
    const Marks* marks,
    const Marks* some,
) noexcept nogil:
    cdef int64_t person, row, window, first, past
    if windows.period_of_day != NULL:
        return mark_periods(windows, offsets, day, weights, count, marks, some)
    for person in range(windows.persons):
        for row in range(offsets[person], offsets[person + 1]):
            windows_of_day(windows, person, day[row], &first, &past)
            for window in range(first, past):
                if is_over(windows, window, person, day[row]):
                    continue
                if mark(marks, windows.windows, window, person, weights, count, row):
                    return kernel_failed(KERNEL_OVERFLOW, row)
    return kernel_ok()


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
                if too_heavy(weighed[which]):
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


def sum_in_windows(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    list weights,
    int64_t[:, :, ::1] sums,
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
    kept = read_windows(&windows, periods, valid, start, end, persons)
    if not (
        day.shape[0] == offsets[persons]
        and sums.shape[0] == count
        and sums.shape[1] == windows.windows
        and sums.shape[2] >= persons
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if day.shape[0] == 0 or windows.windows == 0 or count == 0:
        return
    with nogil:
        result = add_rows(&windows, &offsets[0], &day[0], weighed, count, &sums[0, 0, 0], sums.shape[2])
    raise_if_failed(result, "weight")


def add_by_cell(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    list weights,
    const uint64_t[:, ::1] among,
    const int32_t[::1] cell,
    int64_t[:, :, ::1] sums,
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
    cdef Cells cells
    read_weights(weights, day.shape[0], weighed)
    kept = read_windows(&windows, periods, valid, start, end, persons)
    if not (
        day.shape[0] == offsets[persons]
        and cell.shape[0] == persons
        and among.shape[0] == sums.shape[1] == windows.windows
        and among.shape[1] == (persons + 63) // 64
        and sums.shape[2] == count
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "cell")
    if day.shape[0] == 0 or windows.windows == 0 or count == 0 or sums.shape[0] == 0:
        return
    cells.cell, cells.cells, cells.sums = &cell[0], sums.shape[0], &sums[0, 0, 0]
    cells.among, cells.words = &among[0, 0], among.shape[1]
    with nogil:
        result = add_cells(&windows, &offsets[0], &day[0], weighed, count, &cells)
    raise_if_failed(result, "weight")


def mark_windows(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    list weights,
    uint8_t[:, ::1] has_rows,
    uint8_t[:, :, ::1] above,
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
    cdef Marks marks, some
    read_weights(weights, day.shape[0], weighed)
    kept = read_windows(&windows, periods, valid, start, end, persons)
    if not (
        day.shape[0] == offsets[persons]
        and has_rows.shape[0] == above.shape[1] == windows.windows + 1
        and has_rows.shape[1] == above.shape[2] >= persons
        and above.shape[0] == count
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if day.shape[0] == 0:
        return
    cdef int64_t columns = windows.windows + 1
    cdef bint only_amounts = windows.period_of_day != NULL and are_amounts(weighed, count)
    cdef int64_t bytes_a_person = columns * (1 + count * (sizeof(int64_t) if only_amounts else 1))
    some.stride = max((SUMS_AT_ONCE if only_amounts else MARKS_AT_ONCE) // bytes_a_person // LINE, <int64_t>1) * LINE
    cdef uint8_t[::1] room = bytearray(bytes_a_person * some.stride)
    cdef uint8_t[::1] sums = bytearray(columns * MOST_WEIGHTS * sizeof(int64_t))
    marks.has_rows, marks.above = &has_rows[0, 0], &above[0, 0, 0] if count else NULL
    marks.stride, marks.sums = has_rows.shape[1], <int64_t*>&sums[0]
    if only_amounts:
        some.sums, some.has_rows, some.above = <int64_t*>&room[0], &room[0] + 8 * count * columns * some.stride, NULL
        with nogil:
            mark_amounts(&windows, &offsets[0], &day[0], weighed, count, &marks, &some)
        return
    some.has_rows, some.above, some.sums = &room[0], &room[0] + columns * some.stride, marks.sums
    with nogil:
        result = mark_all(&windows, &offsets[0], &day[0], weighed, count, &marks, &some)
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
    kept = read_windows(&windows, periods, valid, start, end, persons)
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
    kept = read_windows(&windows, periods, valid, start, end, persons)
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
