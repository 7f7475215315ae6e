"""The indicator kernels agree with day-by-day references on any rows."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.indicators.follow_up import FAR, days
from linkage_core.kernels.drugs_at_date import drugs_at_date
from linkage_core.kernels.first_dispensing import first_dispensing
from linkage_core.kernels.last_rows import last_rows
from linkage_core.kernels.net_reversals import net_reversals
from tests.reference.drug_indicators import (
    Row,
    covered,
    drugs_at,
    first_dispensed,
    netted,
    netted_by_row,
    of_last_day,
)
from tests.support.kernel_calls import days_covered, int32, offsets_of

DRUGS = ["A", "B", "C"]
SOME_ROWS = st.lists(
    st.builds(
        Row,
        day=st.integers(-6, 30),
        drug=st.sampled_from(DRUGS),
        supply=st.integers(0, 64 * 12).map(lambda part: Fraction(part, 64)),
        packages=st.integers(-3, 3),
        tie=st.integers(0, 2),
    ),
    max_size=10,
)
HISTORIES = st.lists(SOME_ROWS, min_size=1, max_size=4)
STAYS = st.lists(st.tuples(st.integers(-8, 28), st.integers(1, 9)).map(lambda s: (s[0], s[0] + s[1])), max_size=3)


RULES = st.fixed_dictionaries(
    {
        "lookback": st.integers(0, 8),
        "cap": st.none() | st.integers(1, 20).map(Fraction),
        "carry_over": st.booleans(),
        "pooled": st.booleans(),
    }
)
GROUPS = st.lists(st.sets(st.sampled_from(DRUGS), min_size=1), min_size=1, max_size=2)


@settings(max_examples=400, deadline=None)
@given(HISTORIES, GROUPS, RULES, st.tuples(st.integers(0, 5), st.integers(1, 22)), st.data())
def test_covered_days_are_those_of_the_day_by_day_simulation(histories, groups, rule, window, data):
    start, length = window
    histories = [sorted(rows, key=lambda row: row.day) for rows in histories]
    with_stays = data.draw(st.booleans())
    stays = [sorted(data.draw(STAYS)) if with_stays else [] for _ in histories]
    persons, end = len(histories), start + length
    observed, any_group, all_groups = days_covered(
        histories, groups, rule, stays=stays, starts=[start] * persons, ends=[[end] * persons]
    )
    for person, history in enumerate(histories):
        expected = covered(history, groups, start=start, end=end, stays=stays[person], **rule)
        assert (observed[0, person], any_group[0, person], all_groups[0, person]) == expected


MANY_DRUGS = [f"drug {number}" for number in range(40)]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from([0, 1, 5, 9, 17, 60]), min_size=1, max_size=20),
    st.sampled_from([2, 8, 9, 40]),
    st.integers(1, 2),
    RULES,
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_persons_side_by_side_are_covered_as_each_alone(lengths, drugs, groups, rule, with_stays, random):  # noqa: PLR0917
    """More persons than a vector holds, of all lengths, with few drugs and with more than there is room for."""
    known = MANY_DRUGS[:drugs]
    sets = [set(random.sample(known, random.randint(1, drugs))) for _ in range(groups)]
    histories = [
        sorted(
            (
                Row(random.randint(-9, 25), random.choice(known), Fraction(random.randint(0, 200), 64))
                for _ in range(rows)
            ),
            key=lambda row: row.day,
        )
        for rows in lengths
    ]
    starts = [random.randint(-2, 6) for _ in histories]
    ends = [[random.randint(-3, 22) for _ in histories] for _ in range(random.randint(1, 3))]
    admitted = [[random.randint(-8, 20) for _ in range(random.choice([0, 0, 2]) * with_stays)] for _ in histories]
    stays = [sorted((day, day + random.randint(1, 6)) for day in days) for days in admitted]
    found = days_covered(histories, sets, rule, stays=stays, starts=starts, ends=ends)
    for number, last in enumerate(ends):
        for person, history in enumerate(histories):
            end = max(last[person], starts[person])
            expected = covered(history, sets, start=starts[person], end=end, stays=stays[person], **rule)
            assert tuple(answer[number, person] for answer in found) == expected


def test_supply_of_many_years_covers_no_more_than_is_observed():
    huge = [Row(day, "A", Fraction(2**31 - 1, 64)) for day in range(-5, 90)]
    for cap, lasts in ((None, 3650), (Fraction(2), 91)):
        rule = {"lookback": 3, "cap": cap, "carry_over": True, "pooled": False}
        _, any_group, _ = days_covered([huge], [{"A"}], rule, stays=[[]], starts=[0], ends=[[3650]])
        assert any_group.tolist() == [[lasts]]
    far = {"lookback": 3, "cap": None, "carry_over": True, "pooled": True}
    _, any_group, _ = days_covered([huge], [{"A"}], far, stays=[[]], starts=[0], ends=[[1 << 23]], valid=(-9, 99))
    assert any_group.tolist() == [[1 << 23]]


@settings(max_examples=200, deadline=None)
@given(HISTORIES, RULES, st.integers(-8, 12), st.integers(0, 25))
def test_a_code_set_covers_from_rows_of_its_own_days_only(histories, rule, valid_from, days):
    """One group; without codes, every row is of it."""
    histories = [sorted(rows, key=lambda row: row.day) for rows in histories]
    valid, persons = (valid_from, valid_from + days), len(histories)
    asked = {"starts": [2] * persons, "ends": [[20] * persons], "valid": valid}
    stays: list[list[tuple[int, int]]] = [[] for _ in histories]
    observed, by_code, _ = days_covered(histories, [set(DRUGS)], rule, stays=stays, **asked)
    if rule["pooled"] or not rule["carry_over"]:
        without = days_covered(histories, [set(DRUGS)], rule, stays=stays, codes=False, **asked)
        assert (without[1] == by_code).all()
    for person, history in enumerate(histories):
        own = [row for row in history if valid[0] <= row.day < valid[1]]
        expected = covered(own, [set(DRUGS)], start=2, end=20, stays=[], **rule)
        assert (observed[0, person], by_code[0, person]) == expected[:2]


@pytest.mark.parametrize("several_drugs", [False, True])
def test_a_row_out_of_order_or_with_a_negative_supply_is_refused(several_drugs):
    rule = {"lookback": 0, "cap": None, "carry_over": True, "pooled": False}
    asked = {"stays": [[]], "starts": [0], "ends": [[20]]}
    other = "B" if several_drugs else "A"
    with pytest.raises(EventsRejected, match="row 1, column 'days_of_supply': the value is out of order"):
        days_covered([[Row(5, "A"), Row(4, other)]], [{"A", "B"}], rule, **asked)
    with pytest.raises(EventsRejected, match="row 1, column 'days_of_supply': the value is negative"):
        days_covered([[Row(5, "A"), Row(6, other, Fraction(-1))]], [{"A", "B"}], rule, **asked)


def net(histories: list[list[Row]], *, by_row_order: bool) -> list[int]:
    rows = [row for history in histories for row in history]
    left = np.zeros(len(rows), np.int32)
    drug = [DRUGS.index(row.drug) for row in rows]
    # Two columns tell three products apart; ties are ordered as they are, and as a table has it that begins with -1.
    net_reversals(
        offsets_of(histories),
        int32(row.day for row in rows),
        int32(row.packages for row in rows),
        [int32(number == 0 for number in drug), int32(number == 1 for number in drug)],
        [(int32(row.tie > 1 for row in rows), None), (int32(1 - row.tie for row in rows), int32([2, 1, 0]))],
        np.array([place for place, row in enumerate(rows) if row.packages < 0], np.int64),
        left,
        by_row_order=by_row_order,
    )
    return left.tolist()


@settings(max_examples=400, deadline=None)
@given(HISTORIES)
def test_netting_takes_what_the_rule_says(histories):
    histories = [sorted(rows, key=lambda row: row.day) for rows in histories]
    assert net(histories, by_row_order=False) == [left for rows in histories for left in netted(rows)]
    assert net(histories, by_row_order=True) == [left for rows in histories for left in netted_by_row(rows)]


@settings(max_examples=300, deadline=None)
@given(SOME_ROWS, st.randoms(use_true_random=False))
def test_netting_does_not_depend_on_the_order_within_a_day(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = (sorted(order, key=lambda row: row.day) for order in (rows, shuffled))

    def kept(order: list[Row]) -> list[tuple[object, ...]]:
        left = net([order], by_row_order=False)
        return sorted((r.day, r.drug, r.packages, r.tie, kept) for r, kept in zip(order, left, strict=True) if kept > 0)

    assert kept(one) == kept(other)


ARROW_ROWS = st.lists(st.tuples(st.none() | st.integers(0, 30), st.booleans()), max_size=20)


@settings(max_examples=300, deadline=None)
@given(rows=ARROW_ROWS, cut=st.integers(0, 3), start=st.integers(0, 20), length=st.integers(0, 15))
def test_a_window_knows_rows_that_count_only_also_in_slices_with_nulls(rows, cut, start, length):
    day = days(pa.array([day for day, _ in rows], pa.date32()).slice(cut))
    rows, end = rows[cut:], start + length
    counts = np.array([counted for _, counted in rows], np.uint8)
    offsets, first = np.array([0, len(rows)], np.int64), np.zeros(1, np.int32)
    first_dispensing(offsets, day, counts, int32([start]), int32([end]), first, none=int(FAR))
    expected = first_dispensed(rows, start=start, end=end)
    assert first[0] == (int(FAR) if expected is None else expected)


DAY_ROWS = st.lists(st.tuples(st.integers(0, 8), st.booleans()), max_size=8).map(sorted)
WINDOWS = st.tuples(st.integers(-2, 9), st.integers(-2, 9))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(DAY_ROWS, WINDOWS), min_size=1, max_size=4))
def test_rows_of_the_last_day_are_found_in_each_window(persons):
    rows = [row for own, _ in persons for row in own]
    place, person, found = (
        np.empty(len(rows), np.int64),
        np.empty(len(rows), np.int64),
        np.empty(len(persons), np.uint8),
    )
    offsets = offsets_of([own for own, _ in persons])
    known = last_rows(
        offsets,
        int32([77, *(day for day, _ in rows)])[1:],
        np.array([counts for _, counts in rows], np.uint8),
        int32(start for _, (start, _) in persons),
        int32(end for _, (_, end) in persons),
        place,
        person,
        found,
    )
    expected = [of_last_day(own, start=start, end=end) for own, (start, end) in persons]
    assert found.tolist() == [bool(own) for own in expected]
    assert list(zip(person[:known], place[:known] - offsets[person[:known]], strict=True)) == [
        (number, own) for number, places in enumerate(expected) for own in places
    ]


@settings(max_examples=300, deadline=None)
@given(HISTORIES, st.lists(st.integers(0, 30), min_size=1, max_size=3), st.none() | st.integers(1, 9), st.booleans())
def test_drugs_at_a_date_are_those_whose_supply_covers_it(histories, at_days, fixed, by_code):
    rows = [row for history in histories for row in history]
    at_day = np.array([[day] * len(histories) for day in at_days], np.int32)
    seen, total = np.zeros(2, np.int32), np.full(at_day.shape, 77, np.int64)
    code, drug_of_code = int32(DRUGS.index(row.drug) for row in rows), int32([0, 1, -1, -1])
    given = int32(int(row.supply * 64) if fixed is None else row.packages for row in rows)
    drug, table = (code, drug_of_code) if by_code else (drug_of_code[code], None)
    day, weight = int32(row.day for row in rows), np.array([2, 5], np.int64)
    drugs_at_date(
        offsets_of(histories), day, drug, table, given, weight, at_day, seen, total, fixed_64ths=64 * (fixed or 0)
    )
    for person, history in enumerate(histories):
        lasting = history if fixed is None else [replace(row, supply=fixed * (row.packages > 0)) for row in history]
        for place, on_day in enumerate(at_days):
            drugs = drugs_at(lasting, day=on_day, counted={"A", "B"})
            assert total[place, person] == sum({"A": 2, "B": 5}[drug] for drug in drugs)


def test_rows_out_of_order_are_refused_with_their_row_and_no_value():
    with pytest.raises(EventsRejected, match="row 1, column 'dispensing_date': the value is out of order"):
        net([[Row(5, "A"), Row(4, "A", packages=-1)]], by_row_order=False)
