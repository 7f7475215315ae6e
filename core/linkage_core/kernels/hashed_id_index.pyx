"""Finds persons among the sorted 128-bit ids of a register segment.

Hashed ids are uniform, because they are HMAC outputs. A directory on their leading bits, about one bucket for two
persons, therefore leads to a person with one miss and a scan of one to three keys, in 2.5 bytes a person and without a
hash table. Ids that are not uniform are found too, by bisection inside a long bucket.
"""

import numpy as np

from libc.stdint cimport int64_t, uint32_t, uint64_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_OUT_OF_ORDER,
    KERNEL_OUT_OF_RANGE,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)

cdef extern from *:
    """
    #define LINKAGE_PREFETCH(address) __builtin_prefetch((address), 0, 3)
    """
    void LINKAGE_PREFETCH(const void* address) noexcept nogil

# Longer distances than 64 gain nothing, shorter ones are slower than no prefetch at all.
cdef enum:
    DISTANCE = 64
    KEY_DISTANCE = 24
    LONG_BUCKET = 8

ctypedef struct Keys:
    const uint64_t* high
    const uint64_t* low
    int64_t persons

ctypedef struct Directory:
    const uint32_t* first_person
    int64_t buckets
    uint64_t base
    int shift


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


# Two steps ahead of the search: first the bucket, later the keys it points to.
cdef inline void fetch_ahead(
    const Keys* keys, const Directory* directory, const uint64_t* high, int64_t row, int64_t rows
) noexcept nogil:
    cdef int64_t bucket
    if row + DISTANCE < rows:
        bucket = bucket_of(directory, high[row + DISTANCE])
        if bucket >= 0:
            LINKAGE_PREFETCH(directory.first_person + bucket)
    if row + KEY_DISTANCE < rows:
        bucket = bucket_of(directory, high[row + KEY_DISTANCE])
        if bucket >= 0:
            LINKAGE_PREFETCH(keys.high + directory.first_person[bucket])
            LINKAGE_PREFETCH(keys.low + directory.first_person[bucket])


cdef KernelResult probe(
    const Keys* keys, const Directory* directory, const uint64_t* high, const uint64_t* low, int64_t rows, int64_t* found
) noexcept nogil:
    cdef int64_t row, bucket, first, last, middle
    for row in range(rows):
        fetch_ahead(keys, directory, high, row, rows)
        found[row] = -1
        bucket = bucket_of(directory, high[row])
        if bucket < 0:
            continue
        first, last = directory.first_person[bucket], directory.first_person[bucket + 1]
        # The directory is read from a file: a damaged one must not lead outside the keys.
        if first > last or last > keys.persons:
            return kernel_failed(KERNEL_OUT_OF_RANGE, bucket)
        while last - first > LONG_BUCKET:
            middle = first + (last - first) // 2
            if is_before(keys, middle, high[row], low[row]):
                first = middle + 1
            else:
                last = middle + 1
        while first < last and is_before(keys, first, high[row], low[row]):
            first += 1
        if first < last and keys.high[first] == high[row] and keys.low[first] == low[row]:
            found[row] = first
    return kernel_ok()


cdef KernelResult walk(
    const Keys* keys, const uint64_t* high, const uint64_t* low, int64_t rows, int64_t* found
) noexcept nogil:
    cdef int64_t row, person = 0
    for row in range(rows):
        found[row] = -1
        if row and (high[row] < high[row - 1] or (high[row] == high[row - 1] and low[row] < low[row - 1])):
            return kernel_failed(KERNEL_OUT_OF_ORDER, row)
        while person < keys.persons and is_before(keys, person, high[row], low[row]):
            person += 1
        if person < keys.persons and keys.high[person] == high[row] and keys.low[person] == low[row]:
            found[row] = person
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


def probe_persons(
    const uint64_t[::1] keys_high,
    const uint64_t[::1] keys_low,
    const uint32_t[::1] directory,
    const uint64_t[::1] high,
    const uint64_t[::1] low,
):
    """Position among the keys of each id asked for, -1 where it is not there; any order, through the directory."""
    found = np.full(high.shape[0], -1, np.int64)
    if high.shape[0] == 0 or keys_high.shape[0] == 0:
        return found
    if keys_high.shape[0] != keys_low.shape[0] or high.shape[0] != low.shape[0] or directory.shape[0] < 2:
        raise ValueError("the two words of the ids differ in length, or the directory is empty")
    cdef int64_t[::1] out = found
    cdef Keys keys = Keys(&keys_high[0], &keys_low[0], keys_high.shape[0])
    cdef Directory lookup = Directory(
        &directory[0], directory.shape[0] - 1, keys_high[0], directory_shift(keys_high)
    )
    cdef KernelResult result
    with nogil:
        result = probe(&keys, &lookup, &high[0], &low[0], high.shape[0], &out[0])
    raise_if_failed(result, "directory")
    return found


def walk_persons(
    const uint64_t[::1] keys_high, const uint64_t[::1] keys_low, const uint64_t[::1] high, const uint64_t[::1] low
):
    """The same for ascending ids, walking both lists side by side: for populations near the register's size."""
    found = np.full(high.shape[0], -1, np.int64)
    if high.shape[0] == 0 or keys_high.shape[0] == 0:
        return found
    if keys_high.shape[0] != keys_low.shape[0] or high.shape[0] != low.shape[0]:
        raise ValueError("the two words of the ids differ in length")
    cdef int64_t[::1] out = found
    cdef Keys keys = Keys(&keys_high[0], &keys_low[0], keys_high.shape[0])
    cdef KernelResult result
    with nogil:
        result = walk(&keys, &high[0], &low[0], high.shape[0], &out[0])
    raise_if_failed(result, "hashed_id")
    return found
