# cython: freethreading_compatible = True
"""Rows of several groups of codes, picked together with whatever is told of each row: columns are read once.

A first pass counts each person's rows of each group, so that there is room for exactly the picked ones; a second one lists
them, some thousand rows at a time while these are near, and fetches what is told of them.
"""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_RANGE,
    kernel_failed,
    raise_if_failed,
)

cdef extern from *:
    """
    #include <stdint.h>

    enum { LINKAGE_MOST_GROUPS = 8, LINKAGE_MOST_COLUMNS = 16, LINKAGE_ROWS_AT_ONCE = 2048, LINKAGE_ROWS_AHEAD = 256 };

    /* `groups_of_code` has a bit for each group, first that of a row without a code, whose code is -1. What is picked
     * lies group by group, with room for so many rows of each; places are NULL where nobody asks for them. */
    typedef struct {
        const int64_t *offsets;
        const int32_t *code;
        const uint32_t *groups_of_code;
        int64_t persons, groups, columns;
        int64_t room[LINKAGE_MOST_GROUPS];
        const int32_t *column[LINKAGE_MOST_COLUMNS];
        int32_t *picked[LINKAGE_MOST_GROUPS][LINKAGE_MOST_COLUMNS];
        int64_t *places[LINKAGE_MOST_GROUPS];
    } linkage_picking;

    /* Which row is picked, a processor guesses in vain: each is listed, to be written over where it is not. */
    static int64_t linkage_list_one_by_one(const uint32_t *groups, int64_t rows, int64_t group, uint32_t *listed) {
        int64_t here = 0;
        for (int64_t row = 0; row < rows; row++) {
            listed[here] = (uint32_t)row;
            here += groups[row] >> group & 1;
        }
        return here;
    }

    #if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
    #include <immintrin.h>

    static int linkage_packs_rows(void) {
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("popcnt");
    }

    /* What stands behind the last row of a vector is written over by the next; groups have a vector to spare. */
    __attribute__((target("avx512f,popcnt")))
    static int64_t linkage_list_packed(const uint32_t *groups, int64_t rows, int64_t group, uint32_t *listed) {
        const __m512i own = _mm512_set1_epi32(1 << group), sixteen = _mm512_set1_epi32(16);
        __m512i numbers = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        int64_t here = 0;
        for (int64_t row = 0; row < rows; row += 16) {
            const __mmask16 bits = _mm512_test_epi32_mask(_mm512_loadu_si512(groups + row), own);
            _mm512_storeu_si512(listed + here, _mm512_maskz_compress_epi32(bits, numbers));
            numbers = _mm512_add_epi32(numbers, sixteen);
            here += _mm_popcnt_u32(bits);
        }
        return here;
    }
    #else
    static int linkage_packs_rows(void) { return 0; }
    #define linkage_list_packed linkage_list_one_by_one
    #endif

    /* Lines that are to be written are asked for ahead, as a processor that writes in order would wait for each. */
    static inline void linkage_copy_listed(const int32_t *column, const uint32_t *listed, int64_t count, int32_t *own) {
        int64_t i = 0;
        for (; i + 16 <= count; i += 16) {
            __builtin_prefetch(own + i + LINKAGE_ROWS_AHEAD, 1);
            for (int64_t one = i; one < i + 16; one++) own[one] = column[listed[one]];
        }
        for (; i < count; i++) own[i] = column[listed[i]];
    }

    /* Some thousand rows column by column, so that these are near for every group, and group by group, so that one place
     * is written at a time. */
    static int linkage_pick(const linkage_picking *rows) {
        const int64_t length = rows->offsets[rows->persons];
        const int packs = linkage_packs_rows();
        int64_t here[LINKAGE_MOST_GROUPS] = {0}, picked[LINKAGE_MOST_GROUPS];
        uint32_t groups[LINKAGE_ROWS_AT_ONCE + 16], listed[LINKAGE_MOST_GROUPS][LINKAGE_ROWS_AT_ONCE + 16];
        for (int64_t row = 0; row < length; row += LINKAGE_ROWS_AT_ONCE) {
            const int64_t some = length - row < LINKAGE_ROWS_AT_ONCE ? length - row : LINKAGE_ROWS_AT_ONCE;
            for (int64_t i = 0; i < some; i++) groups[i] = rows->groups_of_code[rows->code[row + i] + 1];
            for (int64_t i = some; i < some + 16; i++) groups[i] = 0;
            for (int64_t group = 0; group < rows->groups; group++) {
                picked[group] = packs ? linkage_list_packed(groups, some, group, listed[group])
                                      : linkage_list_one_by_one(groups, some, group, listed[group]);
                if (here[group] + picked[group] > rows->room[group]) return 0;
                if (!rows->places[group]) continue;
                int64_t *places = rows->places[group] + here[group];
                for (int64_t i = 0; i < picked[group]; i++) places[i] = row + listed[group][i];
            }
            for (int64_t number = 0; number < rows->columns; number++) {
                const int32_t *column = rows->column[number] + row;
                for (int64_t group = 0; group < rows->groups; group++) {
                    if (!rows->picked[group][number]) continue;
                    int32_t *own = rows->picked[group][number] + here[group];
                    linkage_copy_listed(column, listed[group], picked[group], own);
                }
            }
            for (int64_t group = 0; group < rows->groups; group++) here[group] += picked[group];
        }
        return 1;
    }
    """
    enum:
        LINKAGE_MOST_GROUPS
        LINKAGE_MOST_COLUMNS

    ctypedef struct linkage_picking:
        const int64_t* offsets
        const int32_t* code
        const uint32_t* groups_of_code
        int64_t persons
        int64_t groups
        int64_t columns
        int64_t room[8]
        const int32_t* column[16]
        int32_t* picked[8][16]
        int64_t* places[8]

    bint linkage_pick(const linkage_picking* rows) noexcept nogil

MOST_GROUPS = LINKAGE_MOST_GROUPS
MOST_COLUMNS = LINKAGE_MOST_COLUMNS


# Counts of eight groups lie side by side in one word: a byte each, for as many rows as a byte counts.
cdef void count_all(
    const int64_t* offsets, const int32_t* code, const uint64_t* count_of_code, int64_t persons, int64_t groups,
    int64_t* picked, int32_t* with_rows, uint8_t* without_rows, int64_t* having
) noexcept nogil:
    cdef int64_t person, row, until, group
    cdef int64_t rows[LINKAGE_MOST_GROUPS]
    cdef int64_t before
    cdef uint64_t counts
    for group in range(groups):
        rows[group], having[group], picked[group * (persons + 1)] = 0, 0, 0
    for person in range(persons):
        row = offsets[person]
        for group in range(groups):
            without_rows[group * persons + person] = 1
        while row < offsets[person + 1]:
            until, counts = min(offsets[person + 1], row + 255), 0
            while row < until:
                counts += count_of_code[code[row] + 1]
                row += 1
            for group in range(groups):
                rows[group] += counts >> (8 * group) & 255
        for group in range(groups):
            before = picked[group * (persons + 1) + person]
            picked[group * (persons + 1) + person + 1] = rows[group]
            with_rows[group * persons + having[group]] = <int32_t>person
            without_rows[group * persons + person] = rows[group] == before
            having[group] += rows[group] > before


cdef int check(const int64_t[::1] offsets, const int32_t[::1] code, const uint32_t[::1] groups_of_code, int64_t groups) except -1:
    cdef int64_t number
    if code.shape[0] != offsets[offsets.shape[0] - 1]:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "atc")
    if not 1 <= groups <= LINKAGE_MOST_GROUPS:
        raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "groups")
    for number in range(groups_of_code.shape[0]):
        if groups_of_code[number] >> groups:
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, number), "groups")
    return 0


def count_rows(
    const int64_t[::1] offsets,
    const int32_t[::1] code,
    const uint32_t[::1] groups_of_code,
    int64_t[:, ::1] picked_offsets,
    int32_t[:, ::1] with_rows,
    uint8_t[:, ::1] without_rows,
):
    cdef int64_t persons = offsets.shape[0] - 1, groups = picked_offsets.shape[0], number, group
    cdef int64_t having[LINKAGE_MOST_GROUPS]
    cdef uint64_t[::1] count_of_code = np.zeros(groups_of_code.shape[0], np.uint64)
    check(offsets, code, groups_of_code, groups)
    if not (
        picked_offsets.shape[1] == persons + 1
        and with_rows.shape[0] == without_rows.shape[0] == groups
        and with_rows.shape[1] == without_rows.shape[1] == persons
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "atc")
    for number in range(groups_of_code.shape[0]):
        for group in range(groups):
            count_of_code[number] |= <uint64_t>(groups_of_code[number] >> group & 1) << (8 * group)
    if persons == 0:
        picked_offsets[:] = 0
        return [0] * groups
    with nogil:
        count_all(
            &offsets[0], &code[0] if code.shape[0] else NULL, &count_of_code[0], persons, groups, &picked_offsets[0, 0],
            &with_rows[0, 0], &without_rows[0, 0], having,
        )
    return [having[group] for group in range(groups)]


def pick_rows(
    const int64_t[::1] offsets,
    const int32_t[::1] code,
    const uint32_t[::1] groups_of_code,
    list columns,
    list room,
    list places,
    list picked,
):
    cdef int64_t groups = len(places), length = code.shape[0], group, number
    cdef const int32_t[::1] column
    cdef int32_t[::1] own
    cdef int64_t[::1] own_places
    cdef linkage_picking rows
    cdef bint fits
    check(offsets, code, groups_of_code, groups)
    if len(columns) > LINKAGE_MOST_COLUMNS:
        raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "columns")
    if length == 0:
        return
    rows.offsets, rows.code, rows.groups_of_code = &offsets[0], &code[0], &groups_of_code[0]
    rows.persons, rows.groups, rows.columns = offsets.shape[0] - 1, groups, len(columns)
    for number in range(rows.columns):
        column = columns[number]
        if column.shape[0] != length:
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "atc")
        rows.column[number] = &column[0]
    for group in range(groups):
        own_places = places[group]
        rows.room[group], rows.places[group] = room[group], NULL
        if len(picked[group]) != rows.columns or (own_places is not None and own_places.shape[0] != rows.room[group]):
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "atc")
        if own_places is not None and rows.room[group]:
            rows.places[group] = &own_places[0]
        for number in range(rows.columns):
            rows.picked[group][number] = NULL
            if picked[group][number] is None or rows.room[group] == 0:
                continue
            own = picked[group][number]
            if own.shape[0] != rows.room[group]:
                raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "atc")
            rows.picked[group][number] = &own[0]
    with nogil:
        fits = linkage_pick(&rows)
    if not fits:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "atc")
