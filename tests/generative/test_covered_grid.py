"""Days covered in a grid of supplies and rules of carry-over are those of the twin, for any rows."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.kernels.covered_grid import covered_grid
from tests.reference.drug_indicators import Row, covered
from tests.support.kernel_calls import int32, offsets_of, with_rows

CARRY = {"none": 0, "pooled": 1, "per_drug": 2}
DRUGS = ["A", "B", "C"]
SUPPLY = st.one_of(st.just(0), st.integers(0, 12 * 64), st.integers(0, 9).map(lambda days: days * 64))
GROUPS = st.lists(st.sets(st.sampled_from(DRUGS), min_size=1), min_size=1, max_size=3)
STAYS = st.lists(
    st.tuples(st.integers(-12, 28), st.integers(1, 9)).map(lambda stay: (stay[0], stay[0] + stay[1])), max_size=3
).map(sorted)
CARRIED = st.lists(st.sampled_from(sorted(CARRY)), min_size=1, max_size=3, unique=True)


@st.composite
def histories(draw):
    """Rows of some persons (day, drug, 1/64 days by supply), by day, and how many supplies there are."""
    lanes = draw(st.integers(1, 8))
    row = st.tuples(
        st.integers(-8, 30), st.sampled_from(DRUGS), st.lists(SUPPLY, min_size=lanes, max_size=lanes).map(tuple)
    )
    rows = st.lists(row, max_size=10).map(lambda rows: sorted(rows, key=lambda row: row[0]))
    return draw(st.lists(rows, min_size=1, max_size=4)), lanes


def found(
    persons,
    lanes,
    groups,
    carried,
    ends,
    *,
    start=0,
    lookback=0,
    cap=None,
    all_groups=False,
    valid=(-100, 100),
    stays=None,
):
    """int32, rules x supplies x ends x persons."""
    rows = [row for person in persons for row in person]
    days = np.zeros((len(carried), lanes, len(ends), len(persons)), np.int32)
    hospital = None
    if stays is not None:
        each = [stay for person in stays for stay in person]
        hospital = (offsets_of(stays), int32(first for first, _ in each), int32(last for _, last in each))
    covered_grid(
        with_rows(persons),
        offsets_of(persons),
        # A slice, as callers may pass one.
        int32([-1, *(day for day, _, _ in rows)])[1:],
        int32(DRUGS.index(drug) if drug in DRUGS else -1 for _, drug, _ in rows),
        np.array([sum((drug in group) << bit for bit, group in enumerate(groups[:8])) for drug in DRUGS], np.uint8),
        [int32(supply[lane] for _, _, supply in rows) for lane in range(lanes)],
        int32([valid[0], *[-100] * len(groups)][: len(groups)]),
        int32([valid[1], *[100] * len(groups)][: len(groups)]),
        int32(CARRY[rule] for rule in carried),
        np.full(len(persons), start, np.int32),
        np.array([[end] * len(persons) for end in ends], np.int32),
        hospital,
        days,
        lookback_days=lookback,
        stock_cap_64ths=1 << 60 if cap is None else cap * 64,
        all_groups=all_groups,
    )
    return days


@settings(max_examples=200)
@given(
    histories(),
    GROUPS,
    CARRIED,
    st.lists(st.integers(-3, 26), min_size=1, max_size=3).map(sorted),
    st.integers(0, 8),
    st.none() | st.integers(1, 20),
    st.booleans(),
    st.none() | st.lists(STAYS, min_size=4, max_size=4),
)
def test_every_point_is_that_of_the_twin(drawn, groups, carried, ends, lookback, cap, all_groups, stays):  # noqa: PLR0917
    persons, lanes = drawn
    stays = stays and stays[: len(persons)]
    rule = {"start": 2, "lookback": lookback, "cap": cap, "all_groups": all_groups}
    days = found(persons, lanes, groups, carried, ends, **rule, stays=stays)
    for person, rows in enumerate(persons):
        for lane in range(lanes):
            own = [Row(day, drug, Fraction(supply[lane], 64)) for day, drug, supply in rows]
            for place, rule in enumerate(carried):
                for number, end in enumerate(ends):
                    _, by_any, by_all = covered(
                        own,
                        groups,
                        start=2,
                        end=max(end, 2),
                        lookback=lookback,
                        cap=None if cap is None else Fraction(cap),
                        carry_over=rule != "none",
                        pooled=rule == "pooled",
                        stays=stays[person] if stays else [],
                    )
                    assert days[place, lane, number, person] == (by_all if all_groups else by_any)


@given(histories(), CARRIED, st.integers(-8, 12), st.integers(0, 25))
def test_a_code_set_covers_from_rows_of_its_own_days_only(drawn, carried, valid_from, length):
    persons, lanes = drawn
    valid = (valid_from, valid_from + length)
    days = found(persons, lanes, [{"A", "B"}], carried, [20], start=2, lookback=5, valid=valid)
    own = [[row for row in rows if valid[0] <= row[0] < valid[1]] for rows in persons]
    assert (days == found(own, lanes, [{"A", "B"}], carried, [20], start=2, lookback=5)).all()


def test_a_row_without_a_code_and_a_person_without_an_observation_cover_nothing():
    rows = [(0, "?", (640,)), (1, "A", (64,))]
    assert found([rows], 1, [{"A"}], ["per_drug", "none"], [0, 10]).ravel().tolist() == [0, 1, 0, 1]
    assert not found([rows], 1, [{"A"}], ["per_drug", "none"], [5], start=5).any()


def test_supply_of_many_years_does_not_overflow():
    rows = [(day, "A", (3650 * 64,)) for day in range(3000)]
    assert found([rows], 1, [{"A"}], ["pooled", "per_drug", "none"], [3650]).ravel().tolist() == [3650] * 3
    huge = [(0, "A", (2**31 - 1,)), (1, "A", (2**31 - 1,))]
    assert found([huge], 1, [{"A"}], ["pooled", "none"], [3650]).ravel().tolist() == [3650] * 2


@pytest.mark.parametrize(
    ("rows", "rule"), [([(5, "A", (64,)), (4, "A", (64,))], "order"), ([(5, "A", (-1,))], "negative")]
)
def test_rows_out_of_order_and_negative_supplies_are_refused(rows, rule):
    with pytest.raises(EventsRejected, match=rule):
        found([rows], 1, [{"A"}], ["none"], [10])


@pytest.mark.parametrize("change", [{"lanes": 9}, {"groups": [{"A"}] * 9}, {"groups": []}])
def test_more_than_the_kernel_has_room_for_is_refused(change):
    arguments = {"lanes": 1, "groups": [{"A"}], **change}
    with pytest.raises(EventsRejected):
        found([[(0, "A", (64,) * 9)]], arguments["lanes"], arguments["groups"], ["none"], [10])
