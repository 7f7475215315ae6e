"""Who has supply on a day agrees with the day-by-day simulation on any rows, stays and days."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.kernels.covered_on_days import covered_on_days
from tests.reference.drug_indicators import Row, covers_day
from tests.support.kernel_calls import int32, offsets_of, with_rows

DRUGS = ["A", "B", "C"]
ROWS = st.lists(
    st.builds(
        Row,
        day=st.integers(-6, 30),
        drug=st.sampled_from(DRUGS),
        supply=st.integers(0, 64 * 12).map(lambda part: Fraction(part, 64)),
    ),
    max_size=10,
).map(lambda rows: sorted(rows, key=lambda row: row.day))
STAYS = st.lists(st.tuples(st.integers(-8, 28), st.integers(1, 9)).map(lambda s: (s[0], s[0] + s[1])), max_size=3)
RULES = st.fixed_dictionaries(
    {
        "lookback": st.integers(0, 12),
        "cap": st.none() | st.integers(1, 20).map(Fraction),
        "carry_over": st.booleans(),
        "by_drug": st.booleans(),
    }
)


def covers(
    histories: list[list[Row]],
    rule: dict[str, Any],
    *,
    days: list[list[int]],
    exits: list[int],
    stays: list[list[tuple[int, int]]],
) -> np.ndarray:
    """What the kernel says; rows and stays are slices of longer columns."""
    rows = [row for history in histories for row in history]
    own = [stay for part in stays for stay in part]
    hospital = (
        offsets_of(stays),
        int32([9, *(admitted for admitted, _ in own)])[1:],
        int32([9, *(discharged for _, discharged in own)])[1:],
    )
    covered = np.full((len(days), len(histories)), 77, np.uint8)
    covered_on_days(
        with_rows(histories),
        offsets_of(histories),
        int32([9, *(row.day for row in rows)])[1:],
        int32(DRUGS.index(row.drug) for row in rows) if rule["by_drug"] else None,
        int32([-9, *(int(row.supply * 64) for row in rows)])[1:],
        hospital if own else None,
        np.array(days, np.int32).reshape(len(days), len(histories)),
        int32(exits),
        covered,
        lookback_days=rule["lookback"],
        stock_cap_64ths=1 << 60 if rule["cap"] is None else int(rule["cap"] * 64),
        carry_over=rule["carry_over"],
    )
    return covered


@settings(max_examples=500, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=4), RULES, st.data())
def test_supply_on_a_day_is_that_of_the_day_by_day_simulation(histories, rule, data):
    day_of_each = st.lists(st.integers(-3, 34), min_size=len(histories), max_size=len(histories))
    days = data.draw(st.lists(day_of_each, min_size=1, max_size=3))
    exits = data.draw(day_of_each)
    with_stays = data.draw(st.booleans())
    stays = [sorted(data.draw(STAYS)) if with_stays else [] for _ in histories]
    found = covers(histories, rule, days=days, exits=exits, stays=stays)
    for place, of_persons in enumerate(days):
        for person, day in enumerate(of_persons):
            expected = covers_day(histories[person], day=day, exit_day=exits[person], stays=stays[person], **rule)
            assert found[place, person] == expected


def test_a_row_out_of_order_or_with_a_negative_supply_is_refused():
    rule = {"lookback": 9, "cap": None, "carry_over": True, "by_drug": True}
    asked: dict[str, Any] = {"days": [[5]], "exits": [90], "stays": [[]]}
    with pytest.raises(EventsRejected, match="row 1, column 'days_of_supply': the value is out of order"):
        covers([[Row(5, "A"), Row(4, "B")]], rule, **asked)
    with pytest.raises(EventsRejected, match="row 1, column 'days_of_supply': the value is negative"):
        covers([[Row(5, "A"), Row(6, "B", Fraction(-1))]], rule, **asked)


def test_columns_that_differ_in_length_are_refused():
    with pytest.raises(EventsRejected, match="differs in length"):
        covers([[Row(5, "A")]], {"lookback": 9, "cap": None, "carry_over": True, "by_drug": True}, days=[[5]],
               exits=[90, 91], stays=[[]])  # fmt: skip
