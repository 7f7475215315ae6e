# The axes of a table that is a product of them. Codes of all axes stand one after another; the leaves of an axis come
# first. Cells are numbered with the last axis running fastest.

from libc.stdint cimport int32_t, int64_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_RANGE,
    kernel_failed,
    raise_if_failed,
)

cdef enum:
    MOST_AXES = 8

ctypedef struct Lattice:
    int32_t axes
    int64_t cells
    const int32_t* codes
    const int32_t* leaves
    const int32_t* base
    const int64_t* stride
    const int32_t* above_start
    const int32_t* above
    const int32_t* below_start
    const int32_t* below


cdef inline bint among(const int32_t* codes, int32_t size, int32_t code) noexcept nogil:
    cdef int32_t i
    for i in range(size):
        if codes[i] == code:
            return True
    return False


# Puts the axis with the fewest choices first: the others are then tried for few corners.
cdef inline void fewest_first(const int32_t* choices, int32_t axes, int32_t* order) noexcept nogil:
    cdef int32_t axis, j
    for axis in range(axes):
        j = axis
        while j > 0 and choices[order[j - 1]] > choices[axis]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = axis


# Points the lattice at columns of axes, as `LatticeCodes` has them; returns what must be held for as long.
cdef inline object hold_lattice(Lattice* lattice, object axes):
    import numpy as np

    cdef const int32_t[::1] codes, leaves, above_start, above, below_start, below
    codes, leaves, above_start, above, below_start, below = axes
    cdef int64_t cells = 1
    cdef int32_t i, all_codes = 0
    if not 0 < codes.shape[0] == leaves.shape[0] <= MOST_AXES:
        raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, codes.shape[0]), "codes")
    cdef int64_t[::1] strides = np.empty(codes.shape[0], dtype=np.int64)
    cdef int32_t[::1] bases = np.empty(codes.shape[0], dtype=np.int32)
    for i in range(<int32_t>codes.shape[0]):
        bases[i] = all_codes
        all_codes += codes[i]
    for i in range(<int32_t>codes.shape[0] - 1, -1, -1):
        strides[i] = cells
        cells *= codes[i]
    if above_start.shape[0] != below_start.shape[0] or below_start.shape[0] != all_codes + 1:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "above")
    if cells > (1 << 31) - 1:
        raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "codes")
    lattice.axes, lattice.cells = <int32_t>codes.shape[0], cells
    lattice.codes, lattice.leaves, lattice.base, lattice.stride = &codes[0], &leaves[0], &bases[0], &strides[0]
    lattice.above_start, lattice.above = &above_start[0], &above[0]
    lattice.below_start, lattice.below = &below_start[0], &below[0]
    return codes, leaves, above_start, above, below_start, below, strides, bases
