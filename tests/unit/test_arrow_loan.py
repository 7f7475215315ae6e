"""A loan reads what pyarrow reads: slices, nulls, empty columns, and refuses every other type."""

from __future__ import annotations

import gc

import pyarrow as pa
import pytest

from linkage_core.kernels.arrow_loan import (
    BinaryLoan,
    FixedBinaryLoan,
    Float64Loan,
    Int32Loan,
    Int64Loan,
    UInt8Loan,
    UInt16Loan,
    UInt32Loan,
    UInt64Loan,
    read_loan,
)

NUMBERS = [
    (Int32Loan, pa.int32()),
    (Int64Loan, pa.int64()),
    (UInt64Loan, pa.uint64()),
    (UInt32Loan, pa.uint32()),
    (UInt16Loan, pa.uint16()),
    (UInt8Loan, pa.uint8()),
    (Float64Loan, pa.float64()),
]
BYTES = [
    (BinaryLoan, pa.binary()),
    (BinaryLoan, pa.large_binary()),
    (FixedBinaryLoan, pa.binary(3)),
]


@pytest.mark.parametrize(("loan", "arrow_type"), NUMBERS)
def test_numbers_are_read_with_their_nulls(loan, arrow_type) -> None:
    values = [1, None, 3, 200, None, 0, 7, 8, None, 10]
    assert read_loan(loan(pa.array(values, arrow_type))) == values


@pytest.mark.parametrize(("loan", "arrow_type"), NUMBERS)
def test_every_slice_of_numbers_reads_its_own_rows(loan, arrow_type) -> None:
    values = [1, None, 3, 200, None, 0, 7, 8, None, 10, 11]
    column = pa.array(values, arrow_type)
    for start in range(len(values) + 1):
        for length in range(len(values) - start + 1):
            assert read_loan(loan(column.slice(start, length))) == values[start : start + length]


@pytest.mark.parametrize(("loan", "arrow_type"), BYTES)
def test_every_slice_of_bytes_reads_its_own_rows(loan, arrow_type) -> None:
    values = [b"abc", None, b"\x00\xff\x00", b"def", None, b"   ", b"ghi", b"jkl", b"mno", None]
    column = pa.array(values, arrow_type)
    for start in range(len(values) + 1):
        for length in range(len(values) - start + 1):
            assert read_loan(loan(column.slice(start, length))) == values[start : start + length]


@pytest.mark.parametrize("arrow_type", [pa.string(), pa.large_string()])
def test_text_is_read_as_utf_8_bytes_of_any_length(arrow_type) -> None:
    loan = BinaryLoan(pa.array(["", "å", None, "längre text"], arrow_type))
    assert read_loan(loan) == [b"", "å".encode(), None, "längre text".encode()]


@pytest.mark.parametrize(("loan", "arrow_type"), [*NUMBERS, *BYTES])
def test_an_empty_column_is_lent(loan, arrow_type) -> None:
    lent = loan(pa.array([], arrow_type))
    assert len(lent) == 0
    assert read_loan(lent) == []


@pytest.mark.parametrize(("loan", "arrow_type"), [*NUMBERS, *BYTES])
def test_a_column_of_nulls_is_lent(loan, arrow_type) -> None:
    assert read_loan(loan(pa.nulls(9, arrow_type))) == [None] * 9


def test_dates_are_read_as_days_since_1970() -> None:
    assert read_loan(Int32Loan(pa.array([0, 20000, None], pa.date32()))) == [0, 20000, None]


def test_a_loan_keeps_its_column_alive() -> None:
    column = pa.array(list(range(100_000)), pa.int64())
    loan = Int64Loan(column.slice(99_990))
    del column
    gc.collect()
    assert read_loan(loan) == list(range(99_990, 100_000))


@pytest.mark.parametrize(("loan", "arrow_type"), [*NUMBERS, *BYTES])
def test_another_type_is_refused_by_name(loan, arrow_type) -> None:
    for wrong in (pa.array([True]), pa.array([[1]]), pa.nulls(2), pa.array(["a"]).dictionary_encode()):
        with pytest.raises(TypeError, match="expected an Arrow array of"):
            loan(wrong)


@pytest.mark.parametrize("lender", [pa.chunked_array([[1, 2], [3]]), [1, 2, 3], None, "abc"])
def test_what_is_not_one_arrow_array_is_refused(lender) -> None:
    with pytest.raises(TypeError, match="expected one Arrow array of int64"):
        Int64Loan(lender)


def test_a_fixed_width_is_checked_when_asked_for() -> None:
    column = pa.array([b"0123456789abcdef"], pa.binary(16))
    assert read_loan(FixedBinaryLoan(column, width=16)) == [b"0123456789abcdef"]
    with pytest.raises(TypeError, match=r"fixed_size_binary\(12\), got fixed_size_binary\(16\)"):
        FixedBinaryLoan(column, width=12)
