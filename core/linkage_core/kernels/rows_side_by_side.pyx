# cython: freethreading_compatible = True
"""Lays the rows of eight persons side by side, for kernels that ask eight persons at once.

Persons of a block have about as many rows and drugs, so that few lanes wait for others: some thousand neighbours are put
in order at a time, while their rows are near. The twin is tests/reference/side_by_side.py.
"""

from libc.stdint cimport int32_t, int64_t
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

cdef extern from * nogil:
    """
    #include "side_by_side.h"

    /* Rows of persons so many places ahead are fetched: neighbours in a block lie apart. */
    enum { LINKAGE_PERSONS_AHEAD = 32 };

    /* `rows` is how many the column has. */
    typedef struct {
        const int64_t *offsets, *block_at;
        const int32_t *person, *column;
        int64_t blocks, rows;
        int32_t of_no_row;
        int32_t *laid;
    } linkage_laying;

    /* Row by row, where what lies behind a person's rows is not the column's any more. */
    static inline int32_t linkage_lay_lane(const linkage_laying *it, const int32_t *own, int64_t rows, int64_t most,
                                           int32_t *into) {
        int32_t signs = 0;
        for (int64_t row = 0; row < rows; row++) signs |= own[row], into[row * LINKAGE_LANES] = own[row];
        for (int64_t row = rows; row < most; row++) into[row * LINKAGE_LANES] = it->of_no_row;
        return signs;
    }

    /* A person's rows lie eight apart, eight rows of eight persons are turned at a time; what is left of her lane is filled
     * up. Returns whether a row is negative. */
    LINKAGE_WIDE_VECTORS static int linkage_lay_blocks(const linkage_laying *it) {
        const linkage_lanes none = {0}, of_no_row = none + it->of_no_row;
        const int64_t last = it->blocks * LINKAGE_LANES - 1;
        linkage_lanes signs = none;
        int32_t any = 0;
        for (int64_t block = 0; block < it->blocks; block++) {
            const int64_t most = it->block_at[block + 1] - it->block_at[block];
            linkage_lanes *into = (linkage_lanes *)it->laid + it->block_at[block], rows, turned[LINKAGE_LANES];
            const int32_t *own[LINKAGE_LANES];
            int64_t reached = 0;
            for (int64_t lane = 0; lane < LINKAGE_LANES; lane++) {
                const int64_t place = block * LINKAGE_LANES + lane, ahead = place + LINKAGE_PERSONS_AHEAD;
                const int64_t *at = it->offsets + it->person[place];
                LINKAGE_FETCH_LINES(it->column + it->offsets[it->person[ahead < last ? ahead : last]]);
                own[lane] = it->column + at[0], rows[lane] = (int32_t)(at[1] - at[0]);
                reached = at[0] > reached ? at[0] : reached;
            }
            if (reached + most + LINKAGE_LANES > it->rows) {
                for (int64_t lane = 0; lane < LINKAGE_LANES; lane++)
                    any |= linkage_lay_lane(it, own[lane], rows[lane], most, (int32_t *)into + lane);
                continue;
            }
            for (int64_t row = 0; row < most; row += LINKAGE_LANES) {
                const int32_t from[LINKAGE_LANES] = {[0 ... LINKAGE_LANES - 1] = (int32_t)row};
                const int64_t some = most - row < LINKAGE_LANES ? most - row : LINKAGE_LANES;
                linkage_turn(own, from, turned);
                for (int64_t number = 0; number < some; number++) {
                    const linkage_lanes has = rows > (int32_t)(row + number);
                    signs |= turned[number] & has;
                    into[row + number] = LINKAGE_EITHER(has, turned[number], of_no_row);
                }
            }
        }
        for (int64_t lane = 0; lane < LINKAGE_LANES; lane++) any |= signs[lane];
        return any < 0;
    }
    """
    enum:
        LINKAGE_LANES

    ctypedef struct linkage_laying:
        const int64_t* offsets
        const int64_t* block_at
        const int32_t* person
        const int32_t* column
        int64_t blocks
        int64_t rows
        int32_t of_no_row
        int32_t* laid

    bint linkage_lay_blocks(const linkage_laying* laying)

cdef enum:
    NEIGHBOURS = 4096
    # Persons are put in order by this many drugs and rows, and by nothing beyond.
    MOST_DRUGS = 8
    MOST_ROWS = 128

SIDE = LINKAGE_LANES


# Numbers a person's drugs as they come, and tells how many there are and whether her rows are by day. She has few drugs:
# the first four are told apart without a guess of the processor's.
cdef inline bint number_drugs(
    const int32_t* day, const int32_t* code, int64_t rows, int32_t* number, int32_t* known, int32_t* drugs
) noexcept nogil:
    cdef int64_t row
    cdef int32_t found, now, before = day[0], none = -2147483648
    cdef int32_t first = none, second = none, third = none, fourth = none
    cdef bint by_day = True
    drugs[0] = 0
    for row in range(rows):
        by_day &= day[row] >= before
        before, now = day[row], code[row]
        found = (now != first) * (1 + (now != second) * (1 + (now != third) * (1 + (now != fourth))))
        if found >= 4:
            found = 0
            while found < drugs[0] and known[found] != now:
                found += 1
            if found == drugs[0]:
                known[found] = now
                drugs[0] += 1
                first = now if found == 0 else first
                second = now if found == 1 else second
                third = now if found == 2 else third
                fourth = now if found == 3 else fourth
        number[row] = found
    return by_day


cdef int64_t first_before_its_day(const int32_t* day, int64_t row) noexcept nogil:
    while day[row + 1] >= day[row]:
        row += 1
    return row + 1


cdef KernelResult number_all(
    const int32_t* with_rows,
    int64_t persons,
    const int64_t* offsets,
    const int32_t* day,
    const int32_t* code,
    int32_t* number,
    int32_t* drugs,
    int32_t* known,
) noexcept nogil:
    cdef int64_t place, first, rows
    for place in range(persons):
        first = offsets[with_rows[place]]
        rows = offsets[with_rows[place] + 1] - first
        if not number_drugs(day + first, code + first, rows, number + first, known, drugs + place):
            return kernel_failed(KERNEL_OUT_OF_ORDER, first_before_its_day(day, first))
    return kernel_ok()


cdef inline int64_t key_of(int64_t rows, int32_t drugs) noexcept nogil:
    return min(drugs, <int32_t>MOST_DRUGS - 1) * MOST_ROWS + min(rows, <int64_t>MOST_ROWS - 1)


# Persons by drugs and rows, those of one key in their own order.
cdef void order_neighbours(
    const int32_t* with_rows, const int32_t* drugs, int64_t persons, const int64_t* offsets, int32_t* ordered
) noexcept nogil:
    cdef int32_t after[MOST_DRUGS * MOST_ROWS + 1]
    cdef int64_t place, key
    memset(after, 0, sizeof(after))
    for place in range(persons):
        key = key_of(offsets[with_rows[place] + 1] - offsets[with_rows[place]], drugs[place])
        after[key + 1] += 1
    for key in range(MOST_DRUGS * MOST_ROWS):
        after[key + 1] += after[key]
    for place in range(persons):
        key = key_of(offsets[with_rows[place] + 1] - offsets[with_rows[place]], drugs[place])
        ordered[after[key]] = <int32_t>place
        after[key] += 1


cdef void make_blocks(
    const int32_t* with_rows,
    const int32_t* drugs,
    int64_t persons,
    const int64_t* offsets,
    int32_t* person,
    int32_t* drugs_of_block,
    int64_t* block_at,
) noexcept nogil:
    cdef int32_t ordered[NEIGHBOURS]
    cdef int64_t first, place, some, block
    cdef int64_t rows
    block_at[0] = 0
    for first in range((persons + NEIGHBOURS - 1) // NEIGHBOURS):
        some = min(persons - first * NEIGHBOURS, <int64_t>NEIGHBOURS)
        order_neighbours(with_rows + first * NEIGHBOURS, drugs + first * NEIGHBOURS, some, offsets, ordered)
        rows = 0
        for place in range(first * NEIGHBOURS, first * NEIGHBOURS + some):
            block = place // LINKAGE_LANES
            if place % LINKAGE_LANES == 0:
                drugs_of_block[block] = 1
                rows = 0
            person[place] = with_rows[first * NEIGHBOURS + ordered[place - first * NEIGHBOURS]]
            drugs_of_block[block] = max(drugs_of_block[block], drugs[first * NEIGHBOURS + ordered[place - first * NEIGHBOURS]])
            rows = max(rows, offsets[person[place] + 1] - offsets[person[place]])
            block_at[block + 1] = block_at[block] + rows
    for place in range(persons, (persons + LINKAGE_LANES - 1) // LINKAGE_LANES * LINKAGE_LANES):
        person[place] = person[persons - 1]


def order_persons(
    const int32_t[::1] with_rows,
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] code,
    int32_t[::1] number,
    int32_t[::1] room,
    int32_t[::1] person,
    int32_t[::1] drugs,
    int64_t[::1] block_at,
):
    cdef int64_t persons = with_rows.shape[0], blocks = (persons + LINKAGE_LANES - 1) // LINKAGE_LANES
    cdef KernelResult result
    if not (
        day.shape[0] == code.shape[0] == number.shape[0] == offsets[offsets.shape[0] - 1]
        and room.shape[0] == persons + day.shape[0]
        and person.shape[0] == blocks * LINKAGE_LANES
        and drugs.shape[0] == blocks
        and block_at.shape[0] == blocks + 1
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    block_at[0] = 0
    if day.shape[0] == 0 or persons == 0:
        return
    with nogil:
        result = number_all(
            &with_rows[0], persons, &offsets[0], &day[0], &code[0], &number[0], &room[0], &room[persons]
        )
        if result.status == 0:
            make_blocks(&with_rows[0], &room[0], persons, &offsets[0], &person[0], &drugs[0], &block_at[0])
    raise_if_failed(result, "days_of_supply")


def lay_column(
    const int64_t[::1] offsets,
    const int32_t[::1] person,
    const int64_t[::1] block_at,
    const int32_t[::1] column,
    int32_t[::1] laid,
    *,
    int32_t of_no_row,
    bint may_be_negative,
):
    cdef int64_t row
    cdef bint negative
    cdef linkage_laying laying
    laying.blocks, laying.rows, laying.of_no_row = block_at.shape[0] - 1, column.shape[0], of_no_row
    if not (
        laying.rows == offsets[offsets.shape[0] - 1]
        and person.shape[0] == laying.blocks * LINKAGE_LANES
        and laid.shape[0] == block_at[laying.blocks] * LINKAGE_LANES
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if laid.shape[0] == 0:
        return
    laying.offsets, laying.person, laying.block_at = &offsets[0], &person[0], &block_at[0]
    laying.column, laying.laid = &column[0], &laid[0]
    with nogil:
        negative = linkage_lay_blocks(&laying)
    if negative and not may_be_negative:
        for row in range(column.shape[0]):
            if column[row] < 0:
                raise_if_failed(kernel_failed(KERNEL_NEGATIVE_VALUE, row), "days_of_supply")
