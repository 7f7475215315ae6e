# cython: freethreading_compatible = True
"""The reason of each person, that of the first rule that speaks about her, and whether she is counted."""

from libc.stdint cimport int64_t, uint8_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_RANGE,
    kernel_failed,
    raise_if_failed,
)

cdef enum:
    MOST_RULES = 64
    # Persons whose reasons stay near while rule after rule is put on top of what comes after it.
    TOGETHER = 8192

ctypedef struct Rules:
    const uint8_t* speaks[MOST_RULES]
    uint8_t number[MOST_RULES]
    int64_t rules
    int64_t leave_out


cdef int64_t give_some(const Rules* rules, int64_t first, int64_t persons, uint8_t* reason, uint8_t* counted) noexcept nogil:
    cdef int64_t rule, person, left_out = 0
    cdef const uint8_t* speaks
    cdef uint8_t number, here
    for person in range(persons):
        reason[person], counted[person] = 0, 1
    for rule in range(rules.rules - 1, -1, -1):
        speaks, number = rules.speaks[rule] + first, rules.number[rule]
        if rule < rules.leave_out:
            for person in range(persons):
                here = speaks[person] != 0
                reason[person] ^= (reason[person] ^ number) & -here
                counted[person] &= 1 ^ here
        else:
            for person in range(persons):
                reason[person] ^= (reason[person] ^ number) & -<uint8_t>(speaks[person] != 0)
    for person in range(persons):
        left_out |= counted[person] ^ 1
    return left_out


def give_reasons(list speaks, list number, uint8_t[::1] reason, uint8_t[::1] counted, *, int64_t leave_out):
    cdef int64_t persons = reason.shape[0], rule, part, left_out = 0
    cdef const uint8_t[::1] one
    cdef Rules rules
    if len(speaks) > MOST_RULES or not 0 <= leave_out <= len(speaks):
        raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "reason")
    if len(number) != len(speaks) or counted.shape[0] != persons:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "reason")
    rules.rules, rules.leave_out = len(speaks), leave_out
    for rule in range(rules.rules):
        one = speaks[rule]
        if one.shape[0] != persons:
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "reason")
        rules.speaks[rule], rules.number[rule] = &one[0] if persons else NULL, number[rule]
    with nogil:
        for part in range((persons + TOGETHER - 1) // TOGETHER):
            left_out |= give_some(
                &rules, part * TOGETHER, min(persons - part * TOGETHER, <int64_t>TOGETHER), &reason[part * TOGETHER],
                &counted[part * TOGETHER],
            )
    return left_out == 0
