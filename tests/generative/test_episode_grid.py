"""Episodes of a grid of supplies, rules of carry-over and gaps are those of the twin, for any rows."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.kernels.episode_grid import episode_grid
from tests.reference.treatment_episodes import Dispensed, Rule, by_days

NEVER = np.iinfo(np.int32).max
CARRY = {"none": 0, "pooled": 1, "per_drug": 2}
SUPPLY = st.one_of(st.just(0), st.integers(0, 40 * 64), st.integers(0, 30).map(lambda days: days * 64))


@st.composite
def histories(draw):
    """Rows of some persons (day, drug, 1/64 days by supply), by day, and how many supplies there are."""
    lanes = draw(st.integers(1, 8))
    row = st.tuples(
        st.integers(-5, 120), st.sampled_from("ABC"), st.lists(SUPPLY, min_size=lanes, max_size=lanes).map(tuple)
    )
    rows = st.lists(row, max_size=9).map(lambda rows: sorted(rows, key=lambda row: row[0]))
    # Nine times as many are more than are written at once.
    return draw(st.lists(rows, max_size=4)) * draw(st.sampled_from([1, 9])), lanes


RULES = st.lists(st.sampled_from(sorted(CARRY)), min_size=1, max_size=3, unique=True)
GAPS = st.lists(st.integers(0, 60), min_size=1, max_size=4)


def found(
    persons,
    lanes,
    *,
    rules,
    gaps,
    window=(0, 1 << 30),
    last_day=1 << 30,
    days=100,
    append_gap=False,
    exit_day=0,
    asked=(),
    tables=True,
):
    rows = [row for person in persons for row in person]
    count = len(persons)
    start, end = np.empty((2, lanes, count), np.int32)
    episodes, first = np.empty((2, len(rules), lanes, len(gaps), count), np.int32)
    answers = np.full((len(rules), lanes, len(asked), count), 77, np.uint8)
    # A slice, as callers may pass one.
    day = np.array([-1, *(day for day, _, _ in rows)], np.int32)[1:]
    episode_grid(
        np.cumsum([0, *(len(person) for person in persons)]).astype(np.int64),
        day,
        np.array([ord(drug) for _, drug, _ in rows], np.int32),
        [np.array([supply[lane] for _, _, supply in rows], np.int32) for lane in range(lanes)],
        np.full(count, window[0], np.int32),
        np.full(count, window[1], np.int32),
        np.full(count, last_day, np.int32),
        np.array(gaps, np.int32) * 64,
        np.array([CARRY[rule] for rule in rules], np.int32),
        start,
        end,
        [list(one) for one in episodes] if tables else [],
        [list(one) for one in first] if tables else [],
        np.full(count, exit_day, np.int32),
        np.array(asked, np.int32).reshape(-1, 3),
        answers,
        days=days,
        append_gap=append_gap,
    )
    return start, end, episodes, first, answers


@given(histories(), RULES, GAPS, st.integers(1, 130), st.integers(-10, 130), st.integers(0, 60), st.booleans())
def test_every_point_is_that_of_the_twin(drawn, rules, gaps, days, last_day, from_day, append_gap):  # noqa: PLR0917
    persons, lanes = drawn
    window = (from_day, from_day + 40)
    start, end, episodes, first, _ = found(
        persons, lanes, rules=rules, gaps=gaps, window=window, last_day=last_day, days=days, append_gap=append_gap
    )
    for person, rows in enumerate(persons):
        for lane in range(lanes):
            own = [Dispensed(day, drug, Fraction(supply[lane], 64)) for day, drug, supply in rows if day >= from_day]
            own = [row for row in own if row.supply > 0]
            if not own or own[0].day >= window[1]:
                assert (start[lane, person], end[lane, person]) == (NEVER, NEVER)
                assert not episodes[:, lane, :, person].any()
                assert not first[:, lane, :, person].any()
                continue
            until = min(own[0].day + days, last_day)
            assert (start[lane, person], end[lane, person]) == (own[0].day, until)
            for place, carry in enumerate(rules):
                for number, gap in enumerate(gaps):
                    rule = Rule(gap=Fraction(gap), days=until - own[0].day, carry=carry, append_gap=append_gap)
                    wanted = by_days(own, rule) if until > own[0].day else []
                    assert episodes[place, lane, number, person] == len(wanted)
                    length = wanted[0].end - wanted[0].start if wanted else 0
                    assert first[place, lane, number, person] == length * 64


def test_supply_of_many_years_does_not_overflow():
    rows = [(day, "A", (3650 * 64,)) for day in range(3000)]
    _, _, episodes, first, _ = found([rows], 1, rules=["pooled"], gaps=[0], days=3650)
    assert (episodes.item(), first.item()) == (1, 3650 * 64)


@pytest.mark.parametrize(
    ("rows", "rule"), [([(5, "A", (64,)), (4, "A", (64,))], "order"), ([(5, "A", (-1,))], "negative")]
)
def test_rows_out_of_order_and_negative_supplies_are_refused(rows, rule):
    with pytest.raises(EventsRejected, match="row"):
        found([rows], 1, rules=["none"], gaps=[0])


@pytest.mark.parametrize(
    "change", [{"gaps": list(range(9))}, {"gaps": []}, {"rules": []}, {"rules": ["none"] * 4}, {"lanes": 9}]
)
def test_more_than_the_kernel_has_room_for_is_refused(change):
    rows = [[(0, "A", (64,) * 9)]]
    with pytest.raises(EventsRejected):
        found(rows, **{"lanes": 1, "rules": ["none"], "gaps": [0], **change})


def test_a_table_of_another_shape_is_refused():
    nothing = np.zeros(1, np.int32)
    table = np.zeros((1, 1), np.int32)
    for wrong in ([[np.zeros((2, 1), np.int32)]], [[np.zeros((1, 2), np.int32)]], [[table], [table]]):
        with pytest.raises(EventsRejected):
            episode_grid(
                np.array([0, 1]), nothing, nothing, [nothing], nothing, nothing, nothing, nothing, nothing,
                table.copy(), table.copy(), [], wrong, nothing, np.zeros((0, 3), np.int32),
                np.zeros((1, 1, 0, 1), np.uint8), days=1, append_gap=False,
            )  # fmt: skip


@given(
    histories(), RULES, GAPS, st.integers(1, 130), st.integers(0, 130), st.booleans(),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 120)), min_size=1, max_size=5),
)  # fmt: skip
def test_answers_are_what_lengths_of_the_first_episode_tell(drawn, rules, gaps, days, exit_day, append_gap, asked):  # noqa: PLR0917
    persons, lanes = drawn
    asked = [(gap % len(gaps), which, length) for gap, which, length in asked]
    same = {"rules": rules, "gaps": gaps, "days": days, "append_gap": append_gap, "exit_day": exit_day, "asked": asked}
    start, _, _, first, answers = found(persons, lanes, **same)
    *_, alone = found(persons, lanes, tables=False, **same)
    assert (answers == alone).all()
    begun = start < NEVER
    room = np.where(begun, np.minimum(np.where(begun, start, 0) + days, exit_day) - start, 0)
    for number, (gap, which, length) in enumerate(asked):
        lasts = first[:, :, gap]
        wanted = lasts > length * 64 if which else lasts + length * 64 < room * 64
        assert (answers[:, :, number] == wanted).all()


@pytest.mark.parametrize(
    "change",
    [{"asked": [(1, 0, 0)]}, {"asked": [(-1, 0, 0)]}, {"asked": [(0, 0, 0)] * 65}, {"gaps": [-1]}],
)
def test_a_question_of_no_gap_too_many_and_a_gap_below_nothing_are_refused(change):
    with pytest.raises(EventsRejected):
        found([[(0, "A", (64,))]], 1, **{"rules": ["none"], "gaps": [0], **change})
