# cython: freethreading_compatible = True
"""Number, or weight, of the distinct drugs that a person has on days of her own."""

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
    const int32_t* drug
    const int32_t* lasts_64ths
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
    cdef int32_t drugs = 0
    for row in range(row, row_end):
        age_64ths = (<int64_t>at_day - rows.day[row]) * 64
        if rows.drug[row] < 0 or not 0 <= age_64ths < rows.lasts_64ths[row]:
            continue
        if is_new(rows.drug[row], seen, drugs):
            seen[drugs] = rows.drug[row]
            drugs += 1
            total += rows.weight[rows.drug[row]]
    return total


cdef KernelResult weigh_all(
    const Rows* rows,
    const int64_t* offsets,
    int64_t persons,
    const int32_t* at_day,
    int64_t days,
    int32_t* seen,
    int64_t seen_size,
    int64_t* total,
) noexcept nogil:
    cdef int64_t person, place, cell
    for person in range(persons):
        if offsets[person + 1] - offsets[person] > seen_size:
            return kernel_failed(KERNEL_OUTPUT_FULL, offsets[person])
        for place in range(days):
            cell = place * persons + person
            total[cell] = weigh(rows, offsets[person], offsets[person + 1], at_day[cell], seen)
    return kernel_ok()


def drugs_at_date(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] drug,
    const int32_t[::1] lasts_64ths,
    const int64_t[::1] weight,
    const int32_t[:, ::1] at_day,
    int32_t[::1] seen,
    int64_t[:, ::1] total,
):
    cdef int64_t days = at_day.shape[0], persons = at_day.shape[1]
    cdef KernelResult result
    cdef Rows rows
    if not (
        offsets.shape[0] == persons + 1
        and total.shape[0] == days
        and total.shape[1] == persons
        and day.shape[0] == drug.shape[0] == lasts_64ths.shape[0] == offsets[persons]
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if persons == 0 or days == 0:
        return
    rows.day = &day[0] if day.shape[0] else NULL
    rows.drug = &drug[0] if drug.shape[0] else NULL
    rows.lasts_64ths = &lasts_64ths[0] if lasts_64ths.shape[0] else NULL
    rows.weight = &weight[0] if weight.shape[0] else NULL
    with nogil:
        result = weigh_all(
            &rows, &offsets[0], persons, &at_day[0, 0], days, &seen[0], seen.shape[0], &total[0, 0]
        )
    raise_if_failed(result, "dispensing_date")
