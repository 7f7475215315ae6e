# cython: freethreading_compatible = True
"""Number of distinct drugs that a person has on a day of her own."""

from libc.stdint cimport int32_t, int64_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUTPUT_FULL,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)

ctypedef struct Rows:
    const int32_t* day
    const int32_t* code
    const int32_t* lasts_64ths
    const int32_t* drug_of_code


cdef inline bint is_new(int32_t drug, const int32_t* seen, int32_t drugs) noexcept nogil:
    cdef int32_t i
    for i in range(drugs):
        if seen[i] == drug:
            return False
    return True


cdef KernelResult count_all(
    const Rows* rows,
    const int64_t* offsets,
    int64_t persons,
    const int32_t* at_day,
    int32_t* seen,
    int64_t seen_size,
    int32_t* drugs,
) noexcept nogil:
    cdef int64_t person, row, age_64ths
    cdef int32_t drug
    for person in range(persons):
        drugs[person] = 0
        if offsets[person + 1] - offsets[person] > seen_size:
            return kernel_failed(KERNEL_OUTPUT_FULL, offsets[person])
        for row in range(offsets[person], offsets[person + 1]):
            if rows.code[row] < 0 or rows.drug_of_code[rows.code[row]] < 0:
                continue
            age_64ths = (<int64_t>at_day[person] - rows.day[row]) * 64
            if not 0 <= age_64ths < rows.lasts_64ths[row]:
                continue
            drug = rows.drug_of_code[rows.code[row]]
            if is_new(drug, seen, drugs[person]):
                seen[drugs[person]] = drug
                drugs[person] += 1
    return kernel_ok()


def drugs_at_date(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] code,
    const int32_t[::1] lasts_64ths,
    const int32_t[::1] drug_of_code,
    const int32_t[::1] at_day,
    int32_t[::1] seen,
    int32_t[::1] drugs,
):
    cdef int64_t persons = at_day.shape[0]
    cdef KernelResult result
    cdef Rows rows
    if not (
        offsets.shape[0] == persons + 1
        and drugs.shape[0] == persons
        and day.shape[0] == code.shape[0] == lasts_64ths.shape[0] == offsets[persons]
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if persons == 0:
        return
    rows.day = &day[0] if day.shape[0] else NULL
    rows.code = &code[0] if code.shape[0] else NULL
    rows.lasts_64ths = &lasts_64ths[0] if lasts_64ths.shape[0] else NULL
    rows.drug_of_code = &drug_of_code[0] if drug_of_code.shape[0] else NULL
    with nogil:
        result = count_all(&rows, &offsets[0], persons, &at_day[0], &seen[0], seen.shape[0], &drugs[0])
    raise_if_failed(result, "dispensing_date")
