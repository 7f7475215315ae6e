# Borrowed Arrow columns. A loan keeps the Arrow buffers alive; its `column` is a plain struct a kernel may read
# without the GIL while the loan lives.
#
# `values`, `bytes` and `offsets` already start at the slice's first row: row i is values[i], never values[offset + i].
# `offset` is needed for the validity bitmap alone, whose bits cannot be shifted by a pointer. `validity` is NULL when
# no row is null. Read through `value_at`, `bytes_at` and `is_valid`: test builds check their bounds (Arrow pads its
# buffers, so that a read one past the end is silent even under a sanitizer); release builds compile the checks out.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

ctypedef struct Int32Column:
    const int32_t* values
    const uint8_t* validity
    int64_t length
    int64_t offset

ctypedef struct Int64Column:
    const int64_t* values
    const uint8_t* validity
    int64_t length
    int64_t offset

ctypedef struct UInt64Column:
    const uint64_t* values
    const uint8_t* validity
    int64_t length
    int64_t offset

ctypedef struct UInt32Column:
    const uint32_t* values
    const uint8_t* validity
    int64_t length
    int64_t offset

ctypedef struct UInt16Column:
    const uint16_t* values
    const uint8_t* validity
    int64_t length
    int64_t offset

ctypedef struct UInt8Column:
    const uint8_t* values
    const uint8_t* validity
    int64_t length
    int64_t offset

ctypedef struct Float64Column:
    const double* values
    const uint8_t* validity
    int64_t length
    int64_t offset

# Bytes of any length: exactly one of `offsets` (binary, string) and `large_offsets` (large_*) is not NULL,
# unless the column is empty.
ctypedef struct BinaryColumn:
    const int32_t* offsets
    const int64_t* large_offsets
    const uint8_t* bytes
    const uint8_t* validity
    int64_t length
    int64_t offset

# Row i is bytes[i * width] to bytes[i * width + width - 1].
ctypedef struct FixedBinaryColumn:
    const uint8_t* bytes
    int64_t width
    const uint8_t* validity
    int64_t length
    int64_t offset

ctypedef fused IntegerColumn:
    Int32Column
    Int64Column
    UInt32Column
    UInt16Column
    UInt8Column

ctypedef fused AnyColumn:
    Int32Column
    Int64Column
    UInt64Column
    UInt32Column
    UInt16Column
    UInt8Column
    Float64Column
    BinaryColumn
    FixedBinaryColumn


cdef inline void check_row(int64_t row, int64_t length) noexcept nogil:
    assert 0 <= row < length


# Any integer column but uint64 reads as int64, without loss.
cdef inline int64_t value_at(const IntegerColumn* column, int64_t row) noexcept nogil:
    check_row(row, column.length)
    return column.values[row]


cdef inline uint64_t uint64_at(const UInt64Column* column, int64_t row) noexcept nogil:
    check_row(row, column.length)
    return column.values[row]


cdef inline double float64_at(const Float64Column* column, int64_t row) noexcept nogil:
    check_row(row, column.length)
    return column.values[row]


cdef inline bint is_valid(const AnyColumn* column, int64_t row) noexcept nogil:
    check_row(row, column.length)
    if column.validity == NULL:
        return True
    return (column.validity[(column.offset + row) >> 3] >> ((column.offset + row) & 7)) & 1


# First byte of a row; its length goes to `size`.
cdef inline const uint8_t* bytes_at(const BinaryColumn* column, int64_t row, int64_t* size) noexcept nogil:
    check_row(row, column.length)
    if column.offsets != NULL:
        size[0] = column.offsets[row + 1] - column.offsets[row]
        return column.bytes + column.offsets[row]
    size[0] = column.large_offsets[row + 1] - column.large_offsets[row]
    return column.bytes + column.large_offsets[row]


cdef inline const uint8_t* fixed_bytes_at(const FixedBinaryColumn* column, int64_t row) noexcept nogil:
    check_row(row, column.length)
    return column.bytes + row * column.width


cdef class Int32Loan:
    cdef object _owner
    cdef Int32Column column

cdef class Int64Loan:
    cdef object _owner
    cdef Int64Column column

cdef class UInt64Loan:
    cdef object _owner
    cdef UInt64Column column

cdef class UInt32Loan:
    cdef object _owner
    cdef UInt32Column column

cdef class UInt16Loan:
    cdef object _owner
    cdef UInt16Column column

cdef class UInt8Loan:
    cdef object _owner
    cdef UInt8Column column

cdef class Float64Loan:
    cdef object _owner
    cdef Float64Column column

cdef class BinaryLoan:
    cdef object _owner
    cdef BinaryColumn column

cdef class FixedBinaryLoan:
    cdef object _owner
    cdef FixedBinaryColumn column
