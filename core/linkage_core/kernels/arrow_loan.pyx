"""Borrows Arrow columns through the Arrow C data interface: no copy, slices and nulls handled in one place.

Source: https://arrow.apache.org/docs/format/CDataInterface.html and .../CDataInterface/PyCapsuleInterface.html.
A loan holds the producer's capsule. The capsule's own destructor releases the array, once, when the loan is gone.
"""

from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from *:
    """
    #ifndef ARROW_C_DATA_INTERFACE
    #define ARROW_C_DATA_INTERFACE
    #include <stdint.h>
    struct ArrowSchema {
        const char* format; const char* name; const char* metadata; int64_t flags; int64_t n_children;
        struct ArrowSchema** children; struct ArrowSchema* dictionary;
        void (*release)(struct ArrowSchema*); void* private_data;
    };
    struct ArrowArray {
        int64_t length; int64_t null_count; int64_t offset; int64_t n_buffers; int64_t n_children;
        const void** buffers; struct ArrowArray** children; struct ArrowArray* dictionary;
        void (*release)(struct ArrowArray*); void* private_data;
    };
    #endif
    """
    struct ArrowSchema:
        const char* format
        ArrowSchema* dictionary

    struct ArrowArray:
        int64_t length
        int64_t null_count
        int64_t offset
        const void** buffers
        ArrowArray* dictionary


# An array and the format it came in; alive as long as `owner`.
cdef class _Borrowed:
    cdef object owner
    cdef bytes format
    cdef const ArrowArray* array
    cdef const uint8_t* validity


cdef _Borrowed _borrow(object lender, tuple formats, str wanted):
    cdef _Borrowed borrowed = _Borrowed.__new__(_Borrowed)
    cdef const ArrowSchema* schema
    if not hasattr(lender, "__arrow_c_array__"):
        raise TypeError(f"expected one Arrow array of {wanted}, got {type(lender).__name__}")
    schema_capsule, borrowed.owner = lender.__arrow_c_array__()
    schema = <const ArrowSchema*> PyCapsule_GetPointer(schema_capsule, b"arrow_schema")
    borrowed.array = <const ArrowArray*> PyCapsule_GetPointer(borrowed.owner, b"arrow_array")
    borrowed.format = schema.format
    if schema.dictionary != NULL:
        raise TypeError(f"expected an Arrow array of {wanted}, got a dictionary; lend its indices")
    if borrowed.format.split(b":")[0] not in formats:
        raise TypeError(f"expected an Arrow array of {wanted}, got format {borrowed.format.decode()!r}")
    borrowed.validity = NULL
    if borrowed.array.null_count != 0:
        borrowed.validity = <const uint8_t*> borrowed.array.buffers[0]
    return borrowed


cdef class Int32Loan:
    """An int32 or date32 column, on loan."""

    def __init__(self, lender):
        cdef _Borrowed borrowed = _borrow(lender, (b"i", b"tdD"), "int32 or date32")
        self._owner = borrowed.owner
        self.column.validity = borrowed.validity
        self.column.length = borrowed.array.length
        self.column.offset = borrowed.array.offset
        self.column.values = <const int32_t*> borrowed.array.buffers[1] + borrowed.array.offset

    def __len__(self):
        return self.column.length


cdef class Int64Loan:
    """An int64 column, on loan."""

    def __init__(self, lender):
        cdef _Borrowed borrowed = _borrow(lender, (b"l",), "int64")
        self._owner = borrowed.owner
        self.column.validity = borrowed.validity
        self.column.length = borrowed.array.length
        self.column.offset = borrowed.array.offset
        self.column.values = <const int64_t*> borrowed.array.buffers[1] + borrowed.array.offset

    def __len__(self):
        return self.column.length


cdef class UInt64Loan:
    """A uint64 column, on loan."""

    def __init__(self, lender):
        cdef _Borrowed borrowed = _borrow(lender, (b"L",), "uint64")
        self._owner = borrowed.owner
        self.column.validity = borrowed.validity
        self.column.length = borrowed.array.length
        self.column.offset = borrowed.array.offset
        self.column.values = <const uint64_t*> borrowed.array.buffers[1] + borrowed.array.offset

    def __len__(self):
        return self.column.length


cdef class UInt32Loan:
    """A uint32 column, on loan."""

    def __init__(self, lender):
        cdef _Borrowed borrowed = _borrow(lender, (b"I",), "uint32")
        self._owner = borrowed.owner
        self.column.validity = borrowed.validity
        self.column.length = borrowed.array.length
        self.column.offset = borrowed.array.offset
        self.column.values = <const uint32_t*> borrowed.array.buffers[1] + borrowed.array.offset

    def __len__(self):
        return self.column.length


cdef class UInt16Loan:
    """A uint16 column, on loan."""

    def __init__(self, lender):
        cdef _Borrowed borrowed = _borrow(lender, (b"S",), "uint16")
        self._owner = borrowed.owner
        self.column.validity = borrowed.validity
        self.column.length = borrowed.array.length
        self.column.offset = borrowed.array.offset
        self.column.values = <const uint16_t*> borrowed.array.buffers[1] + borrowed.array.offset

    def __len__(self):
        return self.column.length


cdef class UInt8Loan:
    """A uint8 column, on loan."""

    def __init__(self, lender):
        cdef _Borrowed borrowed = _borrow(lender, (b"C",), "uint8")
        self._owner = borrowed.owner
        self.column.validity = borrowed.validity
        self.column.length = borrowed.array.length
        self.column.offset = borrowed.array.offset
        self.column.values = <const uint8_t*> borrowed.array.buffers[1] + borrowed.array.offset

    def __len__(self):
        return self.column.length


cdef class Float64Loan:
    """A float64 column, on loan."""

    def __init__(self, lender):
        cdef _Borrowed borrowed = _borrow(lender, (b"g",), "float64")
        self._owner = borrowed.owner
        self.column.validity = borrowed.validity
        self.column.length = borrowed.array.length
        self.column.offset = borrowed.array.offset
        self.column.values = <const double*> borrowed.array.buffers[1] + borrowed.array.offset

    def __len__(self):
        return self.column.length


cdef class BinaryLoan:
    """A binary, string, large_binary or large_string column, on loan."""

    def __init__(self, lender):
        cdef _Borrowed borrowed = _borrow(lender, (b"z", b"u", b"Z", b"U"), "binary or string")
        self._owner = borrowed.owner
        self.column.validity = borrowed.validity
        self.column.length = borrowed.array.length
        self.column.offset = borrowed.array.offset
        self.column.offsets = NULL
        self.column.large_offsets = NULL
        if borrowed.array.buffers[1] != NULL:  # Producers may leave out the offsets of an empty array.
            if borrowed.format in (b"z", b"u"):
                self.column.offsets = <const int32_t*> borrowed.array.buffers[1] + borrowed.array.offset
            else:
                self.column.large_offsets = <const int64_t*> borrowed.array.buffers[1] + borrowed.array.offset
        self.column.bytes = <const uint8_t*> borrowed.array.buffers[2]

    def __len__(self):
        return self.column.length


cdef class FixedBinaryLoan:
    """A fixed_size_binary column, on loan. `width` refuses any other width when it is given."""

    def __init__(self, lender, *, width=None):
        cdef _Borrowed borrowed = _borrow(lender, (b"w",), "fixed_size_binary")
        self._owner = borrowed.owner
        self.column.width = int(borrowed.format.split(b":")[1])
        if width is not None and width != self.column.width:
            raise TypeError(f"expected fixed_size_binary({width}), got fixed_size_binary({self.column.width})")
        self.column.validity = borrowed.validity
        self.column.length = borrowed.array.length
        self.column.offset = borrowed.array.offset
        self.column.bytes = <const uint8_t*> borrowed.array.buffers[1] + borrowed.array.offset * self.column.width

    def __len__(self):
        return self.column.length


# What a loan reads, as Python values: the tests hold it against pyarrow's own reading.
def read_loan(loan):
    """The rows a loan sees, as a list of int, float, bytes or None."""
    if isinstance(loan, Int32Loan):
        return _read_int32(loan)
    if isinstance(loan, Int64Loan):
        return _read_int64(loan)
    if isinstance(loan, UInt64Loan):
        return _read_uint64(loan)
    if isinstance(loan, UInt32Loan):
        return _read_uint32(loan)
    if isinstance(loan, UInt16Loan):
        return _read_uint16(loan)
    if isinstance(loan, UInt8Loan):
        return _read_uint8(loan)
    if isinstance(loan, Float64Loan):
        return _read_float64(loan)
    if isinstance(loan, BinaryLoan):
        return _read_binary(loan)
    return _read_fixed_binary(loan)


cdef list _read_int32(Int32Loan loan):
    cdef int64_t row
    return [value_at(&loan.column, row) if is_valid(&loan.column, row) else None for row in range(loan.column.length)]


cdef list _read_int64(Int64Loan loan):
    cdef int64_t row
    return [value_at(&loan.column, row) if is_valid(&loan.column, row) else None for row in range(loan.column.length)]


cdef list _read_uint64(UInt64Loan loan):
    cdef int64_t row
    return [uint64_at(&loan.column, row) if is_valid(&loan.column, row) else None for row in range(loan.column.length)]


cdef list _read_uint32(UInt32Loan loan):
    cdef int64_t row
    return [value_at(&loan.column, row) if is_valid(&loan.column, row) else None for row in range(loan.column.length)]


cdef list _read_uint16(UInt16Loan loan):
    cdef int64_t row
    return [value_at(&loan.column, row) if is_valid(&loan.column, row) else None for row in range(loan.column.length)]


cdef list _read_uint8(UInt8Loan loan):
    cdef int64_t row
    return [value_at(&loan.column, row) if is_valid(&loan.column, row) else None for row in range(loan.column.length)]


cdef list _read_float64(Float64Loan loan):
    cdef int64_t row
    return [float64_at(&loan.column, row) if is_valid(&loan.column, row) else None for row in range(loan.column.length)]


cdef list _read_binary(BinaryLoan loan):
    cdef int64_t row, size
    cdef const uint8_t* first
    rows = []
    for row in range(loan.column.length):
        if is_valid(&loan.column, row):
            first = bytes_at(&loan.column, row, &size)
            rows.append(first[:size])
        else:
            rows.append(None)
    return rows


cdef list _read_fixed_binary(FixedBinaryLoan loan):
    cdef int64_t row
    cdef const uint8_t* first
    rows = []
    for row in range(loan.column.length):
        if is_valid(&loan.column, row):
            first = fixed_bytes_at(&loan.column, row)
            rows.append(first[:loan.column.width])
        else:
            rows.append(None)
    return rows
