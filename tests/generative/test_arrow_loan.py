"""A loan reads the same as its plain twin from any slice of any column."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

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
from tests.reference.arrow_loan import read_column

KINDS: list[tuple[Any, pa.DataType, st.SearchStrategy[Any]]] = [
    (Int32Loan, pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    (Int64Loan, pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (UInt64Loan, pa.uint64(), st.integers(0, 2**64 - 1)),
    (UInt32Loan, pa.uint32(), st.integers(0, 2**32 - 1)),
    (UInt16Loan, pa.uint16(), st.integers(0, 2**16 - 1)),
    (UInt8Loan, pa.uint8(), st.integers(0, 255)),
    (Float64Loan, pa.float64(), st.floats(allow_nan=False)),
    (BinaryLoan, pa.binary(), st.binary(max_size=6)),
    (BinaryLoan, pa.large_binary(), st.binary(max_size=6)),
    (FixedBinaryLoan, pa.binary(3), st.binary(min_size=3, max_size=3)),
]


@given(data=st.data(), kind=st.sampled_from(KINDS), start=st.integers(0, 12), length=st.integers(0, 12))
def test_a_loan_reads_what_its_twin_reads_in_any_slice(data: st.DataObject, kind: Any, start: int, length: int) -> None:
    loan, arrow_type, values = kind
    column = pa.array(data.draw(st.lists(st.none() | values, max_size=24)), arrow_type).slice(start, length)
    assert read_loan(loan(column)) == read_column(column)
