# cython: freethreading_compatible = True
"""Lets reversed rows take their packages from the dispensings they cancel. See indicators.md section 5."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_ORDER,
    KERNEL_OUT_OF_RANGE,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)

cdef enum:
    MOST_COLUMNS = 8

# Rows of one product have the same number in each of the columns. Ties are columns whose first difference orders rows
# of one product, day and quantity: by the numbers, or by what `order` says of number + 1 where it is not NULL.
ctypedef struct Rows:
    const int32_t* day
    const int32_t* quantity
    const int32_t* product[MOST_COLUMNS]
    int products
    const int32_t* tie[MOST_COLUMNS]
    const int32_t* order[MOST_COLUMNS]
    int ties
    int32_t* left


cdef inline bint same_product(const Rows* rows, int64_t row, int64_t other) noexcept nogil:
    cdef int column
    for column in range(rows.products):
        if rows.product[column][row] != rows.product[column][other]:
            return False
    return True


cdef inline int32_t rank(const Rows* rows, int column, int64_t row) noexcept nogil:
    cdef int32_t number = rows.tie[column][row]
    return number if rows.order[column] == NULL else rows.order[column][number + 1]


cdef inline bint comes_first(const Rows* rows, int64_t row, int64_t other) noexcept nogil:
    cdef int column
    for column in range(rows.ties):
        if rank(rows, column, row) != rank(rows, column, other):
            return rank(rows, column, row) < rank(rows, column, other)
    return False


# Among the rows that answer, the one to take from: latest day, then larger dispensing, then lower tie. Row order
# inside a day has no say, so that a register delivered in another order gives the same answer.
cdef inline bint is_better(const Rows* rows, int64_t candidate, int64_t best) noexcept nogil:
    if best < 0 or rows.day[candidate] != rows.day[best]:
        return best < 0 or rows.day[candidate] > rows.day[best]
    if rows.quantity[candidate] != rows.quantity[best]:
        return rows.quantity[candidate] > rows.quantity[best]
    return comes_first(rows, candidate, best)


# The last row of a person that is no later than a reversed row.
cdef inline int64_t last_of_day(const Rows* rows, int64_t end, int64_t reversed_row) noexcept nogil:
    cdef int64_t row = reversed_row
    while row + 1 < end and rows.day[row + 1] == rows.day[reversed_row]:
        row += 1
    return row


# Rows are gone through from the latest back, so that the first day with an answer has the best. Of rows that nothing tells
# apart the first is taken.
cdef inline int64_t exact_match(const Rows* rows, int64_t start, int64_t end, int64_t reversed_row, bint same_day) noexcept nogil:
    cdef int64_t row = last_of_day(rows, end, reversed_row), best = -1
    cdef int32_t day, no_earlier = rows.day[reversed_row], quantity = -rows.quantity[reversed_row]
    while row >= start:
        day = rows.day[row]
        if day < no_earlier and (same_day or best >= 0):
            break
        if (
            rows.quantity[row] == quantity
            and rows.left[row] == quantity
            and same_product(rows, row, reversed_row)
            and (best < 0 or not is_better(rows, best, row))
        ):
            best, no_earlier = row, day
        row -= 1
    return best


cdef inline int64_t latest_with_any(const Rows* rows, int64_t start, int64_t end, int64_t reversed_row) noexcept nogil:
    cdef int64_t row = last_of_day(rows, end, reversed_row), best = -1
    while row >= start:
        if best >= 0 and rows.day[row] < rows.day[best]:
            break
        if (
            rows.quantity[row] > 0
            and rows.left[row] > 0
            and same_product(rows, row, reversed_row)
            and (best < 0 or not is_better(rows, best, row))
        ):
            best = row
        row -= 1
    return best


# `left` of a reversed row holds what it still has to take, as a negative number, until the passes are over.
cdef void net_person(
    const Rows* rows, int64_t start, int64_t end, const int64_t* reversed_row, int64_t reversed_rows
) noexcept nogil:
    cdef int64_t place, row, match
    cdef int32_t taken
    cdef int pass_number
    for pass_number in range(2):
        for place in range(reversed_rows):
            row = reversed_row[place]
            if rows.left[row] == 0:
                continue
            match = exact_match(rows, start, end, row, pass_number == 0)
            if match >= 0:
                rows.left[match] = 0
                rows.left[row] = 0
    for place in range(reversed_rows):
        row = reversed_row[place]
        while rows.left[row] < 0:
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
            if rows.left[earlier] > 0 and same_product(rows, earlier, row):
                taken = min(rows.left[earlier], -rows.left[row])
                rows.left[earlier] -= taken
                rows.left[row] += taken
            earlier -= 1


# Few persons have a reversed row; rows of the others keep what they have.
cdef KernelResult net_all(
    const Rows* rows,
    const int64_t* offsets,
    int64_t persons,
    const int64_t* reversed_row,
    int64_t reversed_rows,
    bint by_row_order,
) noexcept nogil:
    cdef int64_t person, row, own, place = 0
    for person in range(persons):
        if place == reversed_rows:
            break
        if reversed_row[place] >= offsets[person + 1]:
            continue
        for row in range(offsets[person] + 1, offsets[person + 1]):
            if rows.day[row] < rows.day[row - 1]:
                return kernel_failed(KERNEL_OUT_OF_ORDER, row)
        own = place
        while place < reversed_rows and reversed_row[place] < offsets[person + 1]:
            place += 1
        if by_row_order:
            net_person_by_row(rows, offsets[person], offsets[person + 1])
        else:
            net_person(rows, offsets[person], offsets[person + 1], reversed_row + own, place - own)
    return kernel_ok()


cdef const int32_t* borrow(column, int64_t rows) except? NULL:
    cdef const int32_t[::1] lent = column
    if lent.shape[0] != rows:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "quantity")
    return &lent[0]


def net_reversals(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] quantity,
    list products,
    list ties,
    const int64_t[::1] reversed_rows,
    int32_t[::1] left,
    *,
    bint by_row_order,
):
    cdef int64_t persons = offsets.shape[0] - 1, length = day.shape[0], place
    cdef int column
    cdef const int32_t[::1] order
    cdef KernelResult result
    cdef Rows rows
    if not quantity.shape[0] == left.shape[0] == length == offsets[persons]:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "quantity")
    if len(products) > MOST_COLUMNS or len(ties) > MOST_COLUMNS:
        raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "product")
    for place in range(reversed_rows.shape[0]):
        if not (0 if place == 0 else reversed_rows[place - 1] + 1) <= reversed_rows[place] < length:
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_ORDER, place), "reversed_rows")
    if length == 0:
        return
    rows.day, rows.quantity, rows.left = &day[0], &quantity[0], &left[0]
    rows.products, rows.ties = <int>len(products), <int>len(ties)
    for column in range(rows.products):
        rows.product[column] = borrow(products[column], length)
    for column in range(rows.ties):
        rows.tie[column], rows.order[column] = borrow(ties[column][0], length), NULL
        if ties[column][1] is not None:
            order = ties[column][1]
            rows.order[column] = &order[0]
    memcpy(&left[0], &quantity[0], length * sizeof(int32_t))
    if reversed_rows.shape[0] == 0:
        return
    with nogil:
        result = net_all(&rows, &offsets[0], persons, &reversed_rows[0], reversed_rows.shape[0], by_row_order)
    raise_if_failed(result, "dispensing_date")
