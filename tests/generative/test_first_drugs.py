"""The drugs with which a person begins, and those she begins later, are what the twin says, for any rows and spans."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.kernels.first_drugs import begins_another_drug, supply_of_first_drugs
from tests.reference.treatment_changes import begins_another, first_drugs
from tests.reference.treatment_episodes import Dispensed
from tests.support.kernel_calls import int32, offsets_of

ROWS = st.lists(
    st.builds(Dispensed, day=st.integers(0, 12), drug=st.sampled_from("ABC"), supply=st.integers(0, 2).map(Fraction)),
    max_size=8,
).map(lambda rows: sorted(rows, key=lambda row: row.day))
DAY = st.integers(-1, 14)
PERSON = st.tuples(ROWS, ROWS, DAY, st.lists(st.tuples(DAY, DAY), min_size=2, max_size=2))


def columns(histories):
    """Offsets, days, drugs and supply; all but the offsets are slices of longer columns."""
    rows = [row for history in histories for row in history]
    return (
        offsets_of(histories),
        int32([0, *(row.day for row in rows)])[1:],
        int32([0, *(ord(row.drug) for row in rows)])[1:],
        int32([0, *(int(row.supply * 64) for row in rows)])[1:],
    )


@settings(max_examples=300, deadline=None)
@given(st.lists(PERSON, min_size=1, max_size=4))
def test_rows_of_the_first_drugs_keep_their_supply(persons):
    histories = [own for own, *_ in persons]
    *_, supply = rows = columns(histories)
    kept = np.full(len(supply), 77, np.int32)
    supply_of_first_drugs(*rows, int32(start for _, _, start, _ in persons), kept)
    wanted = [
        int(row.supply * 64) if row.drug in first_drugs(own, start) else 0
        for own, _, start, _ in persons
        for row in own
    ]
    assert kept.tolist() == wanted


@settings(max_examples=500, deadline=None)
@given(st.lists(PERSON, min_size=1, max_size=4))
def test_another_drug_begins_where_the_twin_says(persons):
    offsets, day, code, supply = columns([to for _, to, *_ in persons])
    begun = np.full((2, len(persons)), 77, np.uint8)
    begins_another_drug(
        columns([own for own, *_ in persons]),
        (offsets, day, code, (supply > 0).view(np.uint8)),
        int32(start for _, _, start, _ in persons),
        np.array([[spans[place][0] for *_, spans in persons] for place in range(2)], np.int32),
        np.array([[spans[place][1] for *_, spans in persons] for place in range(2)], np.int32),
        begun,
    )
    for person, (own, to, start, spans) in enumerate(persons):
        counted = [row for row in to if row.supply > 0]
        for place, (from_day, last_day) in enumerate(spans):
            assert begun[place, person] == begins_another(own, counted, start, from_day, last_day)


def test_columns_that_differ_in_length_are_refused():
    offsets, day, code, supply = columns([[Dispensed(1, "A", Fraction(1))]])
    start, none = int32([1]), np.zeros((1, 1), np.int32)
    with pytest.raises(EventsRejected, match="differs in length"):
        supply_of_first_drugs(offsets, day, code[1:], supply, start, supply.copy())
    with pytest.raises(EventsRejected, match="differs in length"):
        begins_another_drug(
            (offsets, day, code, supply),
            (offsets, day, code, np.zeros(2, np.uint8)),
            start,
            none,
            none,
            np.zeros((1, 1), np.uint8),
        )
