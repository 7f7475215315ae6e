# cython: freethreading_compatible = True
"""Days of supply of picked rows, each by the first step of a supply model that can answer for it, in one pass."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_RANGE,
    kernel_failed,
    raise_if_failed,
)

cdef enum:
    DAY = 64
    MOST_STEPS = 60

# What becomes of a row that lost packages: the amount is of each package, of the row as it was and shared out, or shared
# out in whole days, at least one.
cdef enum Share:
    OF_EACH_PACKAGE
    OF_THE_ROW
    OF_THE_ROW_IN_DAYS
    AS_IT_IS

# A row lasts its amount times `above` / `below`, which go by its number where there is a code and lie at 0 elsewhere.
# `amount` is of four or eight bytes, of none where each row has 1. Rows of `served` are answered for even by nothing.
ctypedef struct Step:
    int share
    const void* amount
    int64_t width
    const int32_t* code
    const int64_t* above
    const int64_t* below
    const uint8_t* served

# `places` is NULL where every row is picked. Of `told` the parts are each step, no step, capped and not capped: counts of
# rows, and behind them of persons.
ctypedef struct Rows:
    const int64_t* offsets
    const int64_t* places
    const int32_t* left
    const int32_t* quantity
    int32_t* supply
    uint8_t* step
    int64_t* told


cdef inline int64_t amount_at(const Step* step, int64_t row) noexcept nogil:
    if step.width == 4:
        return max((<const int32_t*>step.amount)[row], 0)
    return max((<const int64_t*>step.amount)[row], <int64_t>0) if step.width == 8 else 1


# The quotient of two doubles is at most one too high, as both are exact below 2^53.
cdef inline int64_t quotient(int64_t above, int64_t below) noexcept nogil:
    cdef int64_t whole
    if below <= 1:
        return above if below == 1 else 0
    if above < <int64_t>1 << 53:
        whole = <int64_t>(<double>above / <double>below)
        return whole - (whole * below > above)
    return above / below


cdef inline int64_t lasts(const Step* step, const Rows* rows, int64_t row) noexcept nogil:
    cdef int64_t amount = amount_at(step, row), left = rows.left[row], quantity = rows.quantity[row]
    cdef int64_t number = step.code[row] + 1 if step.code != NULL else 0, all_of_it = max(quantity, -quantity)
    cdef int64_t whole, part
    if step.share == OF_EACH_PACKAGE:
        amount *= left
    whole = quotient(amount * step.above[number], step.below[number])
    if step.share == OF_EACH_PACKAGE or step.share == AS_IT_IS or left == all_of_it:
        return whole
    part = whole * left / max(all_of_it, <int64_t>1)
    if step.share == OF_THE_ROW_IN_DAYS and part < whole:
        part = max(part / DAY, <int64_t>1) * DAY
    return part


# Where the first step has no answer: the step that has one, or their number.
cdef int64_t later_step(
    const Step* steps, int64_t none, const Rows* rows, int64_t row, int64_t* lasting
) noexcept nogil:
    cdef int64_t number = 0
    while number < none:
        lasting[0] = lasts(&steps[number], rows, row)
        if lasting[0] > 0 or (steps[number].served != NULL and steps[number].served[row]):
            break
        number += 1
    return number


# Rows of which nothing is left have no step, and are not told of. Nearly all others are of the first step: they are
# counted by the rest. What does not change is copied, or it would be read anew after whatever is written.
cdef void serve_all(
    const Rows* given, int64_t persons, const Step* steps, int64_t none, int64_t cap
) noexcept nogil:
    cdef Rows rows = given[0]
    cdef Step first = steps[0]
    cdef int64_t person, place, row, number, lasting, part, parts = none + 3
    cdef int64_t waiting = 0, later = 0, unserved = 0, cut = 0
    cdef uint64_t found
    cdef bint is_cut
    for person in range(persons):
        found = 0
        for place in range(rows.offsets[person], rows.offsets[person + 1]):
            row = rows.places[place] if rows.places != NULL else place
            if rows.left[row] <= 0:
                rows.supply[place], rows.step[place] = 0, <uint8_t>(none + 1)
                continue
            waiting += 1
            number, lasting = 0, lasts(&first, &rows, row)
            if lasting <= 0:
                number = later_step(steps, none, given, row, &lasting)
                rows.told[number] += number > 0
                later += number > 0
                unserved += number == none
            is_cut = lasting > cap and number < none
            cut += is_cut
            found |= <uint64_t>1 << number
            found |= <uint64_t>(number < none) << (none + 2 - is_cut)
            rows.supply[place], rows.step[place] = <int32_t>min(lasting, cap), <uint8_t>number
        for part in range(parts):
            rows.told[parts + part] += found >> part & 1
    rows.told[0] += waiting - later
    rows.told[none + 1] += cut
    rows.told[none + 2] += waiting - unserved - cut


cdef Step borrow(tuple given, int64_t rows):
    cdef Step step
    cdef const uint8_t[::1] lent
    cdef const int32_t[::1] code
    cdef const int64_t[::1] above, below
    share, amount, numbers, above, below, served = given
    step.share, step.amount, step.width, step.code, step.served = share, NULL, 0, NULL, NULL
    if above.shape[0] != below.shape[0] or above.shape[0] == 0:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "days_of_supply")
    step.above, step.below = &above[0], &below[0]
    if amount is not None:
        lent = amount.view(np.uint8)
        step.width = amount.itemsize
        if lent.shape[0] != rows * step.width or step.width not in (4, 8):
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "days_of_supply")
        step.amount = &lent[0]
    if numbers is not None:
        code = numbers
        if code.shape[0] != rows:
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "days_of_supply")
        step.code = &code[0]
    if served is not None:
        lent = served
        if lent.shape[0] != rows:
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "days_of_supply")
        step.served = &lent[0]
    return step


def serve_rows(
    const int64_t[::1] offsets,
    const int64_t[::1] places,
    const int32_t[::1] left,
    const int32_t[::1] quantity,
    list steps,
    int32_t[::1] supply,
    uint8_t[::1] step,
    int64_t[:, ::1] told,
    *,
    int32_t cap,
):
    cdef int64_t persons = offsets.shape[0] - 1, picked = supply.shape[0], none = len(steps), number
    cdef Step borrowed[MOST_STEPS]
    cdef Rows rows
    if not (
        left.shape[0] == quantity.shape[0]
        and picked == step.shape[0] == offsets[persons] == (left.shape[0] if places is None else places.shape[0])
        and told.shape[0] == 2
        and told.shape[1] == none + 3
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "days_of_supply")
    if not 1 <= none <= MOST_STEPS:
        raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "steps")
    if picked == 0:
        return
    for number in range(none):
        borrowed[number] = borrow(steps[number], left.shape[0])
    rows.offsets, rows.places = &offsets[0], &places[0] if places is not None else NULL
    rows.left, rows.quantity, rows.supply, rows.step = &left[0], &quantity[0], &supply[0], &step[0]
    rows.told = &told[0, 0]
    with nogil:
        serve_all(&rows, persons, borrowed, none, cap)
