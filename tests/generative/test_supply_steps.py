"""The kernel that gives rows their days of supply, against its twin."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.kernels.supply_steps import serve_rows
from tests.reference.supply_steps import Step, served
from tests.support.kernel_calls import int32, offsets_of

EACH = st.none() | st.fractions(min_value=Fraction(1, 90), max_value=200, max_denominator=90)
ROW = st.tuples(st.integers(-1, 300), st.integers(0, 300), st.integers(0, 2))
PERSONS = st.lists(st.lists(ROW, max_size=4), min_size=1, max_size=4)


@st.composite
def steps_of(draw: Any, rows: int) -> list[tuple[Step, Any]]:
    """Steps as the twin and as the kernel have them; columns of the kernel are slices of longer ones."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        share, wide, coded = draw(st.integers(0, 3)), draw(st.booleans()), draw(st.booleans())
        told = draw(st.lists(st.integers(-3, 2000), min_size=rows, max_size=rows)) if draw(st.booleans()) else None
        codes = draw(st.lists(st.integers(-1, 1), min_size=rows, max_size=rows)) if coded else [-1] * rows
        tables = draw(st.lists(EACH, min_size=3, max_size=3))
        marks = draw(st.lists(st.booleans(), min_size=rows, max_size=rows)) if draw(st.booleans()) else None
        twin = Step(share, told or [1] * rows, [tables[code + 1] for code in codes], marks or [False] * rows)
        kernel = (
            share,
            None if told is None else np.array([5, *told], np.int64 if wide else np.int32)[1:],
            int32([9, *codes])[1:] if coded else None,
            np.array([0 if each is None else each.numerator for each in tables], np.int64),
            np.array([0 if each is None else each.denominator for each in tables], np.int64),
            None if marks is None else np.array(marks, np.uint8),
        )
        found.append((twin, kernel))
    return found


@given(persons=PERSONS, cap=st.integers(1, 5000), every=st.booleans(), data=st.data())
def test_a_row_is_served_by_the_first_step_that_answers(
    persons: list[list[tuple[int, int, int]]], cap: int, every: bool, data: st.DataObject
) -> None:
    rows = [row for own in persons for row in own]
    picked = [[row for row in own if every or row[2]] for own in persons]
    places = [place for place, row in enumerate(rows) if every or row[2]]
    steps = data.draw(steps_of(len(rows)))
    supply, step = np.full(len(places), 7, np.int32), np.full(len(places), 7, np.uint8)
    told = np.zeros((2, len(steps) + 3), np.int64)
    serve_rows(
        offsets_of(picked),
        None if every else np.array(places, np.int64),
        int32(row[0] for row in rows),
        int32(row[1] for row in rows),
        [kernel for _, kernel in steps],
        supply,
        step,
        told,
        cap=cap,
    )
    twins = [twin for twin, _ in steps]
    expected = [served(twins, place, left=rows[place][0], quantity=rows[place][1], cap=cap) for place in places]
    assert list(zip(supply.tolist(), step.tolist(), strict=True)) == [one[:2] for one in expected]
    assert told.tolist() == counted(expected, [len(own) for own in picked], steps=len(steps))


def counted(answers: list[tuple[int, int, bool]], sizes: list[int], *, steps: int) -> list[list[int]]:
    """Rows and persons by step, without a step, cut and not cut."""
    rows, persons = [0] * (steps + 3), [0] * (steps + 3)
    for size in sizes:
        own, answers = answers[:size], answers[size:]
        parts = [step for _, step, _ in own if step <= steps]
        parts += [steps + (1 if cut else 2) for _, step, cut in own if step < steps]
        for part in parts:
            rows[part] += 1
        for part in set(parts):
            persons[part] += 1
    return [rows, persons]


def test_large_amounts_are_divided_exactly() -> None:
    amount = (1 << 60) + 1
    one = np.ones(1, np.int32)
    supply, step, told = np.zeros(1, np.int32), np.zeros(1, np.uint8), np.zeros((2, 4), np.int64)
    given_ = (3, np.array([amount]), None, np.array([1]), np.array([1 << 45]), None)
    serve_rows(np.array([0, 1]), None, one, one, [given_], supply, step, told, cap=1 << 30)
    assert supply.tolist() == [amount >> 45]


def test_columns_of_different_lengths_are_refused() -> None:
    one, two = np.ones(1, np.int32), np.ones(2, np.int32)
    with pytest.raises(EventsRejected, match="differs in length"):
        serve_rows(
            np.array([0, 1]), None, one, two, [], np.zeros(1, np.int32), np.zeros(1, np.uint8),
            np.zeros((2, 3), np.int64), cap=1,
        )  # fmt: skip
    step = (0, two, None, np.ones(1, np.int64), np.ones(1, np.int64), None)
    with pytest.raises(EventsRejected, match="differs in length"):
        serve_rows(
            np.array([0, 1]), None, one, one, [step], np.zeros(1, np.int32), np.zeros(1, np.uint8),
            np.zeros((2, 4), np.int64), cap=1,
        )  # fmt: skip
