"""Days on which drugs are at hand together are those of a walk from day to day."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.kernels.supply_together import supply_together
from tests.reference.concurrent_use import at_least, days_of_drugs, days_together, drugs_by_day, pair
from tests.reference.drug_indicators import Row
from tests.support.indicator_tables import drawn_set, evaluated, outcome, population, register
from tests.support.kernel_calls import int32, offsets_of

DRUGS = ["A", "B", "C", "D"]
ROWS = st.lists(
    st.builds(
        Row,
        day=st.integers(-12, 30),
        drug=st.sampled_from([*DRUGS, "nothing"]),
        supply=st.integers(0, 64 * 14).map(lambda part: Fraction(part, 64)),
    ),
    max_size=12,
).map(lambda rows: sorted(rows, key=lambda row: row.day))
GROUP = st.sets(st.sampled_from(DRUGS), min_size=1)
WAYS = st.fixed_dictionaries({"carry_over": st.booleans(), "cap": st.none() | st.integers(1, 20).map(Fraction)})


def lists_of(lists: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    return offsets_of(lists).astype(np.int32), int32(entry for entries in lists for entry in entries)


def swept(histories, first, second, least, way, *, start, ends, lookback, in_a_row):
    """Days of the pair, and of so many drugs of the first group, in slots; and days of all drugs."""
    both = first | second
    counters = [[c for c, group in enumerate((first, second, both)) if drug in group] for drug in DRUGS]
    rows = [row for history in histories for row in history]
    together = np.full((len(ends), 2, len(histories)), 77, np.int32)
    drug_days = np.full((len(ends), len(histories)), 77, np.int64)
    supply_together(
        offsets_of(histories),
        int32(row.day for row in rows),
        int32(DRUGS.index(row.drug) if row.drug in DRUGS else -1 for row in rows),
        int32(int(row.supply * 64) for row in rows),
        lists_of(counters),
        lists_of([[0, 1], [0], [0]]),
        np.array([[0, 1, 2], [0, -1, -1]], np.int32),
        np.array([[1, 1, 2], [least, 0, 0]], np.int32),
        int32([1, 0]),
        int32([start] * len(histories)),
        np.array([[end] * len(histories) for end in ends], np.int32),
        together,
        drug_days,
        longest=12,
        lookback_days=lookback,
        stock_cap_64ths=1 << 60 if way["cap"] is None else int(way["cap"] * 64),
        carry_over=way["carry_over"],
        in_a_row=in_a_row,
    )
    return together, drug_days


@settings(max_examples=500, deadline=None)
@given(
    st.lists(ROWS, min_size=1, max_size=4),
    GROUP,
    GROUP,
    st.tuples(st.integers(1, 3), WAYS, st.booleans()),
    st.tuples(st.integers(-3, 8), st.integers(0, 10), st.lists(st.integers(0, 25), min_size=1, max_size=3)),
)
def test_days_together_are_those_of_the_day_by_day_simulation(histories, first, second, rule, window):
    least, way, in_a_row = rule
    start, lookback, lengths = window
    ends = [start + length for length in sorted(lengths)]
    together, drug_days = swept(
        histories, first, second, least, way, start=start, ends=ends, lookback=lookback, in_a_row=in_a_row
    )
    for person, history in enumerate(histories):
        counted = [row for row in history if row.drug in DRUGS]
        for place, end in enumerate(ends):
            covered = days_of_drugs(counted, first_day=start - lookback, end=end, **way)
            by_day = drugs_by_day(covered, start=start, end=end)
            assert together[place, 0, person] == days_together(by_day, at_least(first, least), in_a_row=in_a_row)
            assert together[place, 1, person] == days_together(by_day, pair(first, second), in_a_row=in_a_row)
            assert drug_days[place, person] == sum(map(len, by_day))


DAILY = drawn_set(
    'id = "days"\nkind = "drugs_at_date"\nat_day = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\nrule = "supply"\nsupply = "given"\n'
    'denominator = "all"\nat_least = 2',
    'id = "mean"\nkind = "polypharmacy"\nobserve = { from = 0, to = 10 }\nrule = "supply"\nsupply = "given"\n'
    "at_least = 2",
    'id = "within"\nkind = "drugs_at_date"\nat_day = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\nrule = "dispensed"\n'
    'dispensed_within_days = 4\ndenominator = "all"',
    'id = "over"\nkind = "polypharmacy"\nobserve = { from = 0, to = 10 }\nrule = "dispensed"\n'
    "dispensed_within_days = 4",
)
DISPENSED = st.fixed_dictionaries(
    {
        "person": st.sampled_from(["anna", "bo"]),
        "day": st.integers(-8, 12),
        "atc": st.sampled_from(["C10AA05", "C10AA01", "B01AC06", "c10aa05"]),
        "packages": st.sampled_from([1, 1, 2, -1]),
        "days_supply": st.integers(1, 9),
    }
)


@settings(max_examples=150, deadline=None)
@given(st.lists(DISPENSED, min_size=1, max_size=10))
def test_drugs_over_time_are_the_drugs_of_each_day(rows):
    people = ["anna", "bo"]
    values = evaluated(DAILY, population=population(people), lmed=register(people, rows, date_column="dispensing_date"))
    for daily, rule, over in (
        ("days", "rule=supply", "mean"),
        ("within", "dispensed_within_days=4", "over"),
    ):
        drugs = [outcome(values[f"{daily}/at_day={day};{rule}"]) for day in range(10)]
        mean = outcome(values[f"{over}/observe_days=10;{rule};measure=mean_drugs"])
        for person in range(2):
            assert mean[person][0] == sum(day[person][0] for day in drugs) / 10
    many = [outcome(values[f"days/at_day={day};rule=supply;at_least=2"]) for day in range(10)]
    share = values["mean/observe_days=10;rule=supply;measure=share_of_days;drugs=2"].value
    assert share.tolist() == [sum(day[person][0] for day in many) for person in range(2)]


def test_rows_out_of_order_or_with_a_negative_supply_are_refused_with_their_row_and_no_value():
    asked = {"start": 0, "ends": [20], "lookback": 0, "in_a_row": False}
    way = {"carry_over": True, "cap": None}
    with pytest.raises(EventsRejected, match="row 1, column 'days_of_supply': the value is out of order"):
        swept([[Row(5, "A"), Row(4, "A")]], {"A"}, {"B"}, 1, way, **asked)
    with pytest.raises(EventsRejected, match="row 1, column 'days_of_supply': the value is negative"):
        swept([[Row(5, "A"), Row(6, "A", Fraction(-1))]], {"A"}, {"B"}, 1, way, **asked)
