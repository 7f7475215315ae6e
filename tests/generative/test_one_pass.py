"""Kernels that answer many questions in one pass over rows agree with one question at a time."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage_core.indicators.window_sums import bits_by_window
from linkage_core.kernels.count_weighed import count_weighed
from linkage_core.kernels.sum_in_window import (
    add_by_cell,
    entries_in_windows,
    mark_windows,
    sum_in_windows,
    sum_levels_in_windows,
)
from tests.reference.counting import tallied
from tests.reference.drug_indicators import Row, WeighedRow, covered, rows_in, summed_by_level
from tests.support.kernel_calls import days_covered, int32, offsets_of

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


def day_or_far(row: WeighedRow) -> int:
    return FAR if row.day is None else row.day


@settings(max_examples=300, deadline=None)
@given(HISTORIES, VALID, st.booleans(), st.booleans(), st.data())
def test_windows_are_added_up_as_if_each_were_asked_for_alone(histories, valid, by_calendar, one_level_a_row, data):
    persons, rows = len(histories), [row for history in histories for row in history]
    if one_level_a_row:
        for row in rows:
            row.levels = row.levels[:1] or [LEVELS - 1]
    if data.draw(st.booleans()):
        for history in histories:
            history.sort(key=day_or_far)
        rows = [row for history in histories for row in history]
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
    sums = np.zeros((3, len(windows), persons + 2), np.int64)
    sum_in_windows(offsets, day, weights, sums, valid=valid, **asked)
    has_rows, above = (
        np.zeros((len(windows) + 1, persons + 2), np.uint8),
        np.zeros((3, len(windows) + 1, persons + 2), np.uint8),
    )
    mark_windows(offsets, day, weights, has_rows, above, valid=valid, **asked)
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
            assert above[:, window, person].tolist() == [total > 0 for total in sums[:, window, person].tolist()]
            expected += [((person, level), values) for level, values in summed_by_level(own)]
        found = entry[room[window] : filled[window]]
        who = [tuple(pair) for pair in found[:, :1].copy().view(np.int32).tolist()]
        assert list(zip(who, map(tuple, found[:, 1:].tolist()), strict=True)) == expected
    for marks in (sums, has_rows, above):
        assert not marks[..., persons:].any()
    cell = int32(data.draw(st.integers(0, 1)) for _ in histories)
    among, counted = (
        [np.array([data.draw(st.booleans()) for _ in histories], np.uint8) for _ in windows] for _ in range(2)
    )
    whom = [bits_by_window(among), bits_by_window(counted)]
    by_cell = np.zeros((2, len(windows), 3), np.int64)
    words = np.ascontiguousarray(whom[0].T)
    add_by_cell(offsets, day, weights, words, cell, by_cell, valid=valid, **asked)
    for number, window in np.ndindex(2, len(windows)):
        whose = (cell == number) & (among[window] > 0)
        assert by_cell[number, window].tolist() == sums[:, window, :persons][:, whose].sum(axis=1).tolist()
    for place, masks in enumerate((among, counted)):
        if data.draw(st.booleans()):
            whom[place] = None
            masks[:] = np.ones_like(masks)
    measures = [(0, (), *whom), (-1, (0, 2), *whom)]
    tally, used = np.zeros((2, len(windows) + 1, LEVELS, 4), np.int64), np.zeros(LEVELS, np.uint8)
    count_weighed(offsets, day, weights, levels, measures, cell, used, tally, valid=valid, **asked)
    listed = [
        (window, person, level, values)
        for window, of_persons in enumerate(windows)
        for person, (start, end) in enumerate(of_persons)
        for level, values in summed_by_level(rows_in(plain[person], start=start, end=end, valid=valid))
    ]
    expected_tally, expected_used = tallied(listed, cell, among, counted, windows=len(windows), levels=LEVELS)
    assert (tally.tolist(), used.tolist()) == (expected_tally, expected_used)
    # Users of some persons and amounts of everybody, which are counted in one go.
    everybody = [np.ones_like(mask) for mask in among]
    tally[:], used[:] = 0, 0
    measures = [(0, (), whom[0], None), (-1, (0, 2), None, None)]
    count_weighed(offsets, day, weights, levels, measures, cell, used, tally, valid=valid, **asked)
    users, _ = tallied(listed, cell, among, everybody, windows=len(windows), levels=LEVELS)
    amounts, expected_used = tallied(listed, cell, everybody, everybody, windows=len(windows), levels=LEVELS)
    assert tally[..., 0].tolist() == np.array(users)[..., 0].tolist()
    assert tally[..., 1:].tolist() == np.array(amounts)[..., 1:].tolist()
    assert used.tolist() == expected_used


def test_persons_are_counted_together_as_if_each_were_alone():
    random = np.random.default_rng(5)
    rows_of_persons = [0, 3, 300, 0, 0, 128, 127, 1, 256, *random.integers(0, 20, 40).tolist(), 0]
    offsets = np.concatenate(([0], np.cumsum(rows_of_persons))).astype(np.int64)
    persons, rows = len(rows_of_persons), int(offsets[-1])
    day = np.concatenate([np.sort(random.integers(-2, 14, own)) for own in rows_of_persons]).astype(np.int32)
    code = random.integers(-1, LEVELS, rows).astype(np.int32)
    packages, factor = (random.integers(-2, 3, rows).astype(np.int32) for _ in range(2))
    cell, end = (random.integers(0, most, persons).astype(np.int32) for most in (2, 16))
    periods = (np.repeat(np.arange(3, dtype=np.int32), 4), 0, 3)

    def counted(first: int, past: int) -> tuple[np.ndarray, np.ndarray]:
        here = slice(offsets[first], offsets[past])
        tally, used = np.zeros((2, 4, LEVELS, 4), np.int64), np.zeros(LEVELS, np.uint8)
        weights = [(packages[here], None, False), (packages[here], None, True), (packages[here], factor[here], False)]
        among = bits_by_window([np.arange(first, past) % (2 + window) > 0 for window in range(3)])
        count_weighed(
            offsets[first : past + 1] - offsets[first],
            day[here],
            weights,
            (code[here], np.arange(LEVELS, dtype=np.int32), LEVELS),
            [(0, (), among, None), (-1, (1, 2), None, None)],
            cell[first:past],
            used,
            tally,
            periods=periods,
            valid=(-9, 99),
            start=None,
            end=end[np.newaxis, first:past].copy(),
        )
        return tally, used

    alone = [counted(person, person + 1) for person in range(persons)]
    tally, used = counted(0, persons)
    assert tally.tolist() == sum(own for own, _ in alone).tolist()
    assert used.tolist() == np.maximum.reduce([own for _, own in alone]).tolist()


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
    with_stays = data.draw(st.booleans())
    stays = [sorted(data.draw(st.lists(stay, max_size=2))) if with_stays else [] for _ in histories]
    starts = [data.draw(st.integers(0, 5)) for _ in histories]
    ends = [[start + length for start in starts] for length in lengths]
    observed, any_group, all_groups = days_covered(histories, groups, rule, stays=stays, starts=starts, ends=ends)
    for place, of_persons in enumerate(ends):
        for person, history in enumerate(histories):
            expected = (0, 0, 0)
            if of_persons[person] > starts[person]:
                expected = covered(
                    history, groups, start=starts[person], end=of_persons[person], stays=stays[person], **rule
                )
            assert (observed[place, person], any_group[place, person], all_groups[place, person]) == expected
