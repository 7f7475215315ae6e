"""Lists the rows of persons, or tests them by code, and merges them by date over segments."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from linkage_core.kernels.kernel_result cimport (
    KERNEL_OUT_OF_RANGE,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)

cdef extern from *:
    """
    #include <string.h>

    static inline int lowest_bit(unsigned long long bits) { return __builtin_ctzll(bits); }

    /* 64 bytes that are 0 or 1 as bits, the first the lowest. */
    static inline unsigned long long pack_flags(const unsigned char *flags) {
        unsigned long long bits = 0, eight;
        for (int word = 0; word < 8; word++) {
            memcpy(&eight, flags + 8 * word, 8);
    #if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
            eight = __builtin_bswap64(eight);
    #endif
            bits |= (eight * 0x0102040810204080ULL >> 56) << 8 * word;
        }
        return bits;
    }
    """
    int lowest_bit(uint64_t bits) noexcept nogil
    uint64_t pack_flags(const uint8_t* flags) noexcept nogil

cdef extern from "select_codes.h":
    enum:
        MOST_RANGES
        WORTH_A_SCAN
        ROWS_TO_SPARE

    ctypedef struct Wanted:
        const uint8_t* table
        uint32_t texts
        int ranges
        uint32_t* first
        uint32_t* span

    ctypedef struct Slices:
        const uint32_t* starts
        const uint32_t* counts
        int64_t slices

    ctypedef struct Kept:
        uint32_t* rows
        int32_t* codes

    void LINKAGE_FETCH_LINES(const void* address) noexcept nogil
    bint has_wide_selection() noexcept nogil
    bint select_wide(
        const uint16_t* codes, const Wanted* wanted, const Slices* of, const Kept* out, uint32_t* kept, int64_t* listed
    ) noexcept nogil

# Slices ahead whose codes are fetched: far enough for a miss, near enough to be there still.
cdef enum:
    DISTANCE = 32

ctypedef fused Code:
    uint8_t
    uint16_t
    uint32_t


cdef void expand(const uint32_t* starts, const uint32_t* counts, int64_t slices, uint32_t* rows) noexcept nogil:
    cdef int64_t part
    cdef uint32_t row
    for part in range(slices):
        for row in range(counts[part]):
            rows[row] = starts[part] + row
        rows += counts[part]


cdef inline bint is_filled(const uint8_t* validity, int64_t bit) noexcept nogil:
    return (validity[bit >> 3] >> (bit & 7)) & 1


# Without AVX-512 wanted codes are compared as at most so many ranges; more of them are looked up one by one.
cdef enum:
    FEW_RANGES = 4
    CHUNK = 512

ctypedef struct Validity:
    const uint8_t* bits
    int64_t first_bit


cdef void read_ranges(Wanted* wanted) noexcept nogil:
    cdef uint32_t code
    wanted.ranges = 0
    for code in range(wanted.texts):
        if not wanted.table[code]:
            continue
        if code and wanted.table[code - 1]:
            wanted.span[wanted.ranges - 1] += 1
        elif wanted.ranges == MOST_RANGES:
            wanted.ranges = MOST_RANGES + 1
            return
        else:
            wanted.first[wanted.ranges], wanted.span[wanted.ranges] = code, 0
            wanted.ranges += 1


# The row is written in any case and stays where its code is wanted: no branch that a processor could guess wrong.
# A code outside the table is reported, not followed: a damaged segment must not lead outside it.
cdef uint32_t* keep_run(
    const Code* codes, const Validity* validity, const Wanted* wanted, uint32_t start, uint32_t count,
    uint32_t* place, uint32_t* impossible,
) noexcept nogil:
    cdef uint32_t row, code, filled = 1
    for row in range(start, start + count):
        code = codes[row]
        if validity.bits != NULL:
            filled = is_filled(validity.bits, validity.first_bit + row)
        impossible[0] |= filled & (code >= wanted.texts)
        place[0] = row
        place += filled & wanted.table[code if code < wanted.texts else wanted.texts]
    return place


# 1 for each row whose code is wanted; says whether all codes are possible.
cdef bint flag_wanted(const Code* codes, uint32_t count, const Wanted* wanted, uint8_t* flags) noexcept nogil:
    cdef uint32_t row
    cdef Code most = 0, first, span
    cdef int number
    for row in range(count):
        most = max(most, codes[row])
    if most >= wanted.texts:
        return False
    if wanted.ranges > FEW_RANGES:
        for row in range(count):
            flags[row] = wanted.table[codes[row]]
        return True
    memset(flags, 0, count)
    for number in range(wanted.ranges):
        first, span = <Code>wanted.first[number], <Code>wanted.span[number]
        for row in range(count):
            flags[row] |= <Code>(codes[row] - first) <= span
    return True


# Rows of neighbouring persons are one run, read from end to end.
cdef uint32_t* keep_long_run(
    const Code* codes, const Validity* validity, const Wanted* wanted, uint32_t start, uint32_t count,
    uint32_t* place, uint32_t* impossible,
) noexcept nogil:
    cdef uint8_t flags[CHUNK]
    cdef uint32_t done = 0, here, row
    cdef uint64_t bits
    while done < count:
        here = min(<uint32_t>CHUNK, count - done)
        memset(flags + (here & ~<uint32_t>63) % CHUNK, 0, 64)
        if not flag_wanted(codes + start + done, here, wanted, flags):
            # Only of rows without a code may the code be anything.
            place = keep_run(codes, validity, wanted, start + done, here, place, impossible)
            done += here
            continue
        row = 0
        while row < here:
            bits = pack_flags(flags + row)
            while bits:
                place[0] = start + done + row + lowest_bit(bits)
                if validity.bits == NULL or is_filled(validity.bits, validity.first_bit + place[0]):
                    place += 1
                bits &= bits - 1
            row += 64
        done += here
    return place


cdef KernelResult keep_wanted(
    const Code* codes, const Validity* validity, const Wanted* wanted, const Slices* of,
    const Kept* out, uint32_t* kept, int64_t* listed
) noexcept nogil:
    cdef int64_t part = 0, last, slices = of.slices
    cdef const uint32_t* starts = of.starts
    cdef const uint32_t* counts = of.counts
    cdef uint32_t end, impossible = 0
    cdef uint32_t* place = out.rows
    cdef uint32_t* before
    if Code is uint16_t:
        if validity.bits == NULL and wanted.ranges <= MOST_RANGES and has_wide_selection():
            if select_wide(codes, wanted, of, out, kept, listed):
                return kernel_ok()
            return kernel_failed(KERNEL_OUT_OF_RANGE, -1)
    while part < slices:
        last, end = part + 1, starts[part] + counts[part]
        while last < slices and starts[last] == end:
            end += counts[last]
            last += 1
        before = place
        if end - starts[part] >= WORTH_A_SCAN:
            place = keep_long_run(codes, validity, wanted, starts[part], end - starts[part], place, &impossible)
            while part < last:
                end = starts[part] + counts[part]
                kept[part] = 0
                while before < place and before[0] < end:
                    before += 1
                    kept[part] += 1
                part += 1
        while part < last:
            if part + DISTANCE < slices:
                LINKAGE_FETCH_LINES(codes + starts[part + DISTANCE])
            before = place
            place = keep_run(codes, validity, wanted, starts[part], counts[part], place, &impossible)
            kept[part] = <uint32_t>(place - before)
            part += 1
    listed[0] = place - out.rows
    for part in range(listed[0]):
        out.codes[part] = <int32_t>codes[out.rows[part]]
    return kernel_failed(KERNEL_OUT_OF_RANGE, -1) if impossible else kernel_ok()


# Whether the slices lie inside the rows, and how many rows they have.
cdef bint slices_fit(const Slices* of, int64_t length, int64_t* rows) noexcept nogil:
    cdef int64_t part
    cdef uint64_t end = 0, total = 0
    for part in range(of.slices):
        total += of.counts[part]
        end = max(end, <uint64_t>of.starts[part] + of.counts[part])
    rows[0] = <int64_t>total
    return end <= <uint64_t>length


# Each slice ascends by day. The smallest head goes first, the earlier slice on a tie: that keeps the order of delivery.
# A person has few slices, so looking at every head beats a heap.
cdef void merge(
    const int32_t* days, int64_t* heads, const int64_t* ends, const int64_t* person_slices, int64_t persons, int64_t* order
) noexcept nogil:
    cdef int64_t person, slot, best, place = 0
    for person in range(persons):
        while True:
            best = -1
            for slot in range(person_slices[person], person_slices[person + 1]):
                if heads[slot] < ends[slot] and (best < 0 or days[heads[slot]] < days[heads[best]]):
                    best = slot
            if best < 0:
                break
            order[place] = heads[best]
            heads[best] += 1
            place += 1


def list_rows(const uint32_t[::1] starts, const uint32_t[::1] counts):
    """uint32, row numbers slice after slice, row after row."""
    if starts.shape[0] != counts.shape[0]:
        raise ValueError("one count a slice")
    rows = np.empty(int(np.asarray(counts).sum(dtype=np.int64)), np.uint32)
    cdef uint32_t[::1] out = rows
    if rows.shape[0]:
        with nogil:
            expand(&starts[0], &counts[0], starts.shape[0], &out[0])
    return rows


def select_rows(
    const Code[::1] codes,
    const uint8_t[::1] validity,
    int64_t first_bit,
    const uint8_t[::1] wanted,
    const uint32_t[::1] starts,
    const uint32_t[::1] counts,
):
    """uint32, row numbers of each slice whose code is wanted; uint32, how many of each slice; int32, the codes of the rows.

    `wanted` is 1 for a wanted code, one a text and 0 for one more; `validity` is None or Arrow's bits, row 0 at
    `first_bit`: rows without a code are left out.
    """
    if starts.shape[0] != counts.shape[0] or wanted.shape[0] == 0 or wanted[wanted.shape[0] - 1]:
        raise ValueError("one count a slice, and a table that ends with an unwanted code")
    if validity is not None and validity.shape[0] * 8 < first_bit + codes.shape[0]:
        raise ValueError("one bit a row")
    kept = np.zeros(starts.shape[0], np.uint32)
    cdef Slices slices = Slices(NULL, NULL, starts.shape[0])
    cdef int64_t total = 0, listed = 0
    if starts.shape[0]:
        slices.starts, slices.counts = &starts[0], &counts[0]
    if not slices_fit(&slices, codes.shape[0], &total):
        raise ValueError("a slice lies outside the rows")
    rows, row_codes = np.empty(total + ROWS_TO_SPARE, np.uint32), np.empty(total + ROWS_TO_SPARE, np.int32)
    if total == 0:
        return rows[:0], kept, row_codes[:0]
    cdef uint32_t[::1] out = rows
    cdef int32_t[::1] out_codes = row_codes
    cdef Kept places = Kept(&out[0], &out_codes[0])
    cdef uint32_t[::1] out_kept = kept
    cdef Validity filled = Validity(NULL, first_bit)
    if validity is not None:
        filled.bits = &validity[0]
    cdef Wanted codes_wanted
    # Texts that no code of this width reaches would be taken for others.
    codes_wanted.table = &wanted[0]
    codes_wanted.texts = min(<int64_t>(wanted.shape[0] - 1), <int64_t>1 << <int>(8 * sizeof(Code)))
    cdef KernelResult result
    with nogil:
        read_ranges(&codes_wanted)
        result = keep_wanted(&codes[0], &filled, &codes_wanted, &slices, &places, &out_kept[0], &listed)
    raise_if_failed(result, "code")
    return rows[:listed], kept, row_codes[:listed]


def merge_by_day(
    const int32_t[::1] days, const int64_t[::1] starts, const int64_t[::1] ends, const int64_t[::1] person_slices
):
    """int64, order of rows that puts each person's slices into one sequence by day, earlier slice first on a tie.

    Slices of person i are person_slices[i] to person_slices[i + 1] - 1; slice s is rows starts[s] to ends[s] - 1.
    """
    if starts.shape[0] != ends.shape[0] or person_slices.shape[0] == 0:
        raise ValueError("a slice has a start and an end")
    first, last, slices = np.asarray(starts), np.asarray(ends), np.asarray(person_slices)
    if first.shape[0] and (first.min() < 0 or (last < first).any() or last.max() > days.shape[0]):
        raise ValueError("a slice lies outside the rows")
    if slices[0] != 0 or slices[slices.shape[0] - 1] != first.shape[0] or (np.diff(slices) < 0).any():
        raise ValueError("every slice belongs to one person")
    order = np.empty(int((last - first).sum()), np.int64)
    cdef int64_t[::1] out = order
    cdef int64_t[::1] heads = first.copy()
    if order.shape[0]:
        with nogil:
            merge(&days[0], &heads[0], &ends[0], &person_slices[0], person_slices.shape[0] - 1, &out[0])
    return order
