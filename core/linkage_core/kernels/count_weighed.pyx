# cython: freethreading_compatible = True
"""Counts persons and adds up what their rows weigh, by cell, window and level, straight from the rows."""

import numpy as np

from libc.stdint cimport INT32_MAX, int32_t, int64_t, uint8_t, uint64_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
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

cdef extern from "count_users.h":
    enum:
        MOST_SUMS_OF_USERS
        WEIGHTS_OF_USERS

    ctypedef struct RowWeight:
        const int32_t* amount
        const int32_t* factor
        const int64_t* wide
        bint sign_only

    ctypedef struct UserRows:
        const int64_t* offsets
        int64_t persons
        const int32_t* day
        const int32_t* end
        const int32_t* period_of_day
        int32_t first
        int32_t until
        int32_t windows
        const int32_t* code
        const int32_t* level_of_code
        int32_t levels

    ctypedef struct UserTally:
        const int32_t* cell
        const uint64_t* among
        int64_t* numbers
        uint8_t* used

    ctypedef struct UserLevel:
        int64_t latest
        int64_t sum
        int64_t windows

    ctypedef struct UserChunk:
        pass

    bint rows_stand_by_day(const int64_t* offsets, int64_t persons, const int32_t* day) noexcept nogil
    int64_t count_users(
        const UserRows* of, const UserTally* tally, const RowWeight* weights, int sums, UserLevel* levels,
        UserChunk* chunk, bint* impossible
    ) noexcept nogil

# The tally outgrows the nearest caches: the rows of several persons are looked up and their places asked for, before one
# measure after the other is counted there. Nothing branches on what a row says, as nobody can foresee it.
cdef enum:
    MOST_MEASURES = 8
    VISITS_AT_ONCE = 128

# Who is counted, in column `column`, and what is added up behind it. `positive` is the weight whose sum must be above
# 0, or -1. `among` and `counted` have a bit a person and window, NULL for everybody. By level: the windows in which the
# latest person is counted, the sum of her rows in the latest window, and how many persons make the level a used one.
ctypedef struct Measure:
    int positive
    int64_t column
    int sums
    int weight[MOST_WEIGHTS]
    const uint64_t* among
    const uint64_t* counted
    int32_t* windows
    int64_t* sum
    int64_t* users

# A row in a window, with one of its levels: where it is counted there; whether it is the person's first of the level in
# this window, and in any. In 32 bytes, as each measure reads them all.
ctypedef struct Visit:
    int64_t* place
    int64_t row
    int32_t person
    int32_t window
    int32_t level
    uint8_t is_first
    uint8_t is_first_ever

ctypedef struct Tally:
    const int32_t* cell
    int64_t cells
    int64_t windows
    int64_t levels
    int64_t columns
    uint8_t* used
    int64_t* numbers

# Visits that wait to be counted. Windows of persons are numbered as they come; `latest` has by level the last with it.
ctypedef struct Waiting:
    Visit* visits
    int64_t count
    int64_t number
    int64_t* latest


# `own` is the number of the person's first window. A row in no window is overwritten by the next.
cdef inline void add_visit(
    Waiting* waiting, const Tally* tally, int64_t own, int64_t person, int64_t window, int64_t level, int64_t row
) noexcept nogil:
    cdef Visit* visit = waiting.visits + waiting.count
    cdef int64_t* numbers = tally.numbers + tally.cell[person] * (tally.windows + 1) * tally.levels * tally.columns
    cdef int64_t latest = waiting.latest[level]
    cdef bint inside = window < tally.windows
    visit.place = numbers + (window * tally.levels + level) * tally.columns
    will_write(visit.place)
    visit.row, visit.person, visit.window, visit.level = row, <int32_t>person, <int32_t>window, <int32_t>level
    visit.is_first = latest < waiting.number
    visit.is_first_ever = latest < own
    waiting.latest[level] = waiting.number if inside else latest
    waiting.count += inside


# Rows in calendar periods, by day. The first row with a level that is out of range, else -1. What the rows do not change
# is copied, or it would be read anew after whatever is written.
cdef int64_t visit_periods(
    const Windows* given_windows,
    int64_t person,
    const int64_t* offsets,
    const int32_t* day,
    const Levels* given_levels,
    const Tally* given_tally,
    Waiting* given_waiting,
) noexcept nogil:
    cdef Windows windows = given_windows[0]
    cdef Levels levels = given_levels[0]
    cdef Tally tally = given_tally[0]
    cdef Waiting waiting = given_waiting[0]
    cdef int32_t end = windows.end[person]
    cdef int64_t row, window, number, level, own = waiting.number + 1, before = -1
    for row in range(offsets[person], offsets[person + 1]):
        window = period_at(&windows, end, day[row])
        waiting.number += window != before
        before = window
        for number in range(levels_of_row(&levels, row)):
            level = level_at(&levels, row, number)
            if not 0 <= level < levels.levels:
                return row
            add_visit(&waiting, &tally, own, person, window, level, row)
    given_waiting[0] = waiting
    return -1


# Rows in any order, and in any windows.
cdef int64_t visit_windows(
    const Windows* windows,
    int64_t person,
    const int64_t* offsets,
    const int32_t* day,
    const Levels* levels,
    const Tally* tally,
    Waiting* waiting,
) noexcept nogil:
    cdef int64_t row, window, first, past, number, level, own = waiting.number + 1
    for window in range(windows.windows):
        waiting.number += 1
        for row in range(offsets[person], offsets[person + 1]):
            windows_of_day(windows, person, day[row], &first, &past)
            if not first <= window < past or is_over(windows, window, person, day[row]):
                continue
            for number in range(levels_of_row(levels, row)):
                level = level_at(levels, row, number)
                if not 0 <= level < levels.levels:
                    return row
                add_visit(waiting, tally, own, person, window, level, row)
    return -1


cdef bint in_order(const int32_t* day, int64_t first, int64_t past) noexcept nogil:
    cdef int64_t row
    cdef int falls = 0
    for row in range(first + 1, past):
        falls |= day[row] < day[row - 1]
    return not falls


# Bits of 64 persons are a word, and their words for all windows lie side by side.
cdef inline int64_t is_of(const uint64_t* persons, const Visit* visit, int64_t windows) noexcept nogil:
    if persons == NULL:
        return 1
    return (persons[(visit.person >> 6) * windows + visit.window] >> (visit.person & 63)) & 1


# Where a row is counted in total: in the place of its level behind all windows.
cdef inline int64_t* total_of(const Visit* visit, int64_t windows, int64_t stride) noexcept nogil:
    return visit.place + (windows - visit.window) * stride


# Persons with any row of a level.
cdef void count_any(const Measure* measure, const Visit* visits, int64_t count, const Tally* tally) noexcept nogil:
    cdef const Visit* visit
    cdef const uint64_t* among = measure.among
    cdef const uint64_t* counted = measure.counted
    cdef int32_t* in_windows = measure.windows
    cdef uint8_t* used = tally.used
    cdef int64_t number, is_in, column = measure.column
    cdef int64_t windows = tally.windows, stride = tally.levels * tally.columns
    cdef int32_t before, after
    for number in range(count):
        visit = visits + number
        used[visit.level] |= visit.is_first & is_of(counted, visit, windows)
        is_in = visit.is_first & is_of(among, visit, windows)
        visit.place[column] += is_in
        before = 0 if visit.is_first_ever else in_windows[visit.level]
        after = before + <int32_t>is_in
        in_windows[visit.level] = after
        total_of(visit, windows, stride)[column] += (after > 0) - (before > 0)


# Persons whose rows of a level weigh more than 0: as soon as they do, and no longer when they do not.
cdef int64_t count_positive(
    const Measure* measure, const Weight* given_weight, const Visit* visits, int64_t count, const Tally* tally
) noexcept nogil:
    cdef Weight weight = given_weight[0]
    cdef const Visit* visit
    cdef const uint64_t* among = measure.among
    cdef const uint64_t* counted = measure.counted
    cdef int32_t* in_windows = measure.windows
    cdef int64_t* sums = measure.sum
    cdef int64_t* users = measure.users
    cdef int64_t number, weighed, was, now, more, heavy = 0, column = measure.column
    cdef int64_t windows = tally.windows, stride = tally.levels * tally.columns
    cdef int32_t before, after
    for number in range(count):
        visit = visits + number
        weighed = weigh(&weight, visit.row)
        heavy |= too_heavy(weighed)
        was = 0 if visit.is_first else sums[visit.level]
        now = was + weighed
        sums[visit.level] = now
        more = (now > 0) - (was > 0)
        users[visit.level] += more & -is_of(counted, visit, windows)
        more &= -is_of(among, visit, windows)
        visit.place[column] += more
        before = 0 if visit.is_first_ever else in_windows[visit.level]
        after = before + <int32_t>more
        in_windows[visit.level] = after
        total_of(visit, windows, stride)[column] += (after > 0) - (before > 0)
    return heavy


cdef int64_t add_up(
    const uint64_t* among,
    const Weight* given_weight,
    const Visit* visits,
    int64_t count,
    int64_t windows,
    int64_t column,
) noexcept nogil:
    cdef Weight weight = given_weight[0]
    cdef const Visit* visit
    cdef int64_t number, weighed, heavy = 0
    for number in range(count):
        visit = visits + number
        weighed = weigh(&weight, visit.row)
        heavy |= too_heavy(weighed)
        visit.place[column] += weighed & -is_of(among, visit, windows)
    return heavy


# The row whose weight was too heavy for what is counted.
cdef KernelResult heavy_row(const Waiting* waiting, const Weight* weights, int weighed) noexcept nogil:
    cdef int64_t number
    cdef int which
    for number in range(waiting.count):
        for which in range(weighed):
            if too_heavy(weigh(&weights[which], waiting.visits[number].row)):
                return kernel_failed(KERNEL_OVERFLOW, waiting.visits[number].row)
    return kernel_ok()


cdef KernelResult count_waiting(
    const Weight* weights, int weighed, const Measure* measures, int count, Waiting* waiting, const Tally* tally
) noexcept nogil:
    cdef const Measure* measure
    cdef int64_t heavy = 0, windows = tally.windows
    cdef int which, number
    for which in range(count):
        measure = measures + which
        if measure.positive < 0:
            count_any(measure, waiting.visits, waiting.count, tally)
        else:
            heavy |= count_positive(measure, weights + measure.positive, waiting.visits, waiting.count, tally)
        for number in range(measure.sums):
            heavy |= add_up(
                measure.among,
                weights + measure.weight[number],
                waiting.visits,
                waiting.count,
                windows,
                measure.column + 1 + number,
            )
    if heavy:
        return heavy_row(waiting, weights, weighed)
    waiting.count = 0
    return kernel_ok()


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
    cdef int64_t person, faulty, level
    cdef int which
    cdef KernelResult result
    for person in range(windows.persons):
        if not 0 <= tally.cell[person] < tally.cells:
            return kernel_failed(KERNEL_OUT_OF_RANGE, person)
        if windows.period_of_day != NULL and in_order(day, offsets[person], offsets[person + 1]):
            faulty = visit_periods(windows, person, offsets, day, levels, tally, waiting)
        else:
            faulty = visit_windows(windows, person, offsets, day, levels, tally, waiting)
        if faulty >= 0:
            return kernel_failed(KERNEL_OUT_OF_RANGE, faulty)
        if waiting.count >= VISITS_AT_ONCE or person == windows.persons - 1:
            result = count_waiting(weights, weighed, measures, count, waiting, tally)
            if result.status:
                return result
    for which in range(count):
        if measures[which].positive >= 0:
            for level in range(levels.levels):
                tally.used[level] |= measures[which].users[level] > 0
    return kernel_ok()


# The common question, users and amounts of everybody in calendar periods, is counted in a way of its own.
cdef bint are_users_of_all(
    const Windows* windows,
    const int64_t* offsets,
    const int32_t* day,
    const Levels* levels,
    const Measure* measures,
    int count,
) noexcept nogil:
    return (
        count == 2
        and measures[0].positive >= 0
        and measures[0].counted == NULL
        and measures[1].positive < 0
        and measures[1].among == measures[1].counted == NULL
        and measures[1].sums <= MOST_SUMS_OF_USERS
        and windows.period_of_day != NULL
        and levels.offsets == NULL
        and levels.level_of_code != NULL
        and levels.levels <= INT32_MAX
        and offsets[0] == 0
        and rows_stand_by_day(offsets, windows.persons, day)
    )


cdef KernelResult count_users_of_all(
    const Windows* windows,
    const int64_t* offsets,
    const int32_t* day,
    const Weight* weights,
    const Levels* levels,
    const Measure* measures,
    UserLevel* of_levels,
    UserChunk* chunk,
    const Tally* tally,
) noexcept nogil:
    cdef UserRows rows = UserRows(
        offsets, windows.persons, day, windows.end, windows.period_of_day, windows.first, windows.until,
        <int32_t>windows.windows, levels.code, levels.level_of_code, <int32_t>levels.levels,
    )
    cdef UserTally users = UserTally(tally.cell, measures[0].among, tally.numbers, tally.used)
    cdef RowWeight[WEIGHTS_OF_USERS] weighed
    cdef const Weight* weight
    cdef int64_t person, row
    cdef int which
    cdef bint impossible
    for person in range(windows.persons):
        if not 0 <= tally.cell[person] < tally.cells:
            return kernel_failed(KERNEL_OUT_OF_RANGE, person)
    for which in range(1 + measures[1].sums):
        weight = weights + (measures[1].weight[which - 1] if which else measures[0].positive)
        weighed[which] = RowWeight(weight.amount, weight.factor, weight.wide, weight.sign_only)
    row = count_users(&rows, &users, weighed, measures[1].sums, of_levels, chunk, &impossible)
    if row < 0:
        return kernel_ok()
    return kernel_failed(KERNEL_OUT_OF_RANGE if impossible else KERNEL_OVERFLOW, row)


# Of any person, and one to write a row to that lies in no window.
cdef int64_t visits_at_most(const int64_t* offsets, const Windows* windows, const Levels* levels) noexcept nogil:
    cdef int64_t person, own, most = 0
    for person in range(windows.persons):
        own = offsets[person + 1] - offsets[person]
        if levels.offsets != NULL:
            own = levels.offsets[offsets[person + 1]] - levels.offsets[offsets[person]]
        most = max(most, own)
    return most * (windows.windows if windows.period_of_day == NULL else 1) + 1


# Bits are borrowed: the caller keeps them alive.
cdef const uint64_t* read_bits(const uint64_t[:, ::1] bits, int64_t windows, int64_t persons) except? NULL:
    if bits is None:
        return NULL
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
    cdef int64_t[:, ::1] users
    cdef uint8_t[::1] room
    read_weights(weights, day.shape[0], weight)
    read_levels(&read, levels, day.shape[0])
    kept = read_windows(&windows, periods, valid, start, end, persons)
    if not (
        day.shape[0] == offsets[persons]
        and cell.shape[0] == persons
        and used.shape[0] == tally.shape[2] == read.levels
        and tally.shape[1] == windows.windows + 1
        and tally.shape[3] == sum(1 + len(added) for _, added, _, _ in measures)
        and count <= MOST_MEASURES
        and persons < 1 << 31
        and windows.windows < 1 << 31
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "level")
    if day.shape[0] == 0 or windows.windows == 0 or count == 0:
        return
    if read.levels == 0 or tally.shape[0] == 0:
        raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, 0), "level")
    cdef int32_t[:, ::1] in_windows = np.empty((count, read.levels), np.int32)
    cdef int64_t[:, :, ::1] of_levels = np.zeros((count, 2, read.levels), np.int64)
    for which, (positive, added, among, counted) in enumerate(measures):
        if not (
            -1 <= positive < weighed
            and all(0 <= one < weighed for one in added)
            and len(added) <= (MOST_WEIGHTS if positive < 0 else 0)
        ):
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "weight")
        measure[which].positive, measure[which].column, measure[which].sums = positive, column, len(added)
        for number, one in enumerate(added):
            measure[which].weight[number] = one
        measure[which].among = read_bits(among, windows.windows, persons)
        measure[which].counted = read_bits(counted, windows.windows, persons)
        measure[which].windows = &in_windows[which, 0]
        measure[which].sum, measure[which].users = &of_levels[which, 0, 0], &of_levels[which, 1, 0]
        column += 1 + len(added)
    cdef int64_t[::1] latest = np.zeros(read.levels, np.int64)
    cdef uint8_t[::1] visits = np.empty(
        (VISITS_AT_ONCE + visits_at_most(&offsets[0], &windows, &read)) * sizeof(Visit), np.uint8
    )
    waiting.visits, waiting.count, waiting.latest, waiting.number = <Visit*>&visits[0], 0, &latest[0], 0
    out.cell, out.cells, out.windows, out.levels = &cell[0], tally.shape[0], windows.windows, read.levels
    out.columns, out.used, out.numbers = tally.shape[3], &used[0], &tally[0, 0, 0, 0]
    if are_users_of_all(&windows, &offsets[0], &day[0], &read, measure, count):
        users = np.full((read.levels, sizeof(UserLevel) // sizeof(int64_t)), -1, np.int64)
        room = np.empty(sizeof(UserChunk), np.uint8)
        with nogil:
            result = count_users_of_all(
                &windows, &offsets[0], &day[0], weight, &read, measure, <UserLevel*>&users[0, 0], <UserChunk*>&room[0],
                &out,
            )
    else:
        with nogil:
            result = count_all(&windows, &offsets[0], &day[0], weight, weighed, &read, measure, count, &waiting, &out)
    raise_if_failed(result, "weight" if result.status == KERNEL_OVERFLOW else "level")
