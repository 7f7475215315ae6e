"""Finds persons among the sorted 128-bit ids of a register segment.

Hashed ids are uniform, because they are HMAC outputs. A directory on their leading bits, about one bucket for two
persons, therefore leads to a person with one miss and a scan of one to three keys, in 2.5 bytes a person and without a
hash table. Ids that are not uniform are found too, by bisection inside a long bucket.
"""

import numpy as np

from libc.stdint cimport int64_t, uint32_t, uint64_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_ORDER,
    KERNEL_OUT_OF_RANGE,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)

cdef extern from "wide_vectors.h":
    void LINKAGE_FETCH(const void* address) noexcept nogil

# Ids go through each step of the search together, so many at once, and what the next step reads is asked for meanwhile.
cdef enum:
    BATCH = 32
    STEPS = 4
    LONG_BUCKET = 8
    NEIGHBOURS = 8

ctypedef struct Keys:
    const uint64_t* high
    const uint64_t* low
    int64_t persons

ctypedef struct Directory:
    const uint32_t* first_person
    int64_t buckets
    uint64_t base
    int shift


# Rows of person i are [offsets[i], offsets[i + 1]); hidden are positions of persons, ascending.
ctypedef struct RowsOf:
    const uint32_t* offsets
    int64_t rows
    const int64_t* hidden
    int64_t persons_hidden

# First row and number of rows, by id that is looked up.
ctypedef struct Runs:
    uint32_t* starts
    uint32_t* counts


cdef inline bint is_before(const Keys* keys, int64_t person, uint64_t high, uint64_t low) noexcept nogil:
    return keys.high[person] < high or (keys.high[person] == high and keys.low[person] < low)


cdef KernelResult fill(const Keys* keys, uint64_t base, int shift, uint32_t* first_person, int64_t buckets) noexcept nogil:
    cdef int64_t person, bucket, next_bucket = 0
    for person in range(keys.persons):
        if person and not is_before(keys, person - 1, keys.high[person], keys.low[person]):
            return kernel_failed(KERNEL_OUT_OF_ORDER, person)
        bucket = <int64_t>((keys.high[person] - base) >> shift)
        if bucket >= buckets:
            return kernel_failed(KERNEL_OUT_OF_ORDER, person)
        while next_bucket <= bucket:
            first_person[next_bucket] = <uint32_t>person
            next_bucket += 1
    while next_bucket <= buckets:
        first_person[next_bucket] = <uint32_t>keys.persons
        next_bucket += 1
    return kernel_ok()


cdef inline int64_t bucket_of(const Directory* directory, uint64_t high) noexcept nogil:
    cdef int64_t bucket
    if high < directory.base:
        return -1
    bucket = <int64_t>((high - directory.base) >> directory.shift)
    return bucket if bucket < directory.buckets else -1


cdef inline bint is_same(const Keys* keys, int64_t person, uint64_t high, uint64_t low) noexcept nogil:
    return person < keys.persons and keys.high[person] == high and keys.low[person] == low


# First of the hidden persons who is not before this one.
cdef inline int64_t hidden_from(const RowsOf* of, int64_t person) noexcept nogil:
    cdef int64_t first = 0, last = of.persons_hidden, middle
    while first < last:
        middle = first + (last - first) // 2
        if of.hidden[middle] < person:
            first = middle + 1
        else:
            last = middle
    return first


# Offsets are read from a file: a damaged one must not lead outside the rows.
cdef inline bint locate(const RowsOf* of, int64_t person, Runs* out, int64_t row) noexcept nogil:
    cdef uint32_t start = of.offsets[person], end = of.offsets[person + 1]
    out.starts[row], out.counts[row] = start, end - start
    return start <= end and end <= of.rows


cdef void fetch_buckets(const Directory* directory, const uint64_t* high, int64_t row, int64_t until) noexcept nogil:
    cdef int64_t bucket
    for row in range(row, until):
        bucket = bucket_of(directory, high[row])
        if bucket >= 0:
            LINKAGE_FETCH(directory.first_person + bucket)


# Until a person is found, `starts` and `counts` hold among whom she is looked for: the first, and one past the last.
cdef int64_t enter_buckets(
    const Keys* keys, const Directory* directory, const uint64_t* high, Runs* out, int64_t row, int64_t until
) noexcept nogil:
    cdef int64_t bucket
    for row in range(row, until):
        out.starts[row] = out.counts[row] = 0
        bucket = bucket_of(directory, high[row])
        if bucket < 0:
            continue
        out.starts[row], out.counts[row] = directory.first_person[bucket], directory.first_person[bucket + 1]
        # The directory is read from a file: a damaged one must not lead outside the keys.
        if out.starts[row] > out.counts[row] or out.counts[row] > keys.persons:
            return bucket
        LINKAGE_FETCH(keys.high + out.starts[row])
        LINKAGE_FETCH(keys.high + <int64_t>out.counts[row] - 1)
    return -1


cdef void search_buckets(
    const Keys* keys, const RowsOf* of, const uint64_t* high, const uint64_t* low, Runs* out, int64_t row, int64_t until
) noexcept nogil:
    cdef int64_t first, last, middle
    for row in range(row, until):
        first, last = out.starts[row], out.counts[row]
        while last - first > LONG_BUCKET:
            middle = first + (last - first) // 2
            if is_before(keys, middle, high[row], low[row]):
                first = middle + 1
            else:
                last = middle + 1
        while first < last and keys.high[first] < high[row]:
            first += 1
        out.starts[row], out.counts[row] = <uint32_t>first, <uint32_t>last
        LINKAGE_FETCH(keys.low + first)
        LINKAGE_FETCH(of.offsets + first)
        LINKAGE_FETCH(of.offsets + first + 1)


cdef int64_t locate_found(
    const Keys* keys, const RowsOf* of, const uint64_t* high, const uint64_t* low, Runs* out, int64_t row,
    int64_t until, int64_t* found
) noexcept nogil:
    cdef int64_t person, last, hidden
    for row in range(row, until):
        person, last = out.starts[row], out.counts[row]
        out.starts[row] = out.counts[row] = 0
        while person < last and is_before(keys, person, high[row], low[row]):
            person += 1
        if person == last or not is_same(keys, person, high[row], low[row]):
            continue
        if of.persons_hidden:
            hidden = hidden_from(of, person)
            if hidden < of.persons_hidden and of.hidden[hidden] == person:
                continue
        if not locate(of, person, out, row):
            return person
        found[0] += out.counts[row] > 0
    return -1


cdef KernelResult probe(
    const Keys* keys, const Directory* directory, const RowsOf* of, const uint64_t* high, const uint64_t* low,
    int64_t asked, Runs* out, int64_t* found
) noexcept nogil:
    cdef int64_t row = 0, damaged
    while row < asked + (STEPS - 1) * BATCH:
        fetch_buckets(directory, high, min(row, asked), min(row + BATCH, asked))
        row += BATCH
        damaged = enter_buckets(keys, directory, high, out, part(row, 2, asked), part(row, 1, asked))
        if damaged < 0:
            search_buckets(keys, of, high, low, out, part(row, 3, asked), part(row, 2, asked))
            damaged = locate_found(keys, of, high, low, out, part(row, 4, asked), part(row, 3, asked), found)
        if damaged >= 0:
            return kernel_failed(KERNEL_OUT_OF_RANGE, damaged)
    return kernel_ok()


# Where a batch begins that is so many steps behind.
cdef inline int64_t part(int64_t row, int64_t steps, int64_t asked) noexcept nogil:
    return max(<int64_t>0, min(row - steps * BATCH, asked))


# Whether the next ids asked for are the next persons, one by one.
cdef inline bint are_neighbours(
    const Keys* keys, int64_t person, const uint64_t* high, const uint64_t* low
) noexcept nogil:
    cdef uint64_t differ = 0
    cdef int64_t place
    for place in range(NEIGHBOURS):
        differ |= (keys.high[person + place] ^ high[place]) | (keys.low[person + place] ^ low[place])
    return differ == 0


cdef KernelResult walk(
    const Keys* keys, const RowsOf* of, int64_t person, const uint64_t* high, const uint64_t* low, int64_t asked,
    Runs* out, int64_t* found
) noexcept nogil:
    cdef int64_t row = 0, last, hidden = hidden_from(of, person), next_try = 0
    while row < asked:
        while hidden < of.persons_hidden and of.hidden[hidden] < person:
            hidden += 1
        if (
            row >= next_try and row + NEIGHBOURS <= asked and person + NEIGHBOURS <= keys.persons
            and (hidden == of.persons_hidden or of.hidden[hidden] >= person + NEIGHBOURS)
        ):
            if are_neighbours(keys, person, high + row, low + row):
                last = row + NEIGHBOURS
                while row < last:
                    if not locate(of, person, out, row):
                        return kernel_failed(KERNEL_OUT_OF_RANGE, person)
                    found[0] += out.counts[row] > 0
                    row += 1
                    person += 1
                continue
            next_try = row + NEIGHBOURS
        if row and (high[row] < high[row - 1] or (high[row] == high[row - 1] and low[row] <= low[row - 1])):
            if high[row] != high[row - 1] or low[row] != low[row - 1]:
                return kernel_failed(KERNEL_OUT_OF_ORDER, row)
            # A person whom the population names twice. After neighbours the walk stands behind her.
            out.starts[row], out.counts[row] = out.starts[row - 1], out.counts[row - 1]
            found[0] += out.counts[row] > 0
            row += 1
            continue
        out.starts[row] = out.counts[row] = 0
        while person < keys.persons and is_before(keys, person, high[row], low[row]):
            person += 1
        while hidden < of.persons_hidden and of.hidden[hidden] < person:
            hidden += 1
        if is_same(keys, person, high[row], low[row]) and not (
            hidden < of.persons_hidden and of.hidden[hidden] == person
        ):
            if not locate(of, person, out, row):
                return kernel_failed(KERNEL_OUT_OF_RANGE, person)
            found[0] += out.counts[row] > 0
        row += 1
    return kernel_ok()


def directory_shift(keys_high):
    """Bits of an id's first word that a bucket spans: the fewest that leave one bucket for two persons."""
    if len(keys_high) == 0:
        return 0
    span = int(keys_high[len(keys_high) - 1]) - int(keys_high[0])
    return min(63, (span // max(1, len(keys_high) // 2)).bit_length())


def build_directory(const uint64_t[::1] keys_high, const uint64_t[::1] keys_low):
    """First person of each bucket, one more at the end; refuses ids that do not ascend."""
    if keys_high.shape[0] != keys_low.shape[0] or keys_high.shape[0] >= 1 << 32:
        raise ValueError("the two words of the ids differ in length, or there are more than 2^32 of them")
    if keys_high.shape[0] == 0:
        return np.zeros(2, np.uint32)
    cdef int shift = directory_shift(keys_high)
    cdef uint64_t base = keys_high[0]
    cdef int64_t buckets = <int64_t>((keys_high[keys_high.shape[0] - 1] - base) >> shift) + 1
    if keys_high[keys_high.shape[0] - 1] < base:
        raise_if_failed(kernel_failed(KERNEL_OUT_OF_ORDER, keys_high.shape[0] - 1), "hashed_id")
    first_person = np.empty(buckets + 1, np.uint32)
    cdef uint32_t[::1] out = first_person
    cdef Keys keys = Keys(&keys_high[0], &keys_low[0], keys_high.shape[0])
    cdef KernelResult result
    with nogil:
        result = fill(&keys, base, shift, &out[0], buckets)
    raise_if_failed(result, "hashed_id")
    return first_person


def probe_rows(
    const uint64_t[::1] keys_high,
    const uint64_t[::1] keys_low,
    const uint32_t[::1] directory,
    const uint32_t[::1] offsets,
    int64_t rows,
    const int64_t[::1] hidden,
    const uint64_t[::1] high,
    const uint64_t[::1] low,
):
    """First row and number of rows, uint32, of each id asked for, and how many ids have any; in any order.

    An id that is not among the keys, or whose position is `hidden`, has none. Goes through the directory.
    """
    starts, counts = np.zeros(high.shape[0], np.uint32), np.zeros(high.shape[0], np.uint32)
    cdef int64_t found = 0
    if high.shape[0] == 0 or keys_high.shape[0] == 0:
        return starts, counts, found
    check_lengths(keys_high, keys_low, offsets, high, low)
    if directory.shape[0] < 2:
        raise ValueError("the directory is empty")
    cdef uint32_t[::1] out_starts = starts
    cdef uint32_t[::1] out_counts = counts
    cdef Runs out = Runs(&out_starts[0], &out_counts[0])
    cdef Keys keys = Keys(&keys_high[0], &keys_low[0], keys_high.shape[0])
    cdef Directory lookup = Directory(
        &directory[0], directory.shape[0] - 1, keys_high[0], directory_shift(keys_high)
    )
    cdef RowsOf of = RowsOf(&offsets[0], rows, NULL, hidden.shape[0])
    if hidden.shape[0]:
        of.hidden = &hidden[0]
    cdef KernelResult result
    with nogil:
        result = probe(&keys, &lookup, &of, &high[0], &low[0], high.shape[0], &out, &found)
    raise_if_failed(result, "directory or offsets")
    return starts, counts, found


def walk_rows(
    const uint64_t[::1] keys_high,
    const uint64_t[::1] keys_low,
    const uint32_t[::1] offsets,
    int64_t rows,
    const int64_t[::1] hidden,
    const uint64_t[::1] high,
    const uint64_t[::1] low,
    int64_t first=0,
):
    """The same for ascending ids, walking both lists side by side: for populations near the register's size.

    Args:
        first: a position among the keys; none of the ids asked for stands before it.
    """
    starts, counts = np.empty(high.shape[0], np.uint32), np.empty(high.shape[0], np.uint32)
    cdef int64_t found = 0
    if high.shape[0] == 0 or keys_high.shape[0] == 0:
        return np.zeros_like(starts), np.zeros_like(counts), found
    check_lengths(keys_high, keys_low, offsets, high, low)
    if first < 0:
        raise ValueError("positions start at 0")
    cdef uint32_t[::1] out_starts = starts
    cdef uint32_t[::1] out_counts = counts
    cdef Runs out = Runs(&out_starts[0], &out_counts[0])
    cdef Keys keys = Keys(&keys_high[0], &keys_low[0], keys_high.shape[0])
    cdef RowsOf of = RowsOf(&offsets[0], rows, NULL, hidden.shape[0])
    if hidden.shape[0]:
        of.hidden = &hidden[0]
    cdef KernelResult result
    with nogil:
        result = walk(&keys, &of, first, &high[0], &low[0], high.shape[0], &out, &found)
    raise_if_failed(result, "hashed_id or offsets")
    return starts, counts, found


cdef int check_lengths(
    const uint64_t[::1] keys_high, const uint64_t[::1] keys_low, const uint32_t[::1] offsets, const uint64_t[::1] high,
    const uint64_t[::1] low
) except -1:
    if keys_high.shape[0] != keys_low.shape[0] or high.shape[0] != low.shape[0]:
        raise ValueError("the two words of the ids differ in length")
    if offsets.shape[0] != keys_high.shape[0] + 1:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "offsets")
    return 0
