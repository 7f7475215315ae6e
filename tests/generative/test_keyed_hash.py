"""The kernel's hash is the standard library's HMAC-SHA-256, with and without the processor's SHA extensions."""

from __future__ import annotations

import hmac

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage_core.kernels.keyed_hash import HashKey, hash_binary_column, hash_fixed_column
from tests.reference.keyed_hash import hashed_id

KEYS = st.binary(max_size=150)


@settings(max_examples=300, deadline=None)
@given(key=KEYS, message=st.binary(max_size=300), portable=st.booleans())
def test_one_digest_is_the_standard_librarys(key: bytes, message: bytes, portable: bool) -> None:
    assert HashKey(key, portable=portable).digest(message) == hmac.digest(key, message, "sha256")


@settings(max_examples=150, deadline=None)
@given(
    key=KEYS,
    messages=st.lists(st.one_of(st.none(), st.binary(max_size=130)), max_size=12),
    start=st.integers(0, 3),
    arrow_type=st.sampled_from([pa.binary(), pa.large_binary()]),
    portable=st.booleans(),
)
def test_a_column_is_hashed_row_by_row(
    key: bytes, messages: list[bytes | None], start: int, arrow_type: pa.DataType, portable: bool
) -> None:
    column = pa.array(messages, arrow_type).slice(start)
    digests = np.full((len(column), 16), 0xEE, np.uint8)
    hash_binary_column(HashKey(key, portable=portable), column, digests=digests)
    assert [row.tobytes() for row in digests] == [hashed_id(key, one) or bytes(16) for one in messages[start:]]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), key=KEYS, width=st.integers(1, 70), start=st.integers(0, 3))
def test_fixed_width_rows_are_hashed_likewise(data: st.DataObject, key: bytes, width: int, start: int) -> None:
    one = st.one_of(st.none(), st.binary(min_size=width, max_size=width))
    messages = data.draw(st.lists(one, max_size=12))
    column = pa.array(messages, pa.binary(width)).slice(start)
    digests = np.full((len(column), 16), 0xEE, np.uint8)
    hash_fixed_column(HashKey(key), column, digests=digests)
    assert [row.tobytes() for row in digests] == [hashed_id(key, one) or bytes(16) for one in messages[start:]]
