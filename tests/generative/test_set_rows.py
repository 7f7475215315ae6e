"""The kernel that picks rows of groups of codes, against its twin."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.kernels.set_rows import MOST_GROUPS, count_rows, pick_rows
from tests.reference.set_rows import picked
from tests.support.kernel_calls import int32, offsets_of

CODES = 3
HISTORIES = st.lists(st.lists(st.tuples(st.integers(-1, CODES - 1), st.integers(0, 9)), max_size=5), max_size=5)
GROUPS = st.lists(st.sets(st.integers(-1, CODES - 1)), min_size=1, max_size=MOST_GROUPS)

Rows = list[list[tuple[int, int]]]


def asked(histories: Rows, groups: list[set[int]], *, repeated: int = 1, spare: int = 0) -> list[Rows]:
    """The rows of each group; `repeated` persons with the same rows, so that kernels go through many at a time."""
    histories = histories * repeated
    rows = [row for own in histories for row in own]
    # Columns are slices of longer ones.
    code, told = (int32([7, *(row[of] for row in rows)])[1:] for of in (0, 1))
    bits = np.zeros(CODES + 1, np.uint32)
    for group, codes in enumerate(groups):
        for one in codes:
            bits[one + 1] |= 1 << group
    offsets = np.empty((len(groups), len(histories) + 1), np.int64)
    with_rows = np.empty((len(groups), len(histories)), np.int32)
    without_rows = np.empty((len(groups), len(histories)), np.uint8)
    having = count_rows(offsets_of(histories), code, bits, offsets, with_rows, without_rows)
    places = [np.empty(own[-1] + spare, np.int64) for own in offsets]
    picked_told = [np.empty(len(own), np.int32) for own in places]
    room = [len(own) for own in places]
    pick_rows(offsets_of(histories), code, bits, [told, code], room, places, [[own, None] for own in picked_told])
    again = [np.empty_like(own) for own in picked_told]
    pick_rows(offsets_of(histories), code, bits, [told], room, [None] * len(room), [[own] for own in again])
    assert all(map(np.array_equal, again, picked_told))
    found = []
    for group, own in enumerate(offsets):
        rows_of = list(zip(places[group].tolist(), picked_told[group].tolist(), strict=True))
        found.append([rows_of[first:last] for first, last in pairwise(own)])
        having_rows = [person for person, mine in enumerate(found[-1]) if mine]
        assert with_rows[group, : having[group]].tolist() == having_rows
        assert without_rows[group].tolist() == [not mine for mine in found[-1]]
    return found


@given(histories=HISTORIES, groups=GROUPS)
def test_rows_of_each_group_are_picked(histories: Rows, groups: list[set[int]]) -> None:
    assert asked(histories, groups) == [picked(histories, codes) for codes in groups]


@given(histories=HISTORIES, groups=GROUPS)
def test_so_are_those_of_many_persons(histories: Rows, groups: list[set[int]]) -> None:
    assert asked(histories, groups, repeated=200) == [picked(histories * 200, codes) for codes in groups]


def test_a_person_may_have_more_rows_than_a_byte_counts() -> None:
    history = [[(row % 3 - 1, row) for row in range(1000)]]
    groups = [{-1, 1}, {0}, set[int]()]
    assert asked(history, groups) == [picked(history, codes) for codes in groups]


def test_what_does_not_fit_is_refused() -> None:
    offsets, code, bits = offsets_of([[(0, 1)] * 3]), int32([0, 0, 0]), np.ones(CODES + 1, np.uint32)
    counted = np.empty((1, 2), np.int64), np.empty((1, 1), np.int32), np.empty((1, 1), np.uint8)
    with pytest.raises(EventsRejected, match="differs in length"):
        count_rows(offsets, code[1:], bits, *counted)
    with pytest.raises(EventsRejected, match="row 2, column 'groups': the value is outside its range"):
        count_rows(offsets, code, np.array([0, 1, 2], np.uint32), *counted)
    with pytest.raises(EventsRejected, match="differs in length"):
        pick_rows(offsets, code, bits, [code], [2], [np.empty(2, np.int64)], [[np.empty(2, np.int32)]])
    with pytest.raises(EventsRejected, match="differs in length"):
        pick_rows(offsets, code, bits, [code], [3], [np.empty(3, np.int64)], [[np.empty(2, np.int32)]])
    with pytest.raises(EventsRejected, match="differs in length"):
        pick_rows(offsets, code, bits, [code], [3], [np.empty(2, np.int64)], [[np.empty(3, np.int32)]])
