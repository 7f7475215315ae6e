"""Fetches rows of a segment's narrow column and widens them on the way.

Rows come either as runs, each row of a person, or as a list, those that a filter kept. What is fetched is asked for
some rows ahead, and runs are copied by vector instructions (`copy_runs.h`).
"""

import numpy as np

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t

cdef extern from "copy_runs.h":
    ctypedef struct Runs:
        const uint32_t* starts
        const uint32_t* counts
        int64_t runs
        int64_t length

    void LINKAGE_FETCH(const void* address) noexcept nogil
    bint copy_runs(
        const void* values, size_t width, bint is_signed, const Runs* of, int64_t base, void* out, bint wide,
        int64_t room, int64_t* most
    ) noexcept nogil

cdef enum:
    ROWS_AHEAD = 256

ctypedef fused Source:
    uint8_t
    int8_t
    uint16_t
    int16_t
    uint32_t
    int32_t
    int64_t

ctypedef fused Target:
    int32_t
    int64_t


cdef int64_t copy_listed(
    const Source* values, Target base, const uint32_t* rows, int64_t listed, Target* out
) noexcept nogil:
    cdef int64_t place
    cdef Source most = 0
    for place in range(listed):
        if place + ROWS_AHEAD < listed:
            LINKAGE_FETCH(values + rows[place + ROWS_AHEAD])
        out[place] = base + <Target>values[rows[place]]
        most = max(most, values[rows[place]])
    return <int64_t>most


# A code that is not in the table reads as its last entry and is reported: a damaged segment must not lead outside it.
cdef bint look_up(
    const int32_t* codes, int64_t rows, const int32_t* table, uint32_t texts, int32_t* out
) noexcept nogil:
    cdef int64_t row
    cdef uint32_t most = 0
    for row in range(rows):
        most = max(most, <uint32_t>codes[row])
        out[row] = table[min(<uint32_t>codes[row], texts)]
    return most < texts


cdef void fill_listed(
    const uint8_t* validity, int64_t first_bit, const uint32_t* rows, int64_t listed, uint8_t* out
) noexcept nogil:
    cdef int64_t place, bit
    for place in range(listed):
        bit = first_bit + rows[place]
        out[place] = (validity[bit >> 3] >> (bit & 7)) & 1


cdef bint rows_fit(const uint32_t* rows, int64_t listed, int64_t length) noexcept nogil:
    cdef int64_t place
    cdef uint32_t most = 0
    for place in range(listed):
        most = max(most, rows[place])
    return most < length


cdef int check_listed(const uint32_t[::1] rows, int64_t length, int64_t room) except -1:
    cdef bint fits = rows.shape[0] == room
    if fits and room:
        with nogil:
            fits = rows_fit(&rows[0], room, length)
    if not fits:
        raise ValueError("listed rows lie inside the column, and the output has room for exactly them")
    return 0


def gather_runs(
    const Source[::1] values, int64_t base, const uint32_t[::1] starts, const uint32_t[::1] counts, Target[::1] out
):
    """Write `base` plus the values of each run into `out`, which has room for exactly them.

    Returns a number that none of the values is above before `base` is added: the largest of them, of rows near, and 0.
    """
    cdef Runs runs = Runs(NULL, NULL, starts.shape[0], values.shape[0])
    cdef int64_t most = 0
    cdef bint fits = starts.shape[0] == counts.shape[0]
    if starts.shape[0] and fits and out.shape[0]:
        runs.starts, runs.counts = &starts[0], &counts[0]
        with nogil:
            fits = copy_runs(
                &values[0], sizeof(Source), <Source>-1 < <Source>1, &runs, base, &out[0], sizeof(Target) == 8,
                out.shape[0], &most
            )
    elif out.shape[0] or np.asarray(counts).any():
        fits = False
    if not fits:
        raise ValueError("runs lie inside the column, and the output has room for exactly their rows")
    return most


def gather_listed(const Source[::1] values, int64_t base, const uint32_t[::1] rows, Target[::1] out):
    """Write `base` plus the values of the listed rows into `out`, one each; returns the largest of the values and 0."""
    check_listed(rows, values.shape[0], out.shape[0])
    cdef int64_t most = 0
    if out.shape[0]:
        with nogil:
            most = copy_listed(&values[0], <Target>base, &rows[0], rows.shape[0], &out[0])
    return most


def renumber(const int32_t[::1] codes, const int32_t[::1] table, int32_t[::1] out):
    """Write `table[code]` for each code, and say whether every code was possible; `out` may be the codes.

    The table has one entry a text, and one more that impossible codes read as.
    """
    cdef bint possible = True
    if out.shape[0] != codes.shape[0]:
        raise ValueError("the output is not as long as the codes")
    if codes.shape[0]:
        with nogil:
            possible = look_up(&codes[0], codes.shape[0], &table[0], table.shape[0] - 1, &out[0])
    return bool(possible)


def gather_validity(const uint8_t[::1] validity, int64_t first_bit, const uint32_t[::1] rows, uint8_t[::1] out):
    """Write 1 for each listed row that has a value, else 0; `validity` is Arrow's bits, row 0 at `first_bit`."""
    check_listed(rows, validity.shape[0] * 8 - first_bit, out.shape[0])
    if out.shape[0]:
        with nogil:
            fill_listed(&validity[0], first_bit, &rows[0], rows.shape[0], &out[0])
