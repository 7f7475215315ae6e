"""The kernel that gives rows their days of supply, against its twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.kernels.supply_steps import serve
from tests.reference.supply_steps import served

NONE = 3
ROWS = st.lists(
    st.tuples(st.integers(-5, 200), st.integers(-1, 3), st.integers(0, 90), st.integers(0, NONE), st.integers(0, 1))
)


@given(rows=ROWS, wide=st.booleans(), cap=st.integers(1, 150), place=st.integers(0, 2), cut=st.integers(0, 3))
def test_a_step_serves_rows_that_wait(rows, wide, cap, place, cut) -> None:
    lasts = np.array([row[0] for row in rows], np.int64 if wide else np.int32)
    left, supply = (np.array([row[of] for row in rows], np.int32) for of in (1, 2))
    step, capped = (np.array([row[of] for row in rows], np.uint8) for of in (3, 4))
    serve(lasts[cut:], left[cut:], supply[cut:], step[cut:], capped[cut:], cap=cap, place=place, none=NONE)
    for number, (lasting, rest, *before) in enumerate(rows):
        expected = tuple(before)
        if number >= cut:
            expected = served(lasting, rest, expected, cap=cap, place=place, none=NONE)
        assert (supply[number], step[number], capped[number]) == expected


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(EventsRejected, match="differs in length"):
        serve(
            np.zeros(2, np.int32), np.zeros(1, np.int32), np.zeros(2, np.int32), np.zeros(2, np.uint8),
            np.zeros(2, np.uint8), cap=1, place=0, none=1,
        )  # fmt: skip
