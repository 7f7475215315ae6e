# What a kernel reports: a status and the row it stopped at. Exceptions are made at the `def` boundary, GIL held.

from libc.stdint cimport int64_t

ctypedef enum KernelStatus:
    KERNEL_OK = 0
    KERNEL_NULL_VALUE
    KERNEL_OUT_OF_ORDER
    KERNEL_NEGATIVE_VALUE
    KERNEL_OUT_OF_RANGE
    KERNEL_LENGTH_MISMATCH
    KERNEL_DUPLICATE
    KERNEL_OVERFLOW
    KERNEL_OUTPUT_FULL

ctypedef struct KernelResult:
    KernelStatus status
    int64_t row


cdef inline KernelResult kernel_ok() noexcept nogil:
    cdef KernelResult result
    result.status = KERNEL_OK
    result.row = -1
    return result


cdef inline KernelResult kernel_failed(KernelStatus status, int64_t row) noexcept nogil:
    cdef KernelResult result
    result.status = status
    result.row = row
    return result


# The one way out of C: nothing happens on success; a failure becomes an EventsRejected that names column and row.
cdef inline int raise_if_failed(KernelResult result, str column) except -1:
    if result.status == KERNEL_OK:
        return 0
    from linkage.errors import EventsRejected

    rules = {
        KERNEL_NULL_VALUE: "is null where a value is needed",
        KERNEL_OUT_OF_ORDER: "is out of order",
        KERNEL_NEGATIVE_VALUE: "is negative",
        KERNEL_OUT_OF_RANGE: "is outside its range",
        KERNEL_LENGTH_MISMATCH: "differs in length from the columns beside it",
        KERNEL_DUPLICATE: "stands twice",
        KERNEL_OVERFLOW: "overflows its sum",
        KERNEL_OUTPUT_FULL: "does not fit into the output",
    }
    place = f"column {column!r}" if result.row < 0 else f"row {result.row}, column {column!r}"
    raise EventsRejected(
        f"{place}: the value {rules[result.status]}.", facts={"column": column, "row": str(result.row)}
    )
