"""The kernel that picks rows of code sets, against its twin."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.kernels.set_rows import pick_rows
from tests.reference.set_rows import picked
from tests.support.kernel_calls import int32, offsets_of

CODES = 3
HISTORIES = st.lists(st.lists(st.tuples(st.integers(-1, CODES - 1), st.integers(0, 9)), max_size=5), max_size=5)


def asked(histories: list[list[tuple[int, int]]], member: np.ndarray, *, spare: int = 0) -> list[list[tuple[int, int]]]:
    rows = [row for own in histories for row in own]
    # Columns are slices of longer ones.
    code, day = (int32([7, *(row[of] for row in rows)])[1:] for of in (0, 1))
    place, picked_day = np.empty(len(rows) + spare, np.int64), np.empty(len(rows), np.int32)
    offsets, with_rows = np.empty(len(histories) + 1, np.int64), np.empty(len(histories), np.int32)
    without_rows = np.empty(len(histories), np.uint8)
    having = pick_rows(
        offsets_of(histories), code, day, member, place, picked_day, offsets, with_rows, without_rows
    )  # fmt: skip
    found = [
        list(zip(place[first:last].tolist(), picked_day[first:last].tolist(), strict=True))
        for first, last in pairwise(offsets)
    ]
    assert with_rows[:having].tolist() == [person for person, own in enumerate(found) if own]
    assert without_rows.tolist() == [not own for own in found]
    return found


@given(histories=HISTORIES, member=st.lists(st.booleans(), min_size=CODES + 1, max_size=CODES + 1))
def test_rows_of_the_codes_are_picked(histories, member) -> None:
    codes = {code - 1 for code, belongs in enumerate(member) if belongs}
    assert asked(histories, np.array(member, np.uint8)) == picked(histories, codes)


def test_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(EventsRejected, match="differs in length"):
        asked([[(0, 1)]], np.ones(CODES + 1, np.uint8), spare=1)
    with pytest.raises(EventsRejected, match="row 2, column 'member': the value is outside its range"):
        asked([[(0, 1)]], np.array([0, 1, 2], np.uint8))
