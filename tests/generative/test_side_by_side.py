"""Persons who are walked side by side get what each would get alone, for any rows."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.indicators.set_rows import SetRows
from linkage_core.indicators.side_by_side import RowsSideBySide, lay_rows
from linkage_core.kernels.covered_days_side_by_side import LONGEST_WINDOW, covered_days_side_by_side
from linkage_core.kernels.covered_side_by_side import covered_side_by_side
from linkage_core.kernels.episodes_side_by_side import episodes_side_by_side
from linkage_core.kernels.rows_side_by_side import lay_column, order_persons
from tests.reference.drug_indicators import Row, covered, covers_day
from tests.reference.side_by_side import LANES, numbered, rows_of_lane
from tests.reference.treatment_episodes import Dispensed, Rule, by_days
from tests.support.kernel_calls import int32, offsets_of, with_rows

NEVER, FAR = np.iinfo(np.int32).max, 1 << 30
CARRY = {"none": 0, "pooled": 1, "per_drug": 2}
SUPPLY = st.one_of(st.just(0), st.integers(0, 40 * 64), st.integers(0, 30).map(lambda days: days * 64))
DRUGS = "ABCDEFG"
ROWS = st.lists(
    st.tuples(st.integers(-5, 120), st.sampled_from("AB") | st.sampled_from(DRUGS), SUPPLY), max_size=12
).map(lambda rows: sorted(rows, key=lambda row: row[0]))
# More than two blocks of persons.
HISTORIES = st.lists(ROWS, max_size=20)
GAPS = st.lists(st.integers(0, 60), max_size=4)


def laid(persons: list[list[tuple[int, str, int]]]) -> tuple[RowsSideBySide, np.ndarray]:
    """Rows and supplies side by side; columns are slices of longer ones."""
    rows = [row for person in persons for row in person]
    day = int32([9, *(day for day, _, _ in rows)])[1:]
    picked = SetRows(slice(None), offsets_of(persons), day, None, with_rows(persons))
    found = lay_rows(picked, int32([9, *(DRUGS.index(drug) for _, drug, _ in rows)])[1:])
    return found, found.laid(int32([9, *(supply for _, _, supply in rows)])[1:])


@given(HISTORIES)
def test_each_person_has_her_rows_in_a_lane(persons):
    rows, supply = laid(persons)
    block_at = rows.block_at.tolist()
    held = [place for place, rows_of in enumerate(persons) if rows_of]
    assert sorted(set(rows.person.tolist())) == held
    assert len(rows.person) == -(-len(held) // LANES) * LANES
    for place, person in enumerate(rows.person.tolist()):
        own = persons[person]
        behind = block_at[place // LANES + 1] - block_at[place // LANES] - len(own)
        assert rows_of_lane(rows.day.tolist(), block_at, place) == [day for day, _, _ in own] + [FAR] * behind
        assert rows_of_lane(supply.tolist(), block_at, place) == [supply for _, _, supply in own] + [0] * behind
        numbers = numbered([drug for _, drug, _ in own])
        assert rows_of_lane(rows.drug.tolist(), block_at, place) == numbers + [0] * behind
        assert rows.drugs[place // LANES] > max(numbers)


def test_persons_of_a_block_have_as_many_rows_and_drugs():
    persons = [[(day, "ABC"[day % drugs], 64) for day in range(count)] for count in (3, 40, 9) for drugs in (1, 3)] * 8
    rows, _ = laid(persons)
    assert np.diff(rows.block_at).tolist() == [3, 9, 40, 3, 9, 40]
    assert rows.drugs.tolist() == [1, 1, 1, 3, 3, 3]


def episodes(persons: list[list[tuple[int, str, int]]], gaps: list[int], **asked: Any) -> tuple[np.ndarray, ...]:
    """Start, end, length of the first episode, number of episodes and start of the second."""
    rows, supply = laid(persons)
    count, (first_day, until_day) = len(persons), asked["window"]
    start, end = np.full((2, count), 77, np.int32)
    first, number, second = np.full((3, len(gaps), count), 77, np.int32)
    episodes_side_by_side(
        rows.person,
        rows.drugs,
        rows.block_at,
        rows.day,
        rows.drug,
        supply,
        np.full(count, first_day, np.int32),
        np.full(count, until_day, np.int32),
        np.full(count, asked["last_day"], np.int32),
        np.array(gaps, np.int32) * 64,
        start,
        end,
        first,
        number,
        second,
        days=asked["days"],
        carry=CARRY[asked["carry"]],
        append_gap=asked["append_gap"],
    )
    return start, end, first, number, second


@settings(max_examples=300)
@given(
    HISTORIES,
    GAPS,
    st.fixed_dictionaries(
        {
            "window": st.integers(0, 60).map(lambda day: (day, day + 40)),
            "days": st.integers(1, 130),
            "last_day": st.integers(-10, 130) | st.just(FAR),
            "carry": st.sampled_from(sorted(CARRY)),
            "append_gap": st.booleans(),
        }
    ),
)
def test_episodes_are_those_of_the_twin(persons, gaps, asked):
    start, end, first, number, second = episodes(persons, gaps, **asked)
    for person, rows in enumerate(persons):
        own = [Dispensed(day, drug, Fraction(supply, 64)) for day, drug, supply in rows if day >= asked["window"][0]]
        own = [row for row in own if row.supply > 0]
        if not own or own[0].day >= asked["window"][1]:
            assert (start[person], end[person]) == (NEVER, NEVER)
            assert not first[:, person].any()
            assert not number[:, person].any()
            assert (second[:, person] == NEVER).all()
            continue
        until = min(own[0].day + asked["days"], asked["last_day"])
        assert (start[person], end[person]) == (own[0].day, until)
        for place, gap in enumerate(gaps):
            rule = Rule(
                gap=Fraction(gap),
                days=until - own[0].day,
                carry=asked["carry"],
                append_gap=asked["append_gap"],
            )
            wanted = by_days(own, rule) if until > own[0].day else []
            assert number[place, person] == len(wanted)
            assert first[place, person] == (64 * (wanted[0].end - wanted[0].start) if wanted else 0)
            assert second[place, person] == (wanted[1].start if len(wanted) > 1 else NEVER)


@pytest.mark.parametrize(("carry", "days"), [("none", 30), ("pooled", 35), ("per_drug", 30)])
def test_of_several_drugs_on_one_day_the_longest_supply_counts(carry, days):
    rows = [(10, "A", 30 * 64), (10, "B", 5 * 64)]
    asked = {"window": (0, 60), "days": 100, "last_day": FAR, "append_gap": False}
    assert episodes([rows], [0], carry=carry, **asked)[2] == [[days * 64]]


def test_supply_of_many_years_does_not_overflow():
    persons = [[(day, "AB"[day % 2], (1 << 31) - 1) for day in range(3000)]]
    asked = {"window": (0, 9), "days": 3650, "last_day": FAR, "append_gap": False}
    for carry in CARRY:
        _, _, first, number, _ = episodes(persons, [0], carry=carry, **asked)
        assert (first.item(), number.item()) == (3650 * 64, 1)


RULES = st.fixed_dictionaries(
    {
        "lookback": st.integers(0, 40),
        "cap": st.none() | st.integers(1, 20).map(Fraction),
        "carry_over": st.booleans(),
        "by_drug": st.booleans(),
    }
)


@settings(max_examples=300, deadline=None)
@given(HISTORIES.filter(bool), RULES, st.data())
def test_supply_on_a_day_is_that_of_the_day_by_day_simulation(persons, rule, data):
    day_of_each = st.lists(st.integers(-3, 124), min_size=len(persons), max_size=len(persons))
    days, exits = data.draw(st.lists(day_of_each, min_size=1, max_size=3)), data.draw(day_of_each)
    found = covers(persons, rule, days, exits)
    for place, of_persons in enumerate(days):
        for person, day in enumerate(of_persons):
            own = [Row(row_day, drug, Fraction(supply, 64)) for row_day, drug, supply in persons[person]]
            assert found[place, person] == covers_day(own, day=day, exit_day=exits[person], stays=[], **rule)


def covers(persons, rule, days, exits):
    rows, supply = laid(persons)
    covered = np.full((len(days), len(persons)), 77, np.uint8)
    covered_side_by_side(
        rows.person,
        rows.drugs,
        rows.block_at,
        rows.day,
        rows.drug,
        supply,
        np.array(days, np.int32).reshape(len(days), len(persons)),
        int32(exits),
        covered,
        lookback_days=rule["lookback"],
        stock_cap_64ths=1 << 60 if rule["cap"] is None else int(rule["cap"] * 64),
        carry_over=rule["carry_over"],
        by_drug=rule["by_drug"],
    )
    return covered


def test_stocks_without_a_cap_do_not_overflow():
    persons = [[(day, "A", (1 << 31) - 1) for day in range(9)]]
    rule = {"lookback": 365, "cap": None, "carry_over": True, "by_drug": True}
    assert covers(persons, rule, [[100_000]], [FAR]) == [[0]]
    assert covers(persons, {**rule, "lookback": 200_000}, [[100_000]], [FAR]) == [[1]]


STAYS = st.lists(st.tuples(st.integers(-9, 110), st.integers(1, 12)), max_size=4).map(
    lambda stays: sorted((first, first + days) for first, days in stays)
)


@settings(max_examples=300, deadline=None)
@given(HISTORIES.filter(bool), RULES, st.data())
def test_days_covered_are_those_of_the_day_by_day_simulation(persons, rule, data):
    def one_each(what):
        return data.draw(st.lists(what, min_size=len(persons), max_size=len(persons)))

    starts, stays = one_each(st.integers(0, 90)), one_each(STAYS) if data.draw(st.booleans()) else None
    ends = [one_each(st.integers(-3, 124)) for _ in range(data.draw(st.integers(1, 3)))]
    found = days_covered_by(persons, rule, stays, starts, ends)
    asked = {name: rule[name] for name in ("lookback", "cap", "carry_over")}
    for place, of_persons in enumerate(ends):
        for person, end in enumerate(of_persons):
            own = [Row(day, drug, Fraction(supply, 64)) for day, drug, supply in persons[person]]
            wanted = covered(
                own,
                [{row.drug for row in own}],
                start=starts[person],
                end=end,
                pooled=not rule["by_drug"],
                stays=stays[person] if stays else [],
                **asked,
            )
            assert found[place, person] == wanted[1]


def days_covered_by(persons, rule, stays, starts, ends):
    rows, supply = laid(persons)
    hospital = None
    if stays:
        admitted, discharged = (int32(stay[which] for own in stays for stay in own) for which in (0, 1))
        hospital = offsets_of(stays), admitted, discharged
    found = np.full((len(ends), len(persons)), 77, np.int32)
    covered_days_side_by_side(
        rows.person,
        rows.drugs,
        rows.block_at,
        rows.day,
        rows.drug,
        supply,
        hospital,
        int32(starts),
        np.array(ends, np.int32),
        found,
        lookback_days=rule["lookback"],
        stock_cap_64ths=1 << 60 if rule["cap"] is None else int(rule["cap"] * 64),
        carry_over=rule["carry_over"],
        by_drug=rule["by_drug"],
    )
    return found


def test_days_covered_by_huge_stocks_in_the_longest_window_do_not_overflow():
    persons = [[(day, "AB"[day % 2], (1 << 31) - 1) for day in range(9)], []]
    rule = {"lookback": 9, "cap": None, "carry_over": True, "by_drug": True}
    last = LONGEST_WINDOW - 9
    assert days_covered_by(persons, rule, None, [0, FAR], [[last, last], [last - 7, FAR]]).tolist() == [
        [last, 0],
        [last - 7, 0],
    ]
    assert days_covered_by(persons, rule, [[(5, 9), (7, 10)], []], [0, 0], [[last, 9]]).tolist() == [[last - 5, 0]]
    with pytest.raises(EventsRejected, match="outside its range"):
        days_covered_by(persons, rule, None, [0, 0], [[last + 1, 0]])
    with pytest.raises(EventsRejected, match="differs in length"):
        days_covered_by(persons, rule, None, [0], [[9, 9]])


@pytest.mark.parametrize(
    ("rows", "rule"),
    [([(5, "A", 64), (6, "A", 64), (4, "A", 64)], "row 2.*order"), ([(5, "A", 64), (5, "A", -1)], "row 1.*negative")],
)
def test_rows_out_of_order_and_negative_supplies_are_refused(rows, rule):
    with pytest.raises(EventsRejected, match=rule):
        laid([[], rows])


def test_columns_that_differ_in_length_and_more_gaps_than_there_is_room_for_are_refused():
    asked = {"window": (0, 9), "days": 9, "last_day": 9, "append_gap": False, "carry": "none"}
    with pytest.raises(EventsRejected, match="differs in length"):
        episodes([[(1, "A", 64)]], list(range(9)), **asked)
    with pytest.raises(EventsRejected, match="differs in length"):
        covers([[(1, "A", 64)]], {"lookback": 9, "cap": None, "carry_over": True, "by_drug": True}, [[5]], [9, 9])
    nothing, none = np.zeros(0, np.int32), np.zeros(1, np.int64)
    with pytest.raises(EventsRejected, match="differs in length"):
        order_persons(nothing, none, int32([1]), nothing, nothing, nothing, nothing, nothing, none)
    with pytest.raises(EventsRejected, match="differs in length"):
        lay_column(none, nothing, none, int32([1]), nothing, of_no_row=0, may_be_negative=False)
