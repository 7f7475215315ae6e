# cython: freethreading_compatible = True
"""Days of supply of rows, each by the first step of a supply model that can answer for it, in one pass."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memset

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_RANGE,
    kernel_failed,
    raise_if_failed,
)

# Steps that are mere products and quotients go over some hundred rows at once, as plain loops that wide vectors take: in C
# for the sake of these loops.
cdef extern from *:
    """
    #include <stdint.h>
    #include "wide_vectors.h"

    enum { LINKAGE_ROWS_AT_ONCE = 256 };

    /* What is said of a row beside the number of its step: it was cut at the cap, or it must be looked at by itself. */
    enum { LINKAGE_ROW_IS_CUT = 0x80, LINKAGE_ROW_BY_ITSELF = 0x40 };

    /* (n + 1/2) / d is at least 1 / 2d away from a whole number, and has the whole part of n / d: of n below this the product
     * with the nearest double to 1 / d has it too. */
    #define LINKAGE_EXACT_QUOTIENT 1125899906842624.0

    /* `amount` is NULL where each row has 1. Where packages of a row do not matter one by one (`of_the_row`), rows that lost
     * some are looked at by themselves. `above` is 0 where nothing is told; `share` is 1 by what is below. */
    typedef struct {
        const int32_t *amount, *code;
        const double *above, *share;
        int of_each_package, of_the_row;
    } linkage_plain_step;

    /* Steps from `plain` on, up to `none`, are not among the plain ones. `by_answer` counts rows. */
    typedef struct {
        const linkage_plain_step *steps;
        int64_t plain, none;
        const int32_t *left, *quantity;
        int32_t cap;
        int32_t *supply;
        uint8_t *step;
        int64_t *by_answer;
    } linkage_supply_rows;

    static inline __attribute__((always_inline)) int linkage_products(const int32_t *restrict left,
                                                                      const int32_t *restrict amount,
                                                                      const double *restrict above,
                                                                      const double *restrict share, int64_t count,
                                                                      int has_amount, int of_each_package, int has_code,
                                                                      double *restrict lasts) {
        int64_t too_much = 0;
        for (int64_t i = 0; i < count; i++) {
            /* Not less than 0; where compilers see two ways they take rows one by one. */
            const int32_t of_row = has_amount ? amount[i] & ~(amount[i] >> 31) : 1;
            const int32_t packages = of_each_package ? left[i] & ~(left[i] >> 31) : 1;
            const double whole = (double)of_row * (double)packages * above[has_code ? i : 0];
            too_much |= whole >= LINKAGE_EXACT_QUOTIENT;
            lasts[i] = (whole + 0.5) * share[has_code ? i : 0];
        }
        return too_much != 0;
    }

    /* What some rows last by one step, and less than what the next number would more, and whether it is too much to be
     * told so. `above` and `share` are of each row where there is a code, else of all. */
    LINKAGE_WIDE_VECTORS
    static int linkage_step_lasts(const linkage_plain_step *own, const int32_t *restrict left,
                                  const int32_t *restrict amount, const double *restrict above,
                                  const double *restrict share, int64_t count, double *restrict lasts) {
        #define LINKAGE_PRODUCTS(which)                                                                                  \
            case which:                                                                                                  \
                return linkage_products(left, amount, above, share, count, (which) & 4, (which) & 2, (which) & 1, lasts)
        switch ((own->amount ? 4 : 0) | (own->of_each_package ? 2 : 0) | (own->code ? 1 : 0)) {
            LINKAGE_PRODUCTS(7);
            LINKAGE_PRODUCTS(6);
            LINKAGE_PRODUCTS(5);
            LINKAGE_PRODUCTS(4);
            LINKAGE_PRODUCTS(3);
            LINKAGE_PRODUCTS(2);
            LINKAGE_PRODUCTS(1);
        }
        return linkage_products(left, amount, above, share, count, 0, 0, 0, lasts);
    }

    /* Rows without an answer so far, which last less than nothing, take this one. Whether some are still without one. */
    LINKAGE_WIDE_VECTORS
    static int linkage_take_answers(const double *restrict told, double which, int64_t count, double *restrict step,
                                    double *restrict lasts) {
        int64_t waiting = 0;
        for (int64_t i = 0; i < count; i++) {
            const int64_t takes = (lasts[i] < 0) & (told[i] >= 1);
            step[i] = takes ? which : step[i];
            lasts[i] = takes ? told[i] : lasts[i];
        }
        for (int64_t i = 0; i < count; i++) waiting |= lasts[i] < 0;
        return waiting != 0;
    }

    LINKAGE_WIDE_VECTORS
    static int linkage_begin_rows(const int32_t *restrict left, double none, int64_t count, double *restrict step,
                                  double *restrict lasts) {
        int64_t waiting = 0;
        for (int64_t i = 0; i < count; i++) {
            const double own = left[i];
            step[i] = own > 0 ? none : none + 1;
            lasts[i] = own > 0 ? -1 : 0;
            waiting |= own > 0;
        }
        return waiting != 0;
    }

    LINKAGE_WIDE_VECTORS
    static void linkage_tell_rows(const double *restrict step, const double *restrict lasts, int32_t cap, int64_t count,
                                  int32_t *restrict supply, int32_t *restrict told) {
        const double most = cap, cut = LINKAGE_ROW_IS_CUT;
        for (int64_t i = 0; i < count; i++) {
            const double own = lasts[i] < most ? lasts[i] : most;
            supply[i] = (int32_t)(own > 0 ? own : 0);
        }
        for (int64_t i = 0; i < count; i++) told[i] = (int32_t)(step[i] + (lasts[i] >= most + 1 ? cut : 0));
    }

    LINKAGE_WIDE_VECTORS
    static void linkage_count_answers(const int32_t *told, int64_t count, int32_t none, int64_t *by_answer) {
        for (int32_t answer = 0; answer <= none; answer++) {
            int32_t rows = 0, cut = 0;
            for (int64_t i = 0; i < count; i++) rows += told[i] == answer;
            for (int64_t i = 0; i < count; i++) cut += told[i] == (answer | LINKAGE_ROW_IS_CUT);
            by_answer[answer] += rows;
            by_answer[answer | LINKAGE_ROW_IS_CUT] += cut;
        }
    }

    LINKAGE_WIDE_VECTORS
    static void linkage_write_steps(const int32_t *restrict told, int64_t count, uint8_t *restrict step) {
        for (int64_t i = 0; i < count; i++) step[i] = (uint8_t)told[i];
    }

    /* The first step answers for all rows that something is left of, as it mostly does; else 0. */
    LINKAGE_WIDE_VECTORS
    static int linkage_answer_all(const double *restrict told, const int32_t *restrict left, int32_t cap, int32_t none,
                                  int64_t count, int32_t *restrict supply, uint8_t *restrict step,
                                  int64_t *by_answer) {
        const double most = cap;
        int32_t unanswered = 0, answered = 0, cut = 0;
        for (int64_t i = 0; i < count; i++) {
            const int32_t own = left[i] > 0, lasts = (int32_t)(told[i] < most ? told[i] : most);
            supply[i] = lasts & -own;
            unanswered |= own & (told[i] < 1);
            cut += own & (told[i] >= most + 1);
            answered += own;
        }
        if (unanswered) return 0;
        for (int64_t i = 0; i < count; i++) step[i] = (uint8_t)(left[i] > 0 ? 0 : none + 1);
        if (cut)
            for (int64_t i = 0; i < count; i++)
                step[i] |= (uint8_t)((left[i] > 0) & (told[i] >= most + 1) ? LINKAGE_ROW_IS_CUT : 0);
        by_answer[0] += answered - cut;
        by_answer[LINKAGE_ROW_IS_CUT] += cut;
        return 1;
    }

    /* The rows [first, first + count), at most LINKAGE_ROWS_AT_ONCE of them. Where a step is not plain, and
     * where a product is too large or packages of a row were taken, the rest is asked row by row. `at_once` is whether the
     * first step is to be asked whether it answers for all, and then whether it does. */
    LINKAGE_WIDE_VECTORS
    static void linkage_serve_some(const linkage_supply_rows *rows, int64_t first, int64_t count, int *at_once) {
        int32_t answer[LINKAGE_ROWS_AT_ONCE];
        double step[LINKAGE_ROWS_AT_ONCE];
        double above[LINKAGE_ROWS_AT_ONCE], share[LINKAGE_ROWS_AT_ONCE];
        double told[LINKAGE_ROWS_AT_ONCE], lasts[LINKAGE_ROWS_AT_ONCE];
        const int32_t *left = rows->left + first, *quantity = rows->quantity + first;
        int64_t which = 0;
        int begun = !*at_once, waiting = begun ? linkage_begin_rows(left, (double)rows->none, count, step, lasts) : 1;
        *at_once = 0;
        for (; waiting && which < rows->plain; which++) {
            const linkage_plain_step *own = &rows->steps[which];
            const int32_t *amount = own->amount ? own->amount + first : left;
            if (own->code)
                for (int64_t i = 0; i < count; i++) {
                    const int32_t number = own->code[first + i] + 1;
                    above[i] = own->above[number], share[i] = own->share[number];
                }
            if (own->of_the_row) {
                int32_t lost = 0;
                for (int64_t i = 0; i < count; i++)
                    lost |= (left[i] > 0) & (left[i] != quantity[i]) & (left[i] != -(int64_t)quantity[i]);
                if (lost) break;
            }
            if (linkage_step_lasts(own, left, amount, own->code ? above : own->above, own->code ? share : own->share, count,
                                   told))
                break;
            if (!begun) {
                *at_once = linkage_answer_all(told, left, rows->cap, (int32_t)rows->none, count, rows->supply + first,
                                              rows->step + first, rows->by_answer);
                if (*at_once) return;
                begun = 1;
                linkage_begin_rows(left, (double)rows->none, count, step, lasts);
            }
            waiting = linkage_take_answers(told, (double)which, count, step, lasts);
        }
        if (!begun) waiting = linkage_begin_rows(left, (double)rows->none, count, step, lasts);
        linkage_tell_rows(step, lasts, rows->cap, count, rows->supply + first, answer);
        if (waiting && which < rows->none)
            for (int64_t i = 0; i < count; i++) answer[i] = lasts[i] < 0 ? LINKAGE_ROW_BY_ITSELF : answer[i];
        linkage_write_steps(answer, count, rows->step + first);
        linkage_count_answers(answer, count, (int32_t)rows->none, rows->by_answer);
    }

    static inline void linkage_serve_rows(const linkage_supply_rows *rows, int64_t picked) {
        int64_t asked = 0, failed = 0;
        for (int64_t first = 0; first < picked; first += LINKAGE_ROWS_AT_ONCE) {
            const int64_t count = picked - first < LINKAGE_ROWS_AT_ONCE ? picked - first : LINKAGE_ROWS_AT_ONCE;
            /* Where it has failed for most rows so far it will again. */
            int at_once = 2 * failed <= asked, tried = at_once;
            linkage_serve_some(rows, first, count, &at_once);
            asked += tried, failed += tried & !at_once;
        }
    }
    """
    enum:
        LINKAGE_ROW_IS_CUT
        LINKAGE_ROW_BY_ITSELF
    double LINKAGE_EXACT_QUOTIENT

    ctypedef struct linkage_plain_step:
        const int32_t* amount
        const int32_t* code
        const double* above
        const double* share
        bint of_each_package
        bint of_the_row

    ctypedef struct linkage_supply_rows:
        const linkage_plain_step* steps
        int64_t plain
        int64_t none
        const int32_t* left
        const int32_t* quantity
        int32_t cap
        int32_t* supply
        uint8_t* step
        int64_t* by_answer

    void linkage_serve_rows(const linkage_supply_rows* rows, int64_t picked) noexcept nogil

cdef extern from *:
    """
    /* What is said of any of the answers, as bits, and whether they are all the first one. */
    LINKAGE_WIDE_VECTORS static int linkage_any_answer(const uint8_t *answer, int64_t count, int *alike) {
        uint8_t others = 0, any = 0;
        for (int64_t i = 0; i < count; i++) others |= answer[i] ^ answer[0], any |= answer[i];
        *alike = !others;
        return any;
    }
    """
    int linkage_any_answer(const uint8_t* answer, int64_t count, bint* alike) noexcept nogil

cdef enum:
    DAY = 64
    MOST_STEPS = 60
    # Parts of what is told that are counted in one number, twelve bits each: persons who have some of a thousand rows.
    PARTS_TOGETHER = 5
    BITS_OF_PART = 12
    MOST_NUMBERS = 13
    ROWS_AT_ONCE = 1024

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

# Of `told` the parts are each step, no step, capped and not capped: counts of
# rows, and behind them of persons.
ctypedef struct Rows:
    const int64_t* offsets
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


# The first step that has an answer, or their number.
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


# How persons are counted who have a row of each part: what a row of each answer adds to the numbers that have its parts,
# and of the last person whose rows were gone through, which parts she is known to have.
ctypedef struct Count:
    const int64_t* offsets
    int64_t persons
    int64_t parts
    int64_t numbers
    int64_t last
    uint64_t known[MOST_NUMBERS]
    uint64_t of_answer[MOST_NUMBERS][256]
    int64_t* told


cdef inline void add_part(Count* count, int64_t answer, int64_t part) noexcept nogil:
    count.of_answer[part // PARTS_TOGETHER][answer] |= <uint64_t>1 << (BITS_OF_PART * (part % PARTS_TOGETHER))


cdef void begin_count(Count* count, const Rows* rows, int64_t persons, int64_t none) noexcept nogil:
    cdef int64_t answer
    memset(count, 0, sizeof(Count))
    count.offsets, count.persons, count.parts, count.told = rows.offsets, persons, none + 3, rows.told + none + 3
    count.numbers = (count.parts + PARTS_TOGETHER - 1) // PARTS_TOGETHER
    for answer in range(none):
        add_part(count, answer, answer)
        add_part(count, answer, none + 2)
        add_part(count, answer | LINKAGE_ROW_IS_CUT, answer)
        add_part(count, answer | LINKAGE_ROW_IS_CUT, none + 1)
    add_part(count, none, none)


# 1 in each part that is not 0.
cdef inline uint64_t parts_of(uint64_t rows) noexcept nogil:
    return ((rows + <uint64_t>0x7ff7ff7ff7ff7ff) >> (BITS_OF_PART - 1)) & <uint64_t>0x1001001001001


cdef inline void tell_parts(Count* count, int64_t number, uint64_t found, int64_t times) noexcept nogil:
    cdef int64_t part, first = number * PARTS_TOGETHER
    for part in range(first, min(first + PARTS_TOGETHER, count.parts)):
        count.told[part] += times * <int64_t>(found >> (BITS_OF_PART * (part - first)) & 0xfff)


# Counts the persons of some rows: a person has what is added up at her last row more than before her first.
cdef void count_persons(Count* count, const uint8_t* answer, int64_t row, int64_t rows) noexcept nogil:
    cdef uint64_t before[ROWS_AT_ONCE + 1]
    cdef uint64_t found, known, fresh
    cdef int64_t number, place, person = count.last, begin, end
    for number in range(count.numbers):
        before[0] = 0
        for place in range(rows):
            before[place + 1] = before[place] + count.of_answer[number][answer[place]]
        person, fresh, begin, known = count.last, 0, 0, count.known[number]
        if count.offsets[person + 1] > row:
            begin = min(count.offsets[person + 1] - row, rows)
            fresh = parts_of(before[begin]) & ~known
            known |= fresh
        while person + 1 < count.persons and count.offsets[person + 1] < row + rows:
            person += 1
            end = min(count.offsets[person + 1] - row, rows)
            known = parts_of(before[end] - before[begin])
            fresh += known
            begin = end
        count.known[number] = known
        tell_parts(count, number, fresh, 1)
    count.last = person


# The same of rows that all have the same answer: who has any of them is all there is to know.
cdef void count_alike(Count* count, uint8_t answer, int64_t row, int64_t rows) noexcept nogil:
    cdef int64_t number, person = count.last, others = 0
    cdef bint goes_on = count.offsets[person + 1] > row
    while person + 1 < count.persons and count.offsets[person + 1] < row + rows:
        person += 1
        others += count.offsets[person + 1] > count.offsets[person]
    for number in range(count.numbers):
        if goes_on:
            tell_parts(count, number, count.of_answer[number][answer] & ~count.known[number], 1)
            count.known[number] |= count.of_answer[number][answer]
        tell_parts(count, number, count.of_answer[number][answer], others)
        if person > count.last:
            count.known[number] = count.of_answer[number][answer]
    count.last = person


# Steps that are mere products and quotients answer for many rows at once; what they leave is answered for row by row.
cdef void serve_all(
    const Rows* given, int64_t persons, const Step* steps, int64_t none, int64_t cap, linkage_supply_rows* plain
) noexcept nogil:
    cdef Rows rows = given[0]
    cdef int64_t row = 0, here, place, number, lasting = 0, picked = rows.offsets[persons]
    cdef int64_t by_answer[256]
    cdef Count count
    cdef uint8_t* answer
    cdef int any_answer
    cdef bint alike
    memset(by_answer, 0, sizeof(by_answer))
    plain.by_answer = by_answer
    linkage_serve_rows(plain, picked)
    begin_count(&count, given, persons, none)
    while row < picked:
        here, answer = min(picked - row, <int64_t>ROWS_AT_ONCE), rows.step + row
        any_answer = linkage_any_answer(answer, here, &alike)
        if any_answer & LINKAGE_ROW_BY_ITSELF:
            for place in range(here):
                if answer[place] == LINKAGE_ROW_BY_ITSELF:
                    number = later_step(steps, none, given, row + place, &lasting)
                    rows.supply[row + place] = <int32_t>min(lasting, cap)
                    answer[place] = <uint8_t>(number | (LINKAGE_ROW_IS_CUT if lasting > cap and number < none else 0))
                    by_answer[answer[place]] += 1
            any_answer = linkage_any_answer(answer, here, &alike)
        if alike:
            count_alike(&count, answer[0], row, here)
        else:
            count_persons(&count, answer, row, here)
        if any_answer & LINKAGE_ROW_IS_CUT:
            for place in range(here):
                answer[place] &= 0xff - LINKAGE_ROW_IS_CUT
        row += here
    rows.told[none] += by_answer[none]
    for number in range(none):
        rows.told[number] += by_answer[number] + by_answer[number | LINKAGE_ROW_IS_CUT]
        rows.told[none + 1] += by_answer[number | LINKAGE_ROW_IS_CUT]
        rows.told[none + 2] += by_answer[number]


cdef class PlainSteps:
    """The first steps of a model, as long as they are mere products and quotients, with their tables as doubles."""
    cdef linkage_plain_step steps[MOST_STEPS]
    cdef int64_t count
    cdef list tables

    def __cinit__(self, list given):
        cdef double[::1] above, shares
        cdef const int32_t[::1] amounts, code
        self.count, self.tables = 0, []
        for share, amount, numbers, up, down, served in given:
            if served is not None or (amount is not None and amount.itemsize != 4):
                break
            above_each, below_each = np.where(down > 0, up, 0).astype(np.float64), np.maximum(down, 1).astype(np.float64)
            if max(above_each.max(), below_each.max()) >= LINKAGE_EXACT_QUOTIENT:
                break
            above, shares = tables = above_each, 1 / below_each
            self.tables.append(tables)
            self.steps[self.count].above, self.steps[self.count].share = &above[0], &shares[0]
            self.steps[self.count].amount = self.steps[self.count].code = NULL
            if amount is not None:
                amounts = amount
                self.steps[self.count].amount = &amounts[0]
            if numbers is not None:
                code = numbers
                self.steps[self.count].code = &code[0]
            self.steps[self.count].of_each_package = share == OF_EACH_PACKAGE
            self.steps[self.count].of_the_row = share in (OF_THE_ROW, OF_THE_ROW_IN_DAYS)
            self.count += 1


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
    cdef linkage_supply_rows plain
    cdef PlainSteps together
    if not (
        left.shape[0] == quantity.shape[0]
        and picked == step.shape[0] == offsets[persons] == left.shape[0]
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
    together = PlainSteps(steps)
    rows.offsets = &offsets[0]
    rows.left, rows.quantity, rows.supply, rows.step = &left[0], &quantity[0], &supply[0], &step[0]
    rows.told = &told[0, 0]
    plain.steps, plain.plain, plain.none = together.steps, together.count, none
    plain.left, plain.quantity, plain.cap, plain.supply, plain.step = rows.left, rows.quantity, cap, rows.supply, rows.step
    with nogil:
        serve_all(&rows, persons, borrowed, none, cap, &plain)
