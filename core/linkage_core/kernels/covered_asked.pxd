# What is asked about days covered, and of whom.

from libc.stdint cimport int32_t, int64_t, uint8_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_NEGATIVE_VALUE,
    KERNEL_OUT_OF_ORDER,
    KernelResult,
    kernel_failed,
    kernel_ok,
)

# `code` is NULL where every row is of the one group there is and its drug does not matter.
ctypedef struct Supply:
    const int64_t* offsets
    const int32_t* day
    const int32_t* code
    const uint8_t* groups_of_code
    const int32_t* supply_64ths
    const int32_t* valid_from
    const int32_t* valid_until

# From `valid_from` until `valid_until` the codes of all groups apply; `alike` where no other days are any group's.
ctypedef struct Rule:
    int groups
    int32_t valid_from
    int32_t valid_until
    int32_t lookback_days
    int64_t stock_cap_64ths
    bint carry_over
    bint pooled
    bint all_groups
    bint alike

# What is asked: ends of observation, the persons of one end side by side, and so are the answers.
ctypedef struct Asked:
    int64_t persons
    int64_t ends
    const int32_t* start
    const int32_t* end
    const int32_t* observed
    int32_t* covered

# One person's view of time: where its rows lie, and when it is observed.
ctypedef struct Person:
    int64_t row_start
    int64_t row_end
    int32_t first_day
    int32_t start
    int32_t end


cdef inline int32_t last_end(const Asked* asked, int64_t person) noexcept nogil:
    cdef int32_t last = asked.end[person]
    cdef int64_t place
    for place in range(1, asked.ends):
        last = max(last, asked.end[place * asked.persons + person])
    return last


cdef inline Person person_of(
    const Supply* supply, const Rule* rule, const Asked* asked, int64_t i
) noexcept nogil:
    cdef Person person
    person.row_start, person.row_end = supply.offsets[i], supply.offsets[i + 1]
    person.start, person.end = asked.start[i], last_end(asked, i)
    person.first_day = person.start - rule.lookback_days
    return person


# The rows of a person are in order, and none has a negative supply.
cdef inline KernelResult check_rows(const Supply* supply, int64_t person) noexcept nogil:
    cdef int64_t row, first = supply.offsets[person], last = supply.offsets[person + 1]
    cdef bint faulty = first < last and supply.supply_64ths[first] < 0
    for row in range(first + 1, last):
        faulty |= (supply.day[row] < supply.day[row - 1]) | (supply.supply_64ths[row] < 0)
    if not faulty:
        return kernel_ok()
    for row in range(first, last):
        if row > first and supply.day[row] < supply.day[row - 1]:
            return kernel_failed(KERNEL_OUT_OF_ORDER, row)
        if supply.supply_64ths[row] < 0:
            break
    return kernel_failed(KERNEL_NEGATIVE_VALUE, row)
