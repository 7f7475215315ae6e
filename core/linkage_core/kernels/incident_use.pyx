# cython: freethreading_compatible = True
"""First rows after a washout, and days on which a person could have had one, in windows that follow each other."""

from libc.stdint cimport int32_t, int64_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_ORDER,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)

ctypedef struct Rows:
    const int64_t* offsets
    const int32_t* day
    const int32_t* left

# Window w of a person is [base + bounds[w], base + bounds[w + 1]); base is one a person or (step 0) the same for all.
ctypedef struct Windows:
    const int32_t* base
    int64_t step
    const int32_t* bounds
    int64_t windows
    int64_t persons

ctypedef struct Outcome:
    int32_t* events
    int32_t* days


cdef inline void add_days(
    const Windows* windows, int64_t base, int64_t first, int64_t after, int64_t person, int32_t* days
) noexcept nogil:
    cdef int64_t window, start, end
    for window in range(windows.windows):
        start = max(first, base + windows.bounds[window])
        end = min(after, base + windows.bounds[window + 1])
        if end > start:
            days[window * windows.persons + person] += <int32_t>(end - start)


cdef inline int64_t window_of(const Windows* windows, int64_t base, int64_t day) noexcept nogil:
    cdef int64_t window = 0
    while day >= base + windows.bounds[window + 1]:
        window += 1
    return window


cdef KernelResult follow_all(
    const Rows* rows,
    const Windows* windows,
    const int32_t* known_from,
    const int32_t* exit_day,
    int32_t washout,
    bint repeated,
    const Outcome* outcome,
) noexcept nogil:
    cdef int64_t person, row, base, at_risk, end
    cdef int32_t day, last
    cdef bint done
    for person in range(windows.persons):
        base = windows.base[person * windows.step]
        at_risk = max(<int64_t>known_from[person] + washout, base + windows.bounds[0])
        end = min(base + windows.bounds[windows.windows], <int64_t>exit_day[person])
        done, last = False, -(1 << 30)
        for row in range(rows.offsets[person], rows.offsets[person + 1]):
            day = rows.day[row]
            if day < last:
                return kernel_failed(KERNEL_OUT_OF_ORDER, row)
            last = day
            if day >= end:
                break
            if rows.left[row] <= 0:
                continue
            if day >= at_risk:
                # The day of the event is still a day at risk.
                add_days(windows, base, at_risk, <int64_t>day + 1, person, outcome.days)
                outcome.events[window_of(windows, base, day) * windows.persons + person] += 1
                if not repeated:
                    done = True
                    break
            at_risk = max(at_risk, <int64_t>day + washout + 1)
        if not done:
            add_days(windows, base, at_risk, end, person, outcome.days)
    return kernel_ok()


def incident_use(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] left,
    const int32_t[::1] base,
    const int32_t[::1] bounds,
    const int32_t[::1] known_from,
    const int32_t[::1] exit_day,
    int32_t[:, ::1] events,
    int32_t[:, ::1] days,
    *,
    int32_t washout,
    bint repeated,
):
    cdef int64_t persons = known_from.shape[0]
    cdef KernelResult result
    cdef Rows rows
    cdef Windows windows
    cdef Outcome outcome
    if not (
        offsets.shape[0] == persons + 1
        and day.shape[0] == left.shape[0] == offsets[persons]
        and base.shape[0] in (1, persons)
        and exit_day.shape[0] == events.shape[1] == days.shape[1] == persons
        and events.shape[0] == days.shape[0] == bounds.shape[0] - 1 > 0
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if persons == 0:
        return
    rows.offsets = &offsets[0]
    rows.day = &day[0] if day.shape[0] else NULL
    rows.left = &left[0] if left.shape[0] else NULL
    windows.base, windows.step = &base[0], 0 if base.shape[0] == 1 else 1
    windows.bounds, windows.windows, windows.persons = &bounds[0], bounds.shape[0] - 1, persons
    outcome.events, outcome.days = &events[0, 0], &days[0, 0]
    with nogil:
        result = follow_all(&rows, &windows, &known_from[0], &exit_day[0], washout, repeated, &outcome)
    raise_if_failed(result, "dispensing_date")
