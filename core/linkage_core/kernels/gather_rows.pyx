"""Fetches rows of a segment's narrow column and widens them on the way.

Rows come either as runs, each row of a person, or as a list, those that a filter kept. A run is fetched with two
prefetches, some persons ahead, and copied by vector instructions; neighbouring runs are one.
"""

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t

cdef extern from *:
    """
    #define LINKAGE_PREFETCH(address) __builtin_prefetch((address), 0, 3)
    """
    void LINKAGE_PREFETCH(const void* address) noexcept nogil

cdef enum:
    RUNS_AHEAD = 32
    ROWS_AHEAD = 64

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

cdef inline void fetch_run(
    const Source* values, const uint32_t* starts, const uint32_t* counts, int64_t run, int64_t runs
) noexcept nogil:
    if run + RUNS_AHEAD < runs and counts[run + RUNS_AHEAD]:
        LINKAGE_PREFETCH(values + starts[run + RUNS_AHEAD])
        LINKAGE_PREFETCH(values + starts[run + RUNS_AHEAD] + counts[run + RUNS_AHEAD] - 1)


cdef void copy_runs(
    const Source* values, Target base, const uint32_t* starts, const uint32_t* counts, int64_t runs, Target* out
) noexcept nogil:
    cdef int64_t run = 0, row, length
    cdef const Source* first
    while run < runs:
        fetch_run(values, starts, counts, run, runs)
        first = values + starts[run]
        length = counts[run]
        run += 1
        while run < runs and starts[run] == starts[run - 1] + counts[run - 1]:
            length += counts[run]
            run += 1
        for row in range(length):
            out[row] = base + <Target>first[row]
        out += length


cdef void copy_listed(
    const Source* values, Target base, const uint32_t* rows, int64_t listed, Target* out
) noexcept nogil:
    cdef int64_t place
    for place in range(listed):
        if place + ROWS_AHEAD < listed:
            LINKAGE_PREFETCH(values + rows[place + ROWS_AHEAD])
        out[place] = base + <Target>values[rows[place]]


# A code that is not in the table reads as its last entry and is reported: a damaged segment must not lead outside it.
cdef bint look_up(int32_t* codes, int64_t rows, const int32_t* table, uint32_t texts) noexcept nogil:
    cdef int64_t row
    cdef uint32_t most = 0
    for row in range(rows):
        most = max(most, <uint32_t>codes[row])
        codes[row] = table[min(<uint32_t>codes[row], texts)]
    return most < texts


cdef void fill_listed(
    const uint8_t* validity, int64_t first_bit, const uint32_t* rows, int64_t listed, uint8_t* out
) noexcept nogil:
    cdef int64_t place, bit
    for place in range(listed):
        bit = first_bit + rows[place]
        out[place] = (validity[bit >> 3] >> (bit & 7)) & 1


cdef bint runs_fit(const uint32_t* starts, const uint32_t* counts, int64_t runs, int64_t length, int64_t room) noexcept nogil:
    cdef int64_t run, rows = 0, end = 0
    for run in range(runs):
        rows += counts[run]
        end = max(end, <int64_t>starts[run] + counts[run])
    return rows == room and end <= length


cdef bint rows_fit(const uint32_t* rows, int64_t listed, int64_t length) noexcept nogil:
    cdef int64_t place
    cdef uint32_t most = 0
    for place in range(listed):
        most = max(most, rows[place])
    return most < length


cdef int check_runs(const uint32_t[::1] starts, const uint32_t[::1] counts, int64_t length, int64_t room) except -1:
    cdef bint fits = starts.shape[0] == counts.shape[0]
    if fits and starts.shape[0]:
        with nogil:
            fits = runs_fit(&starts[0], &counts[0], starts.shape[0], length, room)
    if not fits or (starts.shape[0] == 0 and room):
        raise ValueError("runs lie inside the column, and the output has room for exactly their rows")
    return 0


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
    """Write `base` plus the values of each run into `out`, which has room for exactly them."""
    check_runs(starts, counts, values.shape[0], out.shape[0])
    if out.shape[0]:
        with nogil:
            copy_runs(&values[0], <Target>base, &starts[0], &counts[0], starts.shape[0], &out[0])


def gather_listed(const Source[::1] values, int64_t base, const uint32_t[::1] rows, Target[::1] out):
    """Write `base` plus the values of the listed rows into `out`, one each."""
    check_listed(rows, values.shape[0], out.shape[0])
    if out.shape[0]:
        with nogil:
            copy_listed(&values[0], <Target>base, &rows[0], rows.shape[0], &out[0])


def renumber(int32_t[::1] codes, const int32_t[::1] table):
    """Replace each code by `table[code]`, and say whether every code was possible.

    The table has one entry a text, and one more that impossible codes read as.
    """
    cdef bint possible = True
    if codes.shape[0]:
        with nogil:
            possible = look_up(&codes[0], codes.shape[0], &table[0], table.shape[0] - 1)
    return bool(possible)


def gather_validity(const uint8_t[::1] validity, int64_t first_bit, const uint32_t[::1] rows, uint8_t[::1] out):
    """Write 1 for each listed row that has a value, else 0; `validity` is Arrow's bits, row 0 at `first_bit`."""
    check_listed(rows, validity.shape[0] * 8 - first_bit, out.shape[0])
    if out.shape[0]:
        with nogil:
            fill_listed(&validity[0], first_bit, &rows[0], rows.shape[0], &out[0])
