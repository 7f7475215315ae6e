# cython: freethreading_compatible = True
"""Who has a whole day's supply at hand on days of her own, by stocks that start empty some days before each of them.

Supply is counted in 1/64 days. A stock is followed from row to row, in days at home: in hospital it is neither used nor
lost. A drug has a stock of its own, or all share one; a person has few, so the last one looked at is mostly the next.
"""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memset

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_NEGATIVE_VALUE,
    KERNEL_OUT_OF_ORDER,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)
from linkage_core.kernels.person_rows cimport Stays, hold_stays, longest_of

cdef uint8_t COVERED = 1
cdef uint8_t IN_HOSPITAL = 2

# `code` is NULL where all rows share a stock.
ctypedef struct Rows:
    const int64_t* offsets
    const int32_t* day
    const int32_t* code
    const int32_t* supply_64ths

ctypedef struct Rule:
    int32_t lookback_days
    int64_t stock_cap_64ths
    bint carry_over

# Days of persons, the persons of one day side by side, and so are the answers.
ctypedef struct Asked:
    int64_t persons
    int64_t days
    const int32_t* at_day
    const int32_t* exit_day
    uint8_t* covered

# What was left of a stock on the home day `now`.
ctypedef struct Stock:
    int64_t left_64ths
    int32_t now
    int32_t code


# Hospital days before a day are left out. Stays are by day of admission and may overlap.
cdef inline int32_t home_day(const Stays* stays, int64_t person, int32_t day) noexcept nogil:
    cdef int64_t stay
    cdef int32_t home = day, reached = -2147483648
    if stays.offsets == NULL:
        return day
    for stay in range(stays.offsets[person], stays.offsets[person + 1]):
        if stays.admitted[stay] >= day:
            break
        if stays.discharged[stay] > reached:
            home -= min(stays.discharged[stay], day) - min(max(stays.admitted[stay], reached), day)
            reached = stays.discharged[stay]
    return home


cdef inline void use_until(Stock* stock, int32_t then) noexcept nogil:
    stock.left_64ths -= min(stock.left_64ths >> 6, <int64_t>(then - stock.now)) << 6
    stock.now = then


# One of the stocks known; an unknown one is the next, and empty.
cdef inline Stock* stock_of(Stock* stocks, int64_t* known, int32_t code, int32_t now) noexcept nogil:
    cdef int64_t place
    for place in range(known[0]):
        if stocks[place].code == code:
            return stocks + place
    stocks[known[0]].left_64ths, stocks[known[0]].now, stocks[known[0]].code = 0, now, code
    known[0] += 1
    return stocks + known[0] - 1


cdef bint stocks_cover(
    const Rows* rows, const Stays* stays, const Rule* rule, int64_t person, int32_t at_day, Stock* stocks
) noexcept nogil:
    cdef int64_t row = rows.offsets[person], row_end = rows.offsets[person + 1], known = 0, place
    cdef int32_t then, code = 0
    cdef Stock* stock = NULL
    while row < row_end and rows.day[row] < at_day - rule.lookback_days:
        row += 1
    while row < row_end and rows.day[row] <= at_day:
        then = home_day(stays, person, rows.day[row])
        code = rows.code[row] if rows.code != NULL else 0
        if stock == NULL or stock.code != code:
            stock = stock_of(stocks, &known, code, then)
        use_until(stock, then)
        stock.left_64ths = min(stock.left_64ths + rows.supply_64ths[row], rule.stock_cap_64ths)
        row += 1
    then = home_day(stays, person, at_day)
    for place in range(known):
        use_until(stocks + place, then)
        if stocks[place].left_64ths >> 6:
            return True
    return False


# Without a stock each row covers its own whole days; those in hospital are not made up for.
cdef bint rows_cover(
    const Rows* rows, const Stays* stays, const Rule* rule, int64_t person, int32_t at_day
) noexcept nogil:
    cdef int64_t row
    cdef int32_t age
    cdef bint covers = False
    for row in range(rows.offsets[person], rows.offsets[person + 1]):
        age = at_day - rows.day[row]
        covers |= 0 <= age <= rule.lookback_days and age < rows.supply_64ths[row] >> 6
    return covers


cdef KernelResult check_rows(const Rows* rows, int64_t person) noexcept nogil:
    cdef int64_t row, first = rows.offsets[person], last = rows.offsets[person + 1]
    for row in range(first, last):
        if row > first and rows.day[row] < rows.day[row - 1]:
            return kernel_failed(KERNEL_OUT_OF_ORDER, row)
        if rows.supply_64ths[row] < 0:
            return kernel_failed(KERNEL_NEGATIVE_VALUE, row)
    return kernel_ok()


cdef void tell_hospital_days(const Stays* stays, const Asked* asked) noexcept nogil:
    cdef int64_t person, place, stay, cell
    memset(asked.covered, 0, asked.days * asked.persons)
    if stays.offsets == NULL:
        return
    for person in range(asked.persons):
        for stay in range(stays.offsets[person], stays.offsets[person + 1]):
            for place in range(asked.days):
                cell = place * asked.persons + person
                if (
                    stays.admitted[stay] <= asked.at_day[cell] < stays.discharged[stay]
                    and asked.at_day[cell] < asked.exit_day[person]
                ):
                    asked.covered[cell] = IN_HOSPITAL


cdef KernelResult cover_all(
    const int32_t* with_rows,
    int64_t persons_with_rows,
    const Rows* rows,
    const Stays* stays,
    const Rule* rule,
    const Asked* asked,
    Stock* stocks,
) noexcept nogil:
    cdef int64_t number, person, place, cell
    cdef KernelResult result
    tell_hospital_days(stays, asked)
    for number in range(persons_with_rows):
        person = with_rows[number]
        result = check_rows(rows, person)
        if result.status:
            return result
        for place in range(asked.days):
            cell = place * asked.persons + person
            if asked.at_day[cell] >= asked.exit_day[person] or asked.covered[cell] == IN_HOSPITAL:
                continue
            if rule.carry_over:
                asked.covered[cell] = stocks_cover(rows, stays, rule, person, asked.at_day[cell], stocks)
            else:
                asked.covered[cell] = rows_cover(rows, stays, rule, person, asked.at_day[cell])
    return kernel_ok()


def covered_on_days(
    const int32_t[::1] with_rows,
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] code,
    const int32_t[::1] supply_64ths,
    stays,
    const int32_t[:, ::1] at_day,
    const int32_t[::1] exit_day,
    uint8_t[:, ::1] covered,
    *,
    int32_t lookback_days,
    int64_t stock_cap_64ths,
    bint carry_over,
):
    cdef int64_t persons = exit_day.shape[0], days = at_day.shape[0]
    cdef uint8_t[::1] stocks
    cdef Rows rows
    cdef Stays hospital
    cdef Rule rule
    cdef Asked asked
    cdef KernelResult result
    if not (
        offsets.shape[0] == persons + 1
        and at_day.shape[1] == covered.shape[1] == persons
        and covered.shape[0] == days
        and day.shape[0] == supply_64ths.shape[0] == offsets[persons]
        and (code is None or code.shape[0] == day.shape[0])
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if persons == 0 or days == 0:
        return
    held = hold_stays(&hospital, stays, persons)
    rows.offsets = &offsets[0]
    rows.day = &day[0] if day.shape[0] else NULL
    rows.code = &code[0] if code is not None and code.shape[0] else NULL
    rows.supply_64ths = &supply_64ths[0] if day.shape[0] else NULL
    rule.lookback_days, rule.stock_cap_64ths, rule.carry_over = lookback_days, stock_cap_64ths, carry_over
    asked.persons, asked.days, asked.at_day, asked.exit_day = persons, days, &at_day[0, 0], &exit_day[0]
    asked.covered = &covered[0, 0]
    stocks = np.empty((1 + longest_of(&offsets[0], with_rows)) * sizeof(Stock), np.uint8)
    with nogil:
        result = cover_all(
            &with_rows[0] if with_rows.shape[0] else NULL, with_rows.shape[0],
            &rows, &hospital, &rule, &asked, <Stock*>&stocks[0],
        )
    raise_if_failed(result, "days_of_supply")
