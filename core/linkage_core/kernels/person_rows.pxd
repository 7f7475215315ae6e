# What kernels read of each person: her rows, and her stays in hospital.

from libc.stdint cimport int32_t, int64_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_NEGATIVE_VALUE,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)

# Stays of everybody, by person; `offsets` is NULL where nobody has one.
ctypedef struct Stays:
    const int64_t* offsets
    const int32_t* admitted
    const int32_t* discharged


# Points at three columns of stays, or at none; returns what must be held for as long.
cdef inline object hold_stays(Stays* into, object stays, int64_t persons):
    cdef const int64_t[::1] offsets
    cdef const int32_t[::1] admitted, discharged
    into.offsets, into.admitted, into.discharged = NULL, NULL, NULL
    if stays is None:
        return None
    offsets, admitted, discharged = stays
    if not (offsets.shape[0] == persons + 1 and admitted.shape[0] == discharged.shape[0] == offsets[persons]):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "admission_date")
    if admitted.shape[0]:
        into.offsets, into.admitted, into.discharged = &offsets[0], &admitted[0], &discharged[0]
    return offsets, admitted, discharged


# Rows of the person who has most.
cdef inline int64_t longest_of(const int64_t* offsets, const int32_t[::1] with_rows) noexcept:
    cdef int64_t place, longest = 0
    for place in range(with_rows.shape[0]):
        longest = max(longest, offsets[with_rows[place] + 1] - offsets[with_rows[place]])
    return longest


# First row that is negative in any of several columns. Which it is only matters where a walk met one.
cdef inline KernelResult first_negative(
    const int32_t* const* columns, int32_t number, int64_t rows,
) noexcept nogil:
    cdef int64_t row
    cdef int32_t column
    for row in range(rows):
        for column in range(number):
            if columns[column][row] < 0:
                return kernel_failed(KERNEL_NEGATIVE_VALUE, row)
    return kernel_ok()
