"""The kernel that gives rows their days of supply, against its twin."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.kernels.supply_steps import serve_rows
from tests.reference.supply_steps import Step, served
from tests.support.kernel_calls import int32, offsets_of

EACH = st.none() | st.fractions(min_value=Fraction(1, 90), max_value=200, max_denominator=90)
ROW = st.tuples(st.integers(-1, 300), st.integers(0, 300))
PERSONS = st.lists(st.lists(ROW, max_size=4), min_size=1, max_size=4)


@st.composite
def steps_of(draw: Any, rows: int, repeated: int) -> list[tuple[Step, Any]]:
    """Steps as the twin and as the kernel have them, of the same rows again and again.

    Columns of the kernel are slices of longer ones.
    """
    found = []
    for _ in range(draw(st.integers(1, 3))):
        share, wide, coded = draw(st.integers(0, 3)), draw(st.booleans()), draw(st.booleans())
        told = draw(st.lists(st.integers(-3, 2000), min_size=rows, max_size=rows)) if draw(st.booleans()) else None
        codes = draw(st.lists(st.integers(-1, 1), min_size=rows, max_size=rows)) if coded else [-1] * rows
        tables = draw(st.lists(EACH, min_size=3, max_size=3))
        marks = draw(st.lists(st.booleans(), min_size=rows, max_size=rows)) if draw(st.booleans()) else None
        codes = codes * repeated
        told = None if told is None else told * repeated
        marks = None if marks is None else marks * repeated
        rows_in_all = rows * repeated
        twin = Step(
            share, told or [1] * rows_in_all, [tables[code + 1] for code in codes], marks or [False] * rows_in_all
        )
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


@given(persons=PERSONS, cap=st.integers(1, 5000), repeated=st.sampled_from([1, 1, 150]), data=st.data())
def test_a_row_is_served_by_the_first_step_that_answers(
    persons: list[list[tuple[int, int]]], cap: int, repeated: int, data: st.DataObject
) -> None:
    persons = persons * repeated
    rows = [row for own in persons for row in own]
    steps = data.draw(steps_of(len(rows) // repeated, repeated))
    supply, step = np.full(len(rows), 7, np.int32), np.full(len(rows), 7, np.uint8)
    told = np.zeros((2, len(steps) + 3), np.int64)
    serve_rows(
        offsets_of(persons),
        int32(row[0] for row in rows),
        int32(row[1] for row in rows),
        [kernel for _, kernel in steps],
        supply,
        step,
        told,
        cap=cap,
    )
    twins = [twin for twin, _ in steps]
    expected = [served(twins, place, left=row[0], quantity=row[1], cap=cap) for place, row in enumerate(rows)]
    assert list(zip(supply.tolist(), step.tolist(), strict=True)) == [one[:2] for one in expected]
    assert told.tolist() == counted(expected, [len(own) for own in persons], steps=len(steps))


# What is left of a row and its amount, for: an answer, one that is cut, the second step's, none, and nothing left.
KINDS = [(2, 30), (2, 2000), (2, 0), (300, 0), (0, 30)]
STRETCHES = st.lists(
    st.tuples(st.sampled_from(KINDS), st.sampled_from([1, 3, 255, 256, 1024, 1100])), min_size=1, max_size=4
)


@settings(max_examples=60, deadline=None)
@given(STRETCHES, st.integers(0, 2**32 - 1), st.sampled_from([0.3, 5, 400, 4000]))
def test_long_stretches_of_rows_that_are_alike_are_told_of_as_each_row(
    stretches: list[tuple[tuple[int, int], int]], seed: int, mean: float
) -> None:
    rows = [kind for kind, count in stretches for _ in range(count)]
    random = np.random.default_rng(seed)
    cuts = np.sort(random.integers(0, len(rows) + 1, int(len(rows) / mean)))
    sizes = np.diff([0, *cuts, len(rows)]).tolist()
    left, amount = (int32(row[part] for row in rows) for part in (0, 1))
    ones = (np.array([64], np.int64), np.array([1], np.int64))
    # The second step answers for rows of few packages only.
    kernel = [(3, amount, None, *ones, None), (0, int32(row[0] == 2 for row in rows), None, *ones, None)]
    each = [Fraction(64)] * len(rows)
    twins = [
        Step(3, [row[1] for row in rows], each, [False] * len(rows)),
        Step(0, [int(row[0] == 2) for row in rows], each, [False] * len(rows)),
    ]
    supply, step, told = np.full(len(rows), 7, np.int32), np.full(len(rows), 7, np.uint8), np.zeros((2, 5), np.int64)
    serve_rows(np.concatenate(([0], np.cumsum(sizes))), left, left, kernel, supply, step, told, cap=64_000)
    expected = [served(twins, place, left=row[0], quantity=row[0], cap=64_000) for place, row in enumerate(rows)]
    assert list(zip(supply.tolist(), step.tolist(), strict=True)) == [one[:2] for one in expected]
    assert told.tolist() == counted(expected, sizes, steps=2)


MOST = int(np.iinfo(np.int32).max)


@pytest.mark.parametrize(("above", "below"), [(64, 3), (1, 2**31), (2**40, 2**40 - 1), (2**53 + 1, 2**53 - 1), (0, 5)])
@pytest.mark.parametrize("amount", [1, 3, MOST - 1, MOST])
@pytest.mark.parametrize("cap", [1, MOST - 1, MOST])
def test_quotients_of_large_numbers_are_exact(above: int, below: int, amount: int, cap: int) -> None:
    each = Fraction(above, below)
    for left in (1, 2**17 - 1, 2**24 + 1):
        # Of what is too large for a kernel nothing is asked.
        if amount * left * above >= 2**63:
            continue
        supply, step, told = np.zeros(1, np.int32), np.zeros(1, np.uint8), np.zeros((2, 4), np.int64)
        numbers = np.array([each.numerator], np.int64), np.array([each.denominator], np.int64)
        serve_rows(
            offsets_of([[0]]), int32([left]), int32([left]), [(0, int32([amount]), None, *numbers, None)], supply, step,
            told, cap=cap,
        )  # fmt: skip
        expected = served([Step(0, [amount], [each], [False])], 0, left=left, quantity=left, cap=cap)
        assert (supply[0], step[0], bool(told[0, 2])) == expected


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
    serve_rows(np.array([0, 1]), one, one, [given_], supply, step, told, cap=1 << 30)
    assert supply.tolist() == [amount >> 45]


def test_columns_of_different_lengths_are_refused() -> None:
    one, two = np.ones(1, np.int32), np.ones(2, np.int32)
    with pytest.raises(EventsRejected, match="differs in length"):
        serve_rows(
            np.array([0, 1]), one, two, [], np.zeros(1, np.int32), np.zeros(1, np.uint8),
            np.zeros((2, 3), np.int64), cap=1,
        )  # fmt: skip
    step = (0, two, None, np.ones(1, np.int64), np.ones(1, np.int64), None)
    with pytest.raises(EventsRejected, match="differs in length"):
        serve_rows(
            np.array([0, 1]), one, one, [step], np.zeros(1, np.int32), np.zeros(1, np.uint8),
            np.zeros((2, 4), np.int64), cap=1,
        )  # fmt: skip
