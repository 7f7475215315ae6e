# cython: freethreading_compatible = True
"""Number, or weight, of the distinct drugs that a person has on days of her own."""

from libc.stdint cimport int32_t, int64_t

from linkage_core.kernels.kernel_result cimport KERNEL_LENGTH_MISMATCH, kernel_failed, raise_if_failed

# `drug_of_code` is NULL where rows tell their drug and not its code. Where `fixed_64ths` is 0 `given` tells how long a row
# lasts, else whether it does.
ctypedef struct Rows:
    const int32_t* day
    const int32_t* drug
    const int32_t* drug_of_code
    const int32_t* given
    int32_t fixed_64ths
    const int64_t* weight


cdef inline bint is_new(int32_t drug, const int32_t* seen, int32_t drugs) noexcept nogil:
    cdef int32_t i
    for i in range(drugs):
        if seen[i] == drug:
            return False
    return True


cdef inline int64_t weigh(
    const Rows* rows, int64_t row, int64_t row_end, int32_t at_day, int32_t* seen
) noexcept nogil:
    cdef int64_t age_64ths, total = 0
    cdef int32_t drug, drugs = 0
    # Rows lie by day, as a rule: most are passed over from either end, where a processor guesses right.
    while row < row_end and rows.day[row_end - 1] > at_day:
        row_end -= 1
    while row < row_end and rows.fixed_64ths and (<int64_t>at_day - rows.day[row]) * 64 >= rows.fixed_64ths:
        row += 1
    for row in range(row, row_end):
        age_64ths = (<int64_t>at_day - rows.day[row]) * 64
        if age_64ths < 0 or rows.given[row] <= 0 or age_64ths >= (rows.fixed_64ths or rows.given[row]):
            continue
        drug = rows.drug[row]
        if rows.drug_of_code != NULL and drug >= 0:
            drug = rows.drug_of_code[drug]
        if drug >= 0 and is_new(drug, seen, drugs):
            seen[drugs] = drug
            drugs += 1
            total += rows.weight[drug]
    return total


def drugs_at_date(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] drug,
    const int32_t[::1] drug_of_code,
    const int32_t[::1] given,
    const int64_t[::1] weight,
    const int32_t[:, ::1] at_day,
    int32_t[::1] seen,
    int64_t[:, ::1] total,
    *,
    int32_t fixed_64ths=0,
):
    cdef int64_t days = at_day.shape[0], persons = at_day.shape[1]
    cdef int64_t person, place
    cdef Rows rows
    if not (
        offsets.shape[0] == persons + 1
        and total.shape[0] == days
        and total.shape[1] == persons
        and seen.shape[0] >= max(weight.shape[0], 1)
        and day.shape[0] == drug.shape[0] == given.shape[0] == offsets[persons]
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if persons == 0 or days == 0:
        return
    rows.day = &day[0] if day.shape[0] else NULL
    rows.drug = &drug[0] if drug.shape[0] else NULL
    rows.drug_of_code = &drug_of_code[0] if drug_of_code is not None and drug_of_code.shape[0] else NULL
    rows.given, rows.fixed_64ths = (&given[0] if given.shape[0] else NULL), fixed_64ths
    rows.weight = &weight[0] if weight.shape[0] else NULL
    with nogil:
        for person in range(persons):
            for place in range(days):
                total[place, person] = weigh(
                    &rows, offsets[person], offsets[person + 1], at_day[place, person], &seen[0]
                )
