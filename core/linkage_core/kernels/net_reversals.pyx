# cython: freethreading_compatible = True
"""Lets reversed rows take their packages from the dispensings they cancel. See indicators.md section 5."""

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
    const int32_t* day
    const int32_t* product
    const int32_t* quantity
    const int32_t* tie
    int32_t* left


# Among the rows that answer, the one to take from: latest day, then larger dispensing, then lower tie. Row order
# inside a day has no say, so that a register delivered in another order gives the same answer.
cdef inline bint is_better(const Rows* rows, int64_t candidate, int64_t best) noexcept nogil:
    if best < 0 or rows.day[candidate] != rows.day[best]:
        return best < 0 or rows.day[candidate] > rows.day[best]
    if rows.quantity[candidate] != rows.quantity[best]:
        return rows.quantity[candidate] > rows.quantity[best]
    return rows.tie[candidate] < rows.tie[best]


cdef inline int64_t exact_match(const Rows* rows, int64_t start, int64_t end, int64_t reversed_row, bint same_day) noexcept nogil:
    cdef int64_t row, best = -1
    for row in range(start, end):
        if rows.day[row] > rows.day[reversed_row]:
            break
        if (
            rows.product[row] == rows.product[reversed_row]
            and rows.quantity[row] == -rows.quantity[reversed_row]
            and rows.left[row] == rows.quantity[row]
            and (not same_day or rows.day[row] == rows.day[reversed_row])
            and is_better(rows, row, best)
        ):
            best = row
    return best


cdef inline int64_t latest_with_any(const Rows* rows, int64_t start, int64_t end, int64_t reversed_row) noexcept nogil:
    cdef int64_t row, best = -1
    for row in range(start, end):
        if rows.day[row] > rows.day[reversed_row]:
            break
        if (
            rows.product[row] == rows.product[reversed_row]
            and rows.quantity[row] > 0
            and rows.left[row] > 0
            and is_better(rows, row, best)
        ):
            best = row
    return best


# `left` of a reversed row holds what it still has to take, as a negative number, until the passes are over.
cdef void net_person(const Rows* rows, int64_t start, int64_t end) noexcept nogil:
    cdef int64_t row, match
    cdef int32_t taken
    cdef int pass_number
    for pass_number in range(2):
        for row in range(start, end):
            if rows.quantity[row] >= 0 or rows.left[row] == 0:
                continue
            match = exact_match(rows, start, end, row, pass_number == 0)
            if match >= 0:
                rows.left[match] = 0
                rows.left[row] = 0
    for row in range(start, end):
        while rows.quantity[row] < 0 and rows.left[row] < 0:
            match = latest_with_any(rows, start, end, row)
            if match < 0:
                break
            taken = min(rows.left[match], -rows.left[row])
            rows.left[match] -= taken
            rows.left[row] += taken


# The reference set's own rule: in row order, from the latest earlier rows that still have something.
cdef void net_person_by_row(const Rows* rows, int64_t start, int64_t end) noexcept nogil:
    cdef int64_t row, earlier
    cdef int32_t taken
    for row in range(start, end):
        if rows.quantity[row] >= 0:
            continue
        earlier = row - 1
        while earlier >= start and rows.left[row] < 0:
            if rows.product[earlier] == rows.product[row] and rows.left[earlier] > 0:
                taken = min(rows.left[earlier], -rows.left[row])
                rows.left[earlier] -= taken
                rows.left[row] += taken
            earlier -= 1


cdef KernelResult net_all(const Rows* rows, const int64_t* offsets, int64_t persons, bint by_row_order) noexcept nogil:
    cdef int64_t person, row
    cdef bint has_reversal
    for person in range(persons):
        has_reversal = False
        for row in range(offsets[person], offsets[person + 1]):
            if row > offsets[person] and rows.day[row] < rows.day[row - 1]:
                return kernel_failed(KERNEL_OUT_OF_ORDER, row)
            rows.left[row] = rows.quantity[row]
            has_reversal = has_reversal or rows.quantity[row] < 0
        if has_reversal and by_row_order:
            net_person_by_row(rows, offsets[person], offsets[person + 1])
        elif has_reversal:
            net_person(rows, offsets[person], offsets[person + 1])
    return kernel_ok()


def net_reversals(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] product,
    const int32_t[::1] quantity,
    const int32_t[::1] tie,
    int32_t[::1] left,
    *,
    bint by_row_order,
):
    cdef int64_t persons = offsets.shape[0] - 1
    cdef int64_t length = day.shape[0]
    cdef KernelResult result
    cdef Rows rows
    if not (product.shape[0] == quantity.shape[0] == tie.shape[0] == left.shape[0] == length == offsets[persons]):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "quantity")
    if length == 0:
        return
    rows.day, rows.product, rows.quantity = &day[0], &product[0], &quantity[0]
    rows.tie, rows.left = &tie[0], &left[0]
    with nogil:
        result = net_all(&rows, &offsets[0], persons, by_row_order)
    raise_if_failed(result, "dispensing_date")
