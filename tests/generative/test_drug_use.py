"""Kinds of the start of treatment and of use say what the day-by-day twins say, for any rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.kernels.incident_use import incident_use
from tests.reference import drug_use
from tests.support.kernel_calls import int32, offsets_of

HISTORIES = st.lists(
    st.lists(st.tuples(st.integers(-30, 60), st.integers(0, 2)), max_size=8).map(sorted), min_size=1, max_size=4
)


@settings(max_examples=500, deadline=None)
@given(HISTORIES, st.lists(st.integers(1, 70), min_size=1, max_size=4, unique=True).map(sorted), st.data())
def test_first_rows_after_a_washout_are_those_of_the_twin(histories, ends, data):
    persons = len(histories)
    of_person = st.lists(st.integers(-40, 80), min_size=persons, max_size=persons)
    base, known_from, exit_day = data.draw(of_person), data.draw(of_person), data.draw(of_person)
    if data.draw(st.booleans()):
        base = base[:1]
    washout, repeated = data.draw(st.integers(1, 20)), data.draw(st.booleans())
    # Rows as slices of longer columns: what lies before them is nobody's.
    rows = [(5, 1), *(row for history in histories for row in history)]
    events, days = np.zeros((2, len(ends), persons), np.int32)
    incident_use(
        offsets_of(histories),
        int32(day for day, _ in rows)[1:],
        int32(left for _, left in rows)[1:],
        int32(base),
        int32([0, *ends]),
        int32(known_from),
        int32(exit_day),
        events,
        days,
        washout=washout,
        repeated=repeated,
    )
    for person, history in enumerate(histories):
        start = base[person % len(base)]
        assert (events[:, person].tolist(), days[:, person].tolist()) == drug_use.incident(
            [day for day, left in history if left > 0],
            start=start,
            ends=[start + end for end in ends],
            known_from=known_from[person],
            exit_day=exit_day[person],
            washout=washout,
            repeated=repeated,
        )


def test_rows_out_of_order_are_refused():
    out = np.zeros((2, 1, 1), np.int32)
    with pytest.raises(EventsRejected, match="row 1"):
        incident_use(
            offsets_of([[1, 2]]), int32([3, 1]), int32([1, 1]), int32([0]), int32([0, 9]), int32([-9]), int32([99]),
            out[0], out[1], washout=1, repeated=True,
        )  # fmt: skip
