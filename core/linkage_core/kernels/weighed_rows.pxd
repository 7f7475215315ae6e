# Rows of persons as kernels see them: what each weighs, in which windows it lies, and which levels it has.

from libc.stdint cimport int32_t, int64_t, uint8_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUTPUT_FULL,
    kernel_failed,
    raise_if_failed,
)

# What a row adds: `wide`, or `amount` x `factor` (1 where NULL), or the sign of that.
ctypedef struct Weight:
    const int32_t* amount
    const int32_t* factor
    const int64_t* wide
    bint sign_only

cdef enum:
    MOST_WEIGHTS = 8

# In calendar periods (`period_of_day` given) a row lies in one window at most, and its day is before `end` of its person.
# Periods are told of the days from `first` - 1 up to `until`; these two, as days outside, are in period `windows`.
# Else the windows of a person have one start, and a row is held against the end of each.
ctypedef struct Windows:
    int64_t windows
    int64_t persons
    int32_t first
    int32_t until
    const int32_t* period_of_day
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


# The calendar period of a day of somebody who is observed up to `end`; `windows` where it is in none. Without branches,
# as nobody can foresee which rows lie outside.
cdef inline int64_t period_at(const Windows* windows, int32_t end, int32_t day) noexcept nogil:
    cdef int32_t before = windows.first - 1
    cdef int32_t near = min(max(day, before), windows.until)
    cdef int64_t period = windows.period_of_day[near - before]
    return period if day < end else windows.windows


# The windows [first, past) that a row of `day` may lie in; none where first == past.
cdef inline void windows_of_day(
    const Windows* windows, int64_t person, int32_t day, int64_t* first, int64_t* past
) noexcept nogil:
    if windows.period_of_day != NULL:
        first[0] = period_at(windows, windows.end[person], day)
        past[0] = first[0] + (first[0] < windows.windows)
        return
    first[0] = past[0] = 0
    if windows.first <= day < windows.until and day >= windows.start[person]:
        past[0] = windows.windows


cdef inline bint is_over(const Windows* windows, int64_t window, int64_t person, int32_t day) noexcept nogil:
    return windows.period_of_day == NULL and day >= windows.end[window * windows.persons + person]


# A row may weigh up to 2^40 and a person have 2^20 rows before an int64 could overflow.
cdef inline bint too_heavy(int64_t weight) noexcept nogil:
    return not -(<int64_t>1 << 40) <= weight <= <int64_t>1 << 40


ctypedef struct Levels:
    const int32_t* code
    const int32_t* level_of_code
    const int64_t* offsets
    const int32_t* level
    int64_t levels


cdef inline int64_t levels_of_row(const Levels* levels, int64_t row) noexcept nogil:
    return 1 if levels.offsets == NULL else levels.offsets[row + 1] - levels.offsets[row]


cdef inline int32_t level_at(const Levels* levels, int64_t row, int64_t number) noexcept nogil:
    if levels.offsets == NULL:
        return levels.level_of_code[levels.code[row]] if levels.code[row] >= 0 else <int32_t>(levels.levels - 1)
    return levels.level[levels.offsets[row] + number]


cdef inline const int32_t* int32s(const int32_t[::1] numbers) noexcept:
    return &numbers[0] if numbers.shape[0] else NULL


cdef inline const int64_t* int64s(const int64_t[::1] numbers) noexcept:
    return &numbers[0] if numbers.shape[0] else NULL


# Weights are (amount, factor or None, sign only) of int32 columns, or an int64 column. The caller keeps them alive.
cdef inline int read_weights(list given, int64_t rows, Weight* weights) except -1:
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
        if lengths != [rows] * len(lengths):
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "weight")
    return 0


# `periods` is (period of each day, first day, periods) or None; without it windows are [start, end) of each person.
# What it returns must be kept as long as the windows are.
cdef inline object read_windows(Windows* windows, tuple periods, tuple valid, start, end, int64_t persons):
    cdef const int32_t[::1] period_of_day
    cdef const int32_t[::1] starts
    cdef const int32_t[:, ::1] ends = end
    cdef uint8_t[::1] kept
    cdef int32_t* period
    cdef int32_t first_day, day
    windows.windows, windows.persons = ends.shape[0], persons
    windows.first, windows.until = valid
    windows.period_of_day = windows.start = NULL
    windows.end = &ends[0, 0] if ends.shape[0] and persons else NULL
    if ends.shape[1] != persons:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if periods is None:
        starts = start
        windows.start = int32s(starts)
        if starts.shape[0] != persons:
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
        return None
    period_of_day, first_day, windows.windows = periods
    windows.first = max(windows.first, first_day)
    windows.until = max(windows.first, min(windows.until, first_day + <int32_t>period_of_day.shape[0]))
    kept = bytearray((windows.until - windows.first + 2) * sizeof(int32_t))
    period = <int32_t*>&kept[0]
    period[0] = period[windows.until - windows.first + 1] = <int32_t>windows.windows
    for day in range(windows.first, windows.until):
        period[day - windows.first + 1] = period_of_day[day - first_day]
    windows.period_of_day = period
    return kept


# Levels are (code of each row, level of each code, levels), or (offsets of rows, level of each entry, levels).
cdef inline int read_levels(Levels* levels, tuple given, int64_t rows) except -1:
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
