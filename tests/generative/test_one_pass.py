"""Kernels that answer many questions in one pass over rows agree with one question at a time."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage_core.indicators.window_sums import bits_by_window
from linkage_core.kernels.count_weighed import count_weighed
from linkage_core.kernels.covered_days import covered_days
from linkage_core.kernels.first_dispensing import first_dispensings
from linkage_core.kernels.sum_in_window import entries_in_windows, sum_in_windows, sum_levels_in_windows
from tests.reference.counting import tallied
from tests.reference.drug_indicators import Row, WeighedRow, covered, first_dispensed, rows_in, summed_by_level

FAR = 1 << 30
LEVELS = 4
DAYS = st.none() | st.integers(-5, 40)
WEIGHED = st.builds(
    WeighedRow,
    day=DAYS,
    weights=st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.integers(-(2**33), 2**33)),
    levels=st.lists(st.integers(0, LEVELS - 1), max_size=3, unique=True),
)
HISTORIES = st.lists(st.lists(WEIGHED, max_size=9), min_size=1, max_size=4)
VALID = st.tuples(st.integers(-5, 10), st.integers(10, 45))
PERSON_DAYS = st.integers(-2, 40)


def offsets_of(lists: list[list[object]]) -> np.ndarray:
    return np.concatenate(([0], np.cumsum([len(part) for part in lists]))).astype(np.int64)


def int32(values: object) -> np.ndarray:
    return np.array(list(values), np.int32)


def day_or_far(row: WeighedRow) -> int:
    return FAR if row.day is None else row.day


@settings(max_examples=300, deadline=None)
@given(HISTORIES, VALID, st.booleans(), st.booleans(), st.data())
def test_windows_are_added_up_as_if_each_were_asked_for_alone(histories, valid, by_calendar, one_level_a_row, data):
    persons, rows = len(histories), [row for history in histories for row in history]
    if one_level_a_row:
        for row in rows:
            row.levels = row.levels[:1] or [LEVELS - 1]
    exits = [data.draw(PERSON_DAYS) for _ in histories]
    if by_calendar:
        lengths = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
        first = data.draw(st.integers(-3, 5))
        bounds = np.cumsum([first, *lengths]).tolist()
        windows = [[(a, min(b, until)) for until in exits] for a, b in pairwise(bounds)]
        period_of_day = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
        asked = {"periods": (period_of_day, first, len(lengths)), "start": None, "end": int32(exits).reshape(1, -1)}
    else:
        starts = [data.draw(PERSON_DAYS) for _ in histories]
        ends = data.draw(st.lists(st.lists(PERSON_DAYS, min_size=persons, max_size=persons), min_size=1, max_size=3))
        windows = [list(zip(starts, own, strict=True)) for own in ends]
        asked = {"periods": None, "start": int32(starts), "end": np.array(ends, np.int32)}
    weights = [
        (int32(row.weights[0] for row in rows), int32(row.weights[1] for row in rows), False),
        (int32(row.weights[1] for row in rows), None, True),
        np.array([row.weights[2] for row in rows], np.int64),
    ]
    plain = [
        [
            WeighedRow(
                row.day, (row.weights[0] * row.weights[1], int(np.sign(row.weights[1])), row.weights[2]), row.levels
            )
            for row in history
        ]
        for history in histories
    ]
    offsets, day = offsets_of(histories), int32(day_or_far(row) for row in rows)
    sums, has_rows = np.zeros((3, len(windows), persons + 2), np.int64), np.zeros((len(windows), persons), np.uint8)
    sum_in_windows(offsets, day, weights, sums, has_rows, valid=valid, **asked)
    if one_level_a_row:
        code = int32(-1 if row.levels[0] == LEVELS - 1 else row.levels[0] for row in rows)
        levels = (code, int32(range(LEVELS)), LEVELS)
    else:
        levels = (
            offsets_of([row.levels for row in rows]), int32(level for row in rows for level in row.levels), LEVELS,
        )  # fmt: skip
    counts = np.zeros(len(windows), np.int64)
    entries_in_windows(offsets, day, levels, counts, valid=valid, **asked)
    room = np.concatenate(([0], np.cumsum(counts)))
    filled, entry = room[:-1].copy(), np.full((int(room[-1]), 4), -7, np.int64)
    latest = np.zeros(len(windows) * LEVELS, np.int64)
    sum_levels_in_windows(offsets, day, weights, levels, room, filled, entry, latest, valid=valid, **asked)
    for window, of_persons in enumerate(windows):
        expected = []
        for person, (start, end) in enumerate(of_persons):
            own = rows_in(plain[person], start=start, end=end, valid=valid)
            assert sums[:, window, person].tolist() == [sum(row.weights[which] for row in own) for which in range(3)]
            assert has_rows[window, person] == bool(own)
            expected += [((person, level), values) for level, values in summed_by_level(own)]
        found = entry[room[window] : filled[window]]
        who = [tuple(pair) for pair in found[:, :1].copy().view(np.int32).tolist()]
        assert list(zip(who, map(tuple, found[:, 1:].tolist()), strict=True)) == expected
    assert (sums[:, :, persons:] == 0).all()
    cell = int32(data.draw(st.integers(0, 1)) for _ in histories)
    among, counted = (
        [np.array([data.draw(st.booleans()) for _ in histories], np.uint8) for _ in windows] for _ in range(2)
    )
    whom = bits_by_window(among), bits_by_window(counted)
    measures = [(0, (2,), *whom), (-1, (0, 1), *whom)]
    tally, used = np.zeros((2, len(windows) + 1, LEVELS, 5), np.int64), np.zeros(LEVELS, np.uint8)
    count_weighed(offsets, day, weights, levels, measures, cell, used, tally, valid=valid, **asked)
    listed = [
        (window, person, level, values)
        for window, of_persons in enumerate(windows)
        for person, (start, end) in enumerate(of_persons)
        for level, values in summed_by_level(rows_in(plain[person], start=start, end=end, valid=valid))
    ]
    expected_tally, expected_used = tallied(listed, cell, among, counted, windows=len(windows), levels=LEVELS)
    assert (tally.tolist(), used.tolist()) == (expected_tally, expected_used)


QUESTIONS = st.lists(st.tuples(st.integers(0, 69), st.none() | st.integers(0, 1)), min_size=1, max_size=6, unique=True)
CODED_ROWS = st.lists(st.tuples(DAYS, st.integers(-1, 2), st.integers(-1, 2)), max_size=8)


@settings(max_examples=300, deadline=None)
@given(st.lists(CODED_ROWS, min_size=1, max_size=3), QUESTIONS, st.data())
def test_first_days_of_many_code_sets_are_those_of_each(histories, questions, data):
    """More code sets than a word has bits; set 69 holds every row, also one without a code."""
    persons, sets = len(histories), 70
    members = {number: data.draw(st.sets(st.integers(0, 2))) for number in {number for number, _ in questions}}
    valid = {number: data.draw(VALID) for number in members}
    windows = [[(data.draw(PERSON_DAYS), data.draw(PERSON_DAYS)) for _ in histories] for _ in range(2)]
    questions.sort(key=lambda question: question[0])
    of_code, of_every_row = np.zeros((3, 2), np.uint64), np.zeros(2, np.uint64)
    of_every_row[1] = np.uint64(1) << np.uint64(69 - 64)
    for number, codes in members.items():
        for code in codes:
            of_code[code, number // 64] |= np.uint64(1) << np.uint64(number % 64)
    rows = [row for history in histories for row in history]
    first = np.zeros((len(questions), persons), np.int32)
    first_dispensings(
        offsets_of(histories),
        int32(FAR if day is None else day for day, _, _ in rows),
        int32(code for _, code, _ in rows),
        int32(left for _, _, left in rows),
        of_code,
        of_every_row,
        int32(valid.get(number, (0, 0))[0] for number in range(sets)),
        int32(valid.get(number, (0, 0))[1] for number in range(sets)),
        np.searchsorted([number for number, _ in questions], range(sets + 1)).astype(np.int64),
        int32(-1 if window is None else window for _, window in questions),
        np.array(windows, np.int32)[:, :, 0].copy(),
        np.array(windows, np.int32)[:, :, 1].copy(),
        first,
        none=FAR,
    )
    for question, (number, window) in enumerate(questions):
        for person, history in enumerate(histories):
            plain = [(day, number == 69 or code in members[number], left) for day, code, left in history]
            start, end = (-FAR, FAR) if window is None else windows[window][person]
            expected = first_dispensed(plain, start=max(start, valid[number][0]), end=min(end, valid[number][1]))
            assert first[question, person] == (FAR if expected is None else expected)


DRUGS = ["A", "B", "C"]
STOCK_ROWS = st.lists(
    st.builds(
        Row,
        day=st.integers(-6, 30),
        drug=st.sampled_from(DRUGS),
        supply=st.integers(0, 64 * 12).map(lambda part: Fraction(part, 64)),
    ),
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(STOCK_ROWS, min_size=1, max_size=3),
    st.lists(st.sets(st.sampled_from(DRUGS), min_size=1), min_size=1, max_size=2),
    st.lists(st.integers(-2, 25), min_size=1, max_size=3),
    st.fixed_dictionaries(
        {
            "lookback": st.integers(0, 8),
            "cap": st.none() | st.integers(1, 20).map(Fraction),
            "carry_over": st.booleans(),
            "pooled": st.booleans(),
        }
    ),
    st.data(),
)
def test_one_simulation_answers_for_every_end_of_observation(histories, groups, lengths, rule, data):
    histories = [sorted(rows, key=lambda row: row.day) for rows in histories]
    stay = st.tuples(st.integers(-8, 28), st.integers(1, 9)).map(lambda drawn: (drawn[0], drawn[0] + drawn[1]))
    stays = [sorted(data.draw(st.lists(stay, max_size=2))) for _ in histories]
    starts = [data.draw(st.integers(0, 5)) for _ in histories]
    ends = [[start + length for start in starts] for length in lengths]
    rows, persons = [row for history in histories for row in history], len(histories)
    home, any_group, all_groups = np.full((3, len(ends) * persons), 77, np.int32)
    covered_days(
        offsets_of(histories),
        int32(row.day for row in rows),
        int32(DRUGS.index(row.drug) for row in rows),
        np.array([sum((drug in group) << bit for bit, group in enumerate(groups)) for drug in DRUGS], np.uint8),
        int32(int(row.supply * 64) for row in rows),
        int32(-100 for _ in groups),
        int32(100 for _ in groups),
        offsets_of(stays),
        int32(one[0] for part in stays for one in part),
        int32(one[1] for part in stays for one in part),
        int32(starts),
        np.array(ends, np.int32).reshape(-1),
        np.full(30, 255, np.uint8),
        np.full(10, 255, np.uint8),
        home,
        any_group,
        all_groups,
        lookback_days=rule["lookback"],
        stock_cap_64ths=1 << 60 if rule["cap"] is None else int(rule["cap"] * 64),
        carry_over=rule["carry_over"],
        pooled=rule["pooled"],
    )
    for place, of_persons in enumerate(ends):
        for person, history in enumerate(histories):
            cell = place * persons + person
            expected = (0, 0, 0)
            if of_persons[person] > starts[person]:
                expected = covered(
                    history, groups, start=starts[person], end=of_persons[person], stays=stays[person], **rule
                )
            assert (home[cell], any_group[cell], all_groups[cell]) == expected
