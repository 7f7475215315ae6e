"""The kernel of CMA1 to CMA9 agrees with its twin on any rows, and keeps the laws that the measures promise."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.kernels.medication_availability import list_events, measure_availability
from tests.reference.medication_availability import (
    MEASURES,
    STOPPED,
    Dispensing,
    Rule,
    Value,
    availability,
    events_of,
    gaps_of,
)

DRUGS = ["A", "B", "C"]
FOLLOW_UP = (0, 60)
ROWS = st.lists(
    st.builds(
        Dispensing,
        day=st.integers(-10, 70),
        drug=st.sampled_from(DRUGS),
        supply=st.integers(1, 4 * 30).map(lambda part: Fraction(part, 4)),
        dose=st.sampled_from([Fraction(1), Fraction(2), Fraction(4)]),
    ),
    max_size=9,
).map(lambda rows: sorted(rows, key=lambda row: row.day))
HISTORIES = st.lists(ROWS, min_size=1, max_size=4)
RULES = st.builds(Rule, st.booleans(), st.booleans(), st.booleans())
WINDOWS = st.tuples(st.integers(0, 40), st.integers(1, 60)).map(lambda w: (w[0], min(w[0] + w[1], 60)))
SETTINGS = settings(max_examples=300, deadline=None)


def columns(histories: list[list[Dispensing]]) -> tuple[np.ndarray, ...]:
    rows = [row for history in histories for row in history]
    return (
        np.concatenate(([0], np.cumsum([len(history) for history in histories]))).astype(np.int64),
        np.array([row.day for row in rows], np.int32),
        np.array([DRUGS.index(row.drug) for row in rows], np.int32),
        np.array([float(row.supply) for row in rows], np.float64),
        np.array([float(row.dose) for row in rows], np.float64),
    )


def measured(
    histories: list[list[Dispensing]],
    rule: Rule,
    *windows: tuple[int, int],
    follow_up: tuple[int, int] = FOLLOW_UP,
    given_columns: tuple[np.ndarray, ...] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(value, state) by measure, window and person."""
    persons = len(histories)
    number, state = (np.full((9, len(windows), persons), 9, kind) for kind in (np.float64, np.uint8))
    measure_availability(
        *(given_columns or columns(histories)),
        np.full(persons, follow_up[0], np.int32),
        np.full(persons, follow_up[1], np.int32),
        np.repeat(np.array([[start] for start, _ in windows], np.int32), persons, axis=1),
        np.repeat(np.array([[end] for _, end in windows], np.int32), persons, axis=1),
        np.arange(9, dtype=np.int8),
        number,
        state,
        corrected=rule.corrected,
        same_medication=rule.same_medication,
        dosage_change=rule.dosage_change,
    )
    return number, state


def agrees(number: float, state: int, expected: Value, *, near_a_jump: bool) -> bool:
    if expected == STOPPED or near_a_jump:
        return near_a_jump or (state == 6 and number == 0)
    if expected is None:
        return state in (1, 2, 3) and number == 0
    assert not isinstance(expected, str)
    if isinstance(expected, float) and not math.isfinite(expected):
        return state == 3 and (number == expected or (math.isnan(number) and math.isnan(expected)))
    return state == 0 and math.isclose(number, expected, rel_tol=0, abs_tol=1e-12)


def near_a_jump(measure: str, history: list[Dispensing], rule: Rule, window: tuple[int, int]) -> bool:
    """CMA8 jumps where its moved start meets a day, or half a day is rounded; thirds come near to it in binary only."""
    if measure != "cma8" or not (rule.dosage_change and rule.corrected):
        return False
    rows = [row for row in history if FOLLOW_UP[0] <= row.day <= FOLLOW_UP[1]]
    ends = [event.day + event.lasting for event in events_of(rows, rule) if event.day < window[0]]
    return any((2 * end).denominator == 1 for end in ends)


@SETTINGS
@given(HISTORIES, RULES, st.lists(WINDOWS, min_size=1, max_size=3))
def test_every_measure_is_that_of_its_definition(histories, rule, windows):
    number, state = measured(histories, rule, *windows)
    for place, window in enumerate(windows):
        for person, history in enumerate(histories):
            expected = availability(history, follow_up=FOLLOW_UP, window=window, rule=rule)
            for row, measure in enumerate(MEASURES):
                assert agrees(
                    number[row, place, person],
                    state[row, place, person],
                    expected[measure],
                    near_a_jump=near_a_jump(measure, history, rule, window),
                ), (measure, window, number[row, place, person], state[row, place, person], expected[measure])


@SETTINGS
@given(HISTORIES, RULES, WINDOWS)
def test_events_have_the_interval_gap_and_carry_in_of_the_definition(histories, rule, window):
    given_columns, persons = columns(histories), len(histories)
    rows = len(given_columns[1])
    person, day = np.empty((2, rows), np.int32)
    supply, interval, gap, carried = np.empty((4, rows))
    bounds = [np.full(persons, day_, np.int32) for day_ in (*FOLLOW_UP, *window)]
    count = list_events(
        *given_columns, *bounds, person, day, supply, interval, gap, carried,
        corrected=rule.corrected, same_medication=rule.same_medication, dosage_change=rule.dosage_change,
    )  # fmt: skip
    expected = []
    for place, history in enumerate(histories):
        events = events_of([row for row in history if FOLLOW_UP[0] <= row.day <= FOLLOW_UP[1]], rule)
        used = [event for event in events if event.day <= window[1]]
        days = [*(event.day for event in used[1:]), window[1]]
        for event, until, uncovered in zip(used, days, gaps_of(used, window[1]), strict=False):
            interval_ = until - event.day if event.day >= window[0] else math.nan
            expected.append((place, event.day, event.supply, interval_, uncovered, event.carried))
        expected += [(place, e.day, e.supply, *[math.nan] * 3) for e in events[len(used) :]]
    found = list(zip(*(column[:count] for column in (person, day, supply, interval, gap, carried)), strict=True))
    assert len(found) == len(expected)
    assert np.allclose(np.array(found, float), np.array(expected, float), rtol=0, atol=1e-12, equal_nan=True)


@SETTINGS
@given(ROWS, RULES, WINDOWS, st.randoms(use_true_random=False))
def test_corrected_the_order_of_a_day_changes_no_bit(rows, rule, window, random):
    rule = Rule(corrected=True, same_medication=rule.same_medication, dosage_change=rule.dosage_change)
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = (measured([sorted(order, key=lambda row: row.day)], rule, window) for order in (rows, shuffled))
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])


@SETTINGS
@given(ROWS, RULES, WINDOWS, st.integers(-20_000, 20_000))
def test_a_shift_of_all_dates_changes_no_bit(rows, rule, window, days):
    moved = [Dispensing(row.day + days, row.drug, row.supply, row.dose) for row in rows]
    one = measured([rows], rule, window)
    other = measured(
        [moved], rule, (window[0] + days, window[1] + days), follow_up=(FOLLOW_UP[0] + days, FOLLOW_UP[1] + days)
    )
    assert np.array_equal(one[0], other[0], equal_nan=True)
    assert np.array_equal(one[1], other[1])


BAD = [Dispensing(5, "A", Fraction(0)), Dispensing(5, "A", Fraction(3), Fraction(0))]


@SETTINGS
@given(HISTORIES, RULES, WINDOWS, st.sampled_from(BAD), st.data())
def test_a_bad_person_has_a_reason_and_changes_nobody_else(histories, rule, window, bad, data):
    place = data.draw(st.integers(0, len(histories)))
    with_bad = [*histories[:place], [bad], *histories[place:]]
    number, state = measured(with_bad, rule, window)
    expected = 4 if bad.supply == 0 else 5 if rule.dosage_change else None
    if expected:
        assert (state[:, :, place] == expected).all()
        assert (number[:, :, place] == 0).all()
    alone = measured(histories, rule, window)
    assert np.array_equal(np.delete(number, place, axis=2), alone[0], equal_nan=True)
    assert np.array_equal(np.delete(state, place, axis=2), alone[1])


@SETTINGS
@given(HISTORIES, RULES, WINDOWS, st.integers(0, 3))
def test_slices_are_read_as_such_and_rows_that_are_no_events_do_not_count(histories, rule, window, before):
    """Columns are slices of longer ones; a missing supply is NaN, and a row that netting took away is negative."""
    offsets, day, drug, supply, dose = columns(histories)
    rows = len(day)
    plain = measured(histories, rule, window)

    def slice_of(column: np.ndarray, filler: float) -> np.ndarray:
        padded = np.concatenate((np.full(before, filler), column, np.full(2, filler))).astype(column.dtype)
        return padded[before : before + rows]

    sliced = (offsets, slice_of(day, 7), slice_of(drug, 1), slice_of(supply, np.nan), slice_of(dose, np.nan))
    assert np.array_equal(measured(histories, rule, window, given_columns=sliced)[0], plain[0], equal_nan=True)
    doubled = (
        offsets * 2,
        *(np.repeat(column, 2) for column in (day, drug)),
        np.stack((supply, np.full(rows, -1.0)), axis=1).ravel(),
        np.repeat(dose, 2),
    )
    number, state = measured(histories, rule, window, given_columns=doubled)
    assert np.array_equal(number, plain[0], equal_nan=True)
    assert np.array_equal(state, plain[1])
    inside = (day >= FOLLOW_UP[0]) & (day <= FOLLOW_UP[1])
    missing = (offsets, day, drug, np.full(rows, np.nan), dose)
    _, state = measured(histories, rule, window, given_columns=missing)
    for person in range(len(histories)):
        has_event = inside[offsets[person] : offsets[person + 1]].any()
        assert (state[:, 0, person] == (4 if has_event else plain[1][:, 0, person])).all()


@SETTINGS
@given(ROWS, st.booleans(), WINDOWS)
def test_corrected_differs_from_compatible_in_the_named_cases_only(rows, dosage_change, window):
    one_a_day = list({row.day: row for row in rows}.values())
    compatible, state = (part[:, 0, 0] for part in measured([one_a_day], Rule(False, False, dosage_change), window))
    corrected, corrected_state = (
        part[:, 0, 0] for part in measured([one_a_day], Rule(True, False, dosage_change), window)
    )
    for place, measure in enumerate(MEASURES):
        undefined = not math.isfinite(compatible[place]) or (measure == "cma4" and math.isinf(compatible[1]))
        if measure == "cma8" and corrected[place] == 1 and corrected_state[place] == 0:
            assert undefined or compatible[place] in (0, 1) or state[place] == 6
        elif undefined:
            assert (corrected[place], corrected_state[place]) == (0, 3)
        else:
            assert corrected_state[place] == state[place]
            assert math.isclose(corrected[place], compatible[place], rel_tol=0, abs_tol=1e-9)


def test_rows_out_of_order_are_refused():
    rows = [Dispensing(5, "A", Fraction(3)), Dispensing(4, "A", Fraction(3))]
    with pytest.raises(EventsRejected, match="out of order"):
        measured([rows], Rule(True, False, False), (0, 60))


def test_columns_of_different_length_are_refused():
    offsets, day, drug, supply, dose = columns([[Dispensing(5, "A", Fraction(3))]])
    with pytest.raises(EventsRejected, match="differs in length"):
        measured([[]], Rule(True, False, True), (0, 60), given_columns=(offsets, day, drug, supply, dose[:0]))
