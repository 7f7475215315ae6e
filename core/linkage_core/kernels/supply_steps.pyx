# cython: freethreading_compatible = True
"""Days of supply of rows that no earlier step of a supply model could answer for, one step at a time."""

from libc.stdint cimport int32_t, int64_t, uint8_t

from linkage_core.kernels.kernel_result cimport KERNEL_LENGTH_MISMATCH, kernel_failed, raise_if_failed

ctypedef fused Lasts:
    int32_t
    int64_t


# Which rows a step serves, a processor guesses in vain, so each is written anew, to what it was if need be.
cdef void serve_rows(
    const Lasts* lasts, const int32_t* left, int64_t rows, int32_t cap, uint8_t place, uint8_t none, int32_t* supply,
    uint8_t* step, uint8_t* capped
) noexcept nogil:
    cdef int64_t row
    cdef bint serves
    for row in range(rows):
        serves = (step[row] == none) & (left[row] > 0) & (lasts[row] > 0)
        supply[row] = <int32_t>min(lasts[row], <Lasts>cap) if serves else supply[row]
        capped[row] = lasts[row] > <Lasts>cap if serves else capped[row]
        step[row] = place if serves else step[row]


def serve(
    const Lasts[::1] lasts, const int32_t[::1] left, int32_t[::1] supply, uint8_t[::1] step, uint8_t[::1] capped, *,
    int32_t cap, uint8_t place, uint8_t none
):
    cdef int64_t rows = left.shape[0]
    if not lasts.shape[0] == rows == supply.shape[0] == step.shape[0] == capped.shape[0]:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "days_of_supply")
    if rows:
        with nogil:
            serve_rows(&lasts[0], &left[0], rows, cap, place, none, &supply[0], &step[0], &capped[0])
