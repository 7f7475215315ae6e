"""The kernel that tells where the rows of persons begin and who has any, against its twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.kernels.row_offsets import offsets_of_counts, persons_with_rows
from tests.reference.row_offsets import has_rows, offsets

COUNTS = st.lists(st.sampled_from([0, 0, 1, 2, 2**32 - 1]), max_size=20)


@given(counts=COUNTS, before=st.integers(0, 3), behind=st.integers(0, 3))
def test_offsets_and_who_has_rows_follow_from_counts(counts: list[int], before: int, behind: int) -> None:
    persons = before + len(counts) + behind
    found = np.full(persons + 1, -7, np.int64)
    # A column is a slice of a longer one.
    offsets_of_counts(np.array([5, *counts], np.uint32)[1:], before, found)
    assert found.tolist() == offsets(counts, first=before, persons=persons)
    with_rows, without_rows = np.full(persons, -7, np.int32), np.full(persons, 7, np.uint8)
    having = persons_with_rows(found, with_rows, without_rows)
    expected = has_rows(found.tolist())
    assert with_rows[:having].tolist() == [person for person, has in enumerate(expected) if has]
    assert without_rows.tolist() == [not has for has in expected]


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(EventsRejected, match="outside its range"):
        offsets_of_counts(np.zeros(3, np.uint32), 1, np.zeros(4, np.int64))
    with pytest.raises(EventsRejected, match="outside its range"):
        offsets_of_counts(np.zeros(3, np.uint32), -1, np.zeros(4, np.int64))
    with pytest.raises(EventsRejected, match="differs in length"):
        persons_with_rows(np.zeros(4, np.int64), np.zeros(3, np.int32), np.zeros(2, np.uint8))
